//! The samples of one field, on their way into the files.

use std::borrow::Cow;
use std::path::Path;

use crate::compression::Compression;
use crate::dense::{Extend, check_fit, new_member};
use crate::error::{Error, Result};
use crate::format::dtype::{Dtype, Element};
use crate::format::fields::FieldSpec;
use crate::format::{Kind, Order};
use crate::options::Options;
use crate::ragged::encode::{self as ragged, EncodedBatch};
use crate::sample::Sample;
use crate::schema::{Header, MemberNames};
use crate::strings::{self, Payload};
use crate::txn::{Chunk, NewData, NewMember};

/// The samples of one field that are stored with those of the other fields.
///
/// ```
/// use mmap_ninja::{Dtype, FieldBatch};
/// let labels = FieldBatch::dense("label", &Dtype::of::<i64>(), &[2], &[3_i64, 7]);
/// assert_eq!(labels.len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct FieldBatch<'a> {
    spec: FieldSpec,
    values: Given<'a>,
    compression: Option<Compression>,
}

#[derive(Clone, Debug)]
enum Given<'a> {
    Ragged(Dtype, &'a [Sample<'a>]),
    RaggedGathered(Dtype, Gathered<'a>),
    Strings(Vec<&'a [u8]>),
    StringsGathered(Gathered<'a>),
    Dense(Header, &'a [u8]),
}

/// Samples that lie one after another, which are checked when they are encoded.
#[derive(Clone, Copy, Debug)]
struct Gathered<'a> {
    bytes: &'a [u8],
    offsets: &'a [i64],
    shapes: Option<&'a [i64]>,
}

impl<'a> Gathered<'a> {
    fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The bytes, the number of elements, and the shape of one sample, whose elements have `size` bytes.
    fn sample(&self, index: usize, size: usize) -> (&'a [u8], i64, Cow<'a, [i64]>) {
        let (start, end) = (self.offsets[index], self.offsets[index + 1]);
        let at = |offset: i64| usize::try_from(offset).unwrap_or(usize::MAX).saturating_mul(size);
        let shape = self.shapes.map_or_else(
            || vec![end - start].into(),
            |shapes| {
                let rank = shapes.len() / self.len();
                shapes[index * rank..(index + 1) * rank].into()
            },
        );
        (self.bytes.get(at(start)..at(end)).unwrap_or_default(), end - start, shape)
    }
}

impl<'a> FieldBatch<'a> {
    /// Samples of any shape and one dtype.
    #[must_use]
    pub fn ragged(name: &str, dtype: &Dtype, samples: &'a [Sample<'a>]) -> Self {
        Self::of(name, Kind::Ragged, Given::Ragged(dtype.clone(), samples))
    }

    /// UTF-8 texts.
    #[must_use]
    pub fn strings<S: AsRef<str>>(name: &str, strings: &'a [S]) -> Self {
        let strings = strings.iter().map(|string| string.as_ref().as_bytes()).collect();
        Self::of(name, Kind::String, Given::Strings(strings))
    }

    /// Samples of one dtype that lie one after another, as [`Ragged::append_gathered`](crate::Ragged::append_gathered)
    /// takes them.
    #[must_use]
    pub fn ragged_gathered(
        name: &str,
        dtype: &Dtype,
        bytes: &'a [u8],
        offsets: &'a [i64],
        shapes: Option<&'a [i64]>,
    ) -> Self {
        Self::of(name, Kind::Ragged, Given::RaggedGathered(dtype.clone(), Gathered { bytes, offsets, shapes }))
    }

    /// UTF-8 texts that lie one after another, as [`Strings::append_gathered`](crate::Strings::append_gathered) takes them.
    ///
    /// ```
    /// use mmap_ninja::FieldBatch;
    /// let names = FieldBatch::strings_gathered("name", "onezwei".as_bytes(), &[0, 3, 7]);
    /// assert_eq!(names.len(), 2);
    /// ```
    #[must_use]
    pub fn strings_gathered(name: &str, bytes: &'a [u8], offsets: &'a [i64]) -> Self {
        Self::of(name, Kind::String, Given::StringsGathered(Gathered { bytes, offsets, shapes: None }))
    }

    /// Rows of one dense array: `shape` is that of all rows, whose elements lie in C order.
    #[must_use]
    pub fn dense<T: Element>(name: &str, dtype: &Dtype, shape: &[u64], values: &'a [T]) -> Self {
        let header = Header { dtype: dtype.clone(), shape: shape.to_vec(), order: Order::C };
        Self::of(name, Kind::Numpy, Given::Dense(header, T::bytes(values)))
    }

    fn of(name: &str, kind: Kind, values: Given<'a>) -> Self {
        Self { spec: FieldSpec::new(name, kind), values, compression: None }
    }

    /// Compresses texts, where this batch creates the field.
    #[must_use]
    pub fn compressed(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Fixes the axes behind the first one of a ragged field, where this batch creates it: `&[4]` for boxes of four
    /// numbers.
    #[must_use]
    pub fn trailing_axes(mut self, axes: &[i64]) -> Self {
        self.spec.shape = Some(std::iter::once(-1).chain(axes.iter().copied()).collect());
        self
    }

    /// The number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            Given::Ragged(_, samples) => samples.len(),
            Given::RaggedGathered(_, samples) | Given::StringsGathered(samples) => samples.len(),
            Given::Strings(strings) => strings.len(),
            Given::Dense(header, _) => usize::try_from(header.rows()).unwrap_or(usize::MAX),
        }
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn name(&self) -> &str {
        &self.spec.name
    }

    /// The field, and what its samples are stored as.
    pub(crate) fn form(&self) -> (FieldSpec, Form) {
        let form = match &self.values {
            Given::Ragged(dtype, _) | Given::RaggedGathered(dtype, _) => Form::Ragged(dtype.clone()),
            Given::Strings(_) | Given::StringsGathered(_) => Form::Strings(self.compression),
            Given::Dense(header, _) => {
                Form::Dense(header.dtype.clone(), header.shape.get(1..).unwrap_or_default().to_vec())
            }
        };
        (self.spec.clone(), form)
    }

    /// The bytes, the number of elements, and the shape of one sample.
    pub(crate) fn sample(&self, index: usize) -> (&'a [u8], i64, Cow<'a, [i64]>) {
        match &self.values {
            Given::Ragged(dtype, samples) => {
                let Sample { bytes, shape } = samples[index];
                (bytes, (bytes.len() / dtype.item_size()) as i64, shape.into())
            }
            Given::RaggedGathered(dtype, samples) => samples.sample(index, dtype.item_size()),
            Given::StringsGathered(samples) => samples.sample(index, 1),
            Given::Strings(strings) => {
                let len = strings[index].len() as i64;
                (strings[index], len, vec![len].into())
            }
            Given::Dense(header, bytes) => {
                let size = bytes.len() / self.len();
                let axes = header.shape[1..].iter().map(|axis| axis.cast_signed()).collect::<Vec<_>>();
                let elements = (size / header.dtype.item_size()) as i64;
                (&bytes[index * size..(index + 1) * size], elements, axes.into())
            }
        }
    }

    /// Lays out the samples for the records in `dir`, the first of which will have the index `first`.
    pub(crate) fn encode(&'a self, dir: &Path, first: usize) -> Result<Column<'a>> {
        let (dir, compression) = (dir.join(&self.spec.name), self.compression);
        let values = match &self.values {
            Given::Ragged(dtype, samples) => {
                let batch = EncodedBatch::encode(&dir, first, dtype, samples)?;
                Values::Ragged { dtype: dtype.clone(), batch }
            }
            Given::RaggedGathered(dtype, Gathered { bytes, offsets, shapes }) => {
                let batch = EncodedBatch::of_gathered(&dir, first, dtype, bytes, offsets, *shapes)?;
                Values::Ragged { dtype: dtype.clone(), batch }
            }
            Given::Strings(strings) => Values::Strings { payload: Payload::Strings(strings), compression },
            Given::StringsGathered(Gathered { bytes, offsets, .. }) => {
                Values::Strings { payload: Payload::gathered(&dir, first, bytes, offsets)?, compression }
            }
            Given::Dense(header, bytes) => {
                check_fit(&dir, header, bytes.len())?;
                if header.shape.is_empty() {
                    let what = format!("{}: an array without axes has no row for each record", dir.display());
                    return Err(Error::Shape { what });
                }
                Values::Dense { header: header.clone(), chunks: vec![Chunk::from(*bytes)] }
            }
        };
        Ok(Column { spec: self.spec.clone(), values, len: self.len() })
    }
}

/// What the samples of a stream, or of one field of it, are stored as.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Ragged(Dtype),
    Strings(Option<Compression>),
    /// Rows of these axes.
    Dense(Dtype, Vec<u64>),
}

impl Form {
    /// Whether the first samples train a dictionary.
    pub fn trains(&self) -> bool {
        matches!(self, Self::Strings(Some(Compression { dict_size: Some(_), .. })))
    }
}

/// The encoded samples of one field.
pub(crate) struct Column<'a> {
    pub spec: FieldSpec,
    pub values: Values<'a>,
    /// The number of samples.
    pub len: usize,
}

/// What a field's dataset will store.
pub(crate) enum Values<'a> {
    Ragged { dtype: Dtype, batch: EncodedBatch<'a> },
    Strings { payload: Payload<'a>, compression: Option<Compression> },
    Dense { header: Header, chunks: Vec<Chunk<'a>> },
}

impl<'a> Column<'a> {
    /// The members of a new dataset of these samples alone; `dir` is its directory.
    pub fn new_members(&'a self, dir: &Path) -> Result<Vec<NewMember<'a>>> {
        let names = MemberNames::default();
        match &self.values {
            Values::Ragged { dtype, batch } => Ok(batch.new_members(&names, dtype)),
            Values::Strings { payload, compression } => {
                let codec = payload.codec(dir, *compression)?;
                payload.new_members(dir, &names, codec.as_ref())
            }
            Values::Dense { header, chunks } => {
                let data = NewData::Chunks(chunks.iter().map(Chunk::reborrow).collect());
                Ok(vec![new_member(header, data)])
            }
        }
    }

    /// Plans the append to the field's dataset in `dir`.
    pub fn planner(&'a self, dir: &'a Path, options: &'a Options) -> Result<FieldPlanner<'a>> {
        Ok(match &self.values {
            Values::Ragged { dtype, batch } => {
                FieldPlanner::Ragged(ragged::Append { dir, options, dtype, batch, expected: None })
            }
            Values::Strings { payload, compression } => {
                let compression = *compression;
                FieldPlanner::Strings(strings::Append { dir, options, compression, payload, expected: None })
            }
            Values::Dense { header, chunks } => {
                let chunks = chunks.iter().map(Chunk::reborrow).collect();
                FieldPlanner::Dense(Extend::new(dir, options, header, chunks, None)?)
            }
        })
    }

    /// Checks samples whose trailing axes are fixed.
    ///
    /// # Errors
    /// [`Error::Shape`], which names the first sample of another shape; the first of all will have the index `first`.
    pub fn check_axes(&self, dir: &Path, first: usize, axes: &[i64]) -> Result<()> {
        let Values::Ragged { batch, .. } = &self.values else { return Ok(()) };
        let Some((place, found)) = batch.position_without(axes) else { return Ok(()) };
        let (dir, name, index) = (dir.display(), &self.spec.name, first + place);
        let expected: Vec<_> = std::iter::once(-1).chain(axes.iter().copied()).collect();
        let what = format!("{dir}: record {index}: the field '{name}' has the shape {found:?}, expected {expected:?}");
        Err(Error::Shape { what })
    }
}

/// The planner of a field's own kind.
pub(crate) enum FieldPlanner<'a> {
    Ragged(ragged::Append<'a>),
    Strings(strings::Append<'a>),
    Dense(Extend<'a>),
}
