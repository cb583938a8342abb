//! What the mapped files of a ragged data set held at one moment.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::Sample;
use crate::batch::Batch;
use crate::column::{self, Column};
use crate::dense::{Header, check_size};
use crate::error::{Error, Result};
use crate::format::{self, Kind, MAX_AXES, is_possible};
use crate::gather::Plan;
use crate::layout::Layout;
#[cfg(feature = "python")]
use crate::mapping::Access;
use crate::mapping::{Mode, Region};
use crate::options::Options;
use crate::prefetch::{When, announce};
use crate::settle::settle;
use crate::storage::{kind_of, read_text};

/// The shapes of all samples.
#[derive(Clone, Debug)]
enum Shapes {
    /// Every sample is 0-D or 1-D: one entry each.
    Flat(Column),
    /// The axes of all samples one after another, and where those of each begin and end.
    Nested { axes: Column, starts: Column, ends: Column },
}

/// What the mapped files held at one moment. It is cheap to clone and never changes.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub dir: Arc<Path>,
    pub header: Option<Arc<Header>>,
    /// Bytes of one element; 1 where there is no data set.
    pub item_size: usize,
    pub len: usize,
    is_closed: bool,
    pub data: Region,
    starts: Column,
    ends: Column,
    /// Elements of each sample.
    pub elements: Column,
    shapes: Shapes,
}

impl View {
    /// No samples, and no directory.
    pub fn empty(dir: &Path) -> Self {
        Self {
            dir: dir.into(),
            header: None,
            item_size: 1,
            len: 0,
            is_closed: false,
            data: Region::empty(),
            starts: Column::empty(),
            ends: Column::empty(),
            elements: Column::empty(),
            shapes: Shapes::Flat(Column::empty()),
        }
    }

    /// No samples, and no more to come.
    #[cfg(feature = "python")]
    pub fn closed(dir: &Path) -> Self {
        Self { is_closed: true, ..Self::empty(dir) }
    }

    /// Tells the kernel that few samples will be looked at, far from each other.
    #[cfg(feature = "python")]
    pub fn expect_few_reads(&self) {
        let shapes = match &self.shapes {
            Shapes::Flat(shapes) => vec![shapes],
            Shapes::Nested { axes, starts, ends } => vec![axes, starts, ends],
        };
        for column in [&self.starts, &self.ends, &self.elements].into_iter().chain(shapes) {
            column.region().advise(Access::Random);
        }
    }

    pub fn open(dir: &Path, options: &Options) -> Result<Self> {
        match kind_of(dir)? {
            None => Ok(Self::empty(dir)),
            Some(Kind::Ragged) => {
                let view = settle(dir, &dir.join(&options.layout.starts), |shape, rest| {
                    Self::read(dir, options, shape, rest)
                })?;
                view.data.advise(options.access);
                Ok(view)
            }
            Some(found) => Err(Error::WrongKind { path: dir.to_owned(), expected: Kind::Ragged, found }),
        }
    }

    /// As many samples as the `shape` of starts counts: whatever is read after it counts at least as many.
    fn read(dir: &Path, options: &Options, shape: &[u64], at_rest: bool) -> Result<Self> {
        let layout = &options.layout;
        let starts = Column::counting(&dir.join(&layout.starts), shape, at_rest)?;
        let rows = starts.values().len() as u64;
        let path = dir.join(format::SHAPES_ARE_FLAT);
        let is_flat = format::parse_flag(&read_text(&path)?).ok_or_else(|| Error::corrupt(path, "neither 0 nor 1"))?;
        let column = |key: &str| Column::open(&dir.join(key), rows, false, at_rest);
        let (ends, elements) = (column(&layout.ends)?, column(&layout.flattened_shapes)?);
        if at_rest && rows > 0 {
            check_last(dir, layout, &starts, &ends, &elements)?;
        }
        let shapes = Shapes::read(&dir.join(&layout.shapes), rows, is_flat, at_rest)?;
        let (header, data) = read_data(dir, ends.values().last().copied(), options.mode, at_rest)?;
        Ok(Self {
            dir: dir.into(),
            item_size: header.dtype.item_size(),
            header: Some(Arc::new(header)),
            len: starts.values().len(),
            is_closed: false,
            data,
            starts,
            ends,
            elements,
            shapes,
        })
    }

    /// The sample at `index`, checked against the mapped bytes: whatever the files hold, nothing outside of them
    /// is reached.
    #[inline]
    pub fn get(&self, index: usize) -> Result<Sample<'_>> {
        if index >= self.len {
            return Err(self.absent(index as i64));
        }
        self.locate(index).ok_or_else(|| self.damaged(index))
    }

    #[inline]
    fn locate(&self, index: usize) -> Option<Sample<'_>> {
        let (start, end) = (*self.starts.values().get(index)?, *self.ends.values().get(index)?);
        let elements = end.checked_sub(start).filter(|_| start >= 0)?;
        let shape = self.shapes.get(index)?;
        let shape = if shape == [0] && elements == 1 { &[] } else { shape };
        if product(shape)? != elements {
            return None;
        }
        if elements == 0 && !is_possible(shape.iter().map(|axis| axis.cast_unsigned()), self.item_size as u64) {
            return None;
        }
        let byte = |element: i64| usize::try_from(element).ok()?.checked_mul(self.item_size);
        let bytes = self.data.bytes().get(byte(start)?..byte(end)?)?;
        Some(Sample { bytes, shape })
    }

    /// The samples at `indices`, whose pages are announced to the kernel.
    pub fn samples(&self, indices: &[usize], when: When) -> Result<Vec<Sample<'_>>> {
        let last = || indices.last().and_then(|&last| self.locate(last));
        let is_cold = when.is_now(&self.data, || last().map(|sample| self.data.range_of(sample.bytes)));
        if is_cold {
            announce(&self.columns(), indices.iter().map(|&index| column::place(index)));
        }
        let samples: Vec<_> = indices.iter().map(|&index| self.get(index)).collect::<Result<_>>()?;
        if is_cold {
            announce(&[&self.data], samples.iter().map(|sample| self.data.range_of(sample.bytes)));
        }
        Ok(samples)
    }

    /// What is read at the index of a sample, to find it.
    fn columns(&self) -> Vec<&Region> {
        let mut columns = vec![&self.starts, &self.ends];
        match &self.shapes {
            Shapes::Flat(column) => columns.push(column),
            Shapes::Nested { starts, ends, .. } => columns.extend([starts, ends]),
        }
        columns.into_iter().map(Column::region).collect()
    }

    /// The shape that a padded batch of the samples at `indices` will have. No samples have as many axes as the first
    /// one of all.
    pub fn plan(&self, indices: &[usize], samples: &[Sample], max_length: Option<usize>) -> Result<Plan> {
        let rank =
            samples.first().map_or_else(|| self.get(0).map_or(1, |first| first.shape.len()), |first| first.shape.len());
        Plan::new(samples, rank, max_length).map_err(|place| self.mixed(indices[0], indices[place]))
    }

    /// The bytes of the samples in `range` where they lie one after another, as they should.
    pub fn contiguous(&self, range: Range<usize>) -> Option<&[u8]> {
        let (starts, ends) = (self.starts.values().get(range.clone())?, self.ends.values().get(range)?);
        let follows = ends.iter().zip(starts.iter().skip(1)).all(|(end, start)| end == start);
        let (start, end) = (usize::try_from(*starts.first()?).ok()?, usize::try_from(*ends.last()?).ok()?);
        let size = self.item_size;
        if follows { self.data.bytes().get(start * size..end * size) } else { None }
    }

    /// Whether every sample is 0-D or 1-D.
    pub fn is_flat(&self) -> bool {
        matches!(self.shapes, Shapes::Flat(_))
    }

    /// The shape entry of every sample, where all are 0-D or 1-D.
    pub fn flat_shapes(&self) -> &[i64] {
        match &self.shapes {
            Shapes::Flat(column) => column.values(),
            Shapes::Nested { .. } => &[],
        }
    }

    /// Elements of all samples.
    pub fn elements(&self) -> i64 {
        let last = self.len.checked_sub(1).and_then(|last| self.ends.values().get(last));
        last.copied().unwrap_or(0)
    }

    /// Entries of all shapes.
    pub fn axes(&self) -> i64 {
        match &self.shapes {
            Shapes::Flat(column) => column.values().len() as i64,
            Shapes::Nested { ends, .. } => ends.values().last().copied().unwrap_or(0),
        }
    }

    /// The same data set after `batch` was appended to it.
    pub fn grown(&self, options: &Options, batch: &Batch) -> Result<Self> {
        let layout = &options.layout;
        let dir = &*self.dir;
        let len = self.len + batch.len();
        let column = |key: &str, column: &Column| column.grown(&dir.join(key), len);
        let elements = usize::try_from(self.elements() + batch.elements()).unwrap_or(usize::MAX);
        let size = elements.saturating_mul(self.item_size);
        let data = self.data.grown(&dir.join(format::DATA), options.mode, size)?;
        data.advise(options.access);
        Ok(Self {
            dir: self.dir.clone(),
            header: self.header.clone(),
            item_size: self.item_size,
            len,
            is_closed: false,
            data,
            starts: column(&layout.starts, &self.starts)?,
            ends: column(&layout.ends, &self.ends)?,
            elements: column(&layout.flattened_shapes, &self.elements)?,
            shapes: self.shapes.grown(
                &dir.join(&layout.shapes),
                len,
                usize::try_from(self.axes()).unwrap_or(usize::MAX).saturating_add(batch.axes()),
            )?,
        })
    }

    /// Why there is no sample at `index`.
    #[cold]
    pub fn absent(&self, index: i64) -> Error {
        match self.check_open() {
            Ok(()) => Error::OutOfRange { path: self.dir.to_path_buf(), index, len: self.len },
            Err(closed) => closed,
        }
    }

    pub fn check_open(&self) -> Result<()> {
        if self.is_closed { Err(Error::Closed { path: self.dir.to_path_buf() }) } else { Ok(()) }
    }

    /// A batch of samples with different numbers of axes.
    #[cold]
    fn mixed(&self, one: usize, other: usize) -> Error {
        let axes = |index| self.get(index).map_or(0, |sample| sample.shape.len());
        let what = format!(
            "{}: sample {one} has {} axes and sample {other} has {}; a padded batch needs as many of each",
            self.dir.display(),
            axes(one),
            axes(other)
        );
        Error::Shape { what }
    }

    /// Sample `index` is not what it should be.
    #[cold]
    fn damaged(&self, index: usize) -> Error {
        let bounds = (self.starts.values().get(index), self.ends.values().get(index));
        let what = match (bounds, self.shapes.get(index)) {
            ((Some(start), Some(end)), Some(shape)) => format!(
                "sample {index}: elements {start} to {end} and shape {shape:?} do not fit each other or the data"
            ),
            _ => format!("sample {index}: its shape lies outside the stored shapes"),
        };
        Error::corrupt(self.dir.join(format::DATA), what)
    }
}

impl Shapes {
    fn read(dir: &Path, rows: u64, is_flat: bool, at_rest: bool) -> Result<Self> {
        if is_flat {
            return Ok(Self::Flat(Column::open(dir, rows, true, at_rest)?));
        }
        let layout = Layout::default();
        let column = |key: &str, wide: bool| Column::open(&dir.join(key), rows, wide, at_rest);
        let (starts, ends) = (column(&layout.starts, false)?, column(&layout.ends, false)?);
        column(&layout.flattened_shapes, false)?;
        column(&layout.shapes, true)?;
        let total = ends.values().last().copied().unwrap_or(0);
        let total = u64::try_from(total).map_err(|_| Error::corrupt(dir.join(&layout.ends), "a negative end"))?;
        Ok(Self::Nested { axes: Column::open(dir, total, false, at_rest)?, starts, ends })
    }

    #[inline]
    fn get(&self, index: usize) -> Option<&[i64]> {
        match self {
            Self::Flat(column) => column.values().get(index..=index),
            Self::Nested { axes, starts, ends } => {
                let start = usize::try_from(*starts.values().get(index)?).ok()?;
                let end = usize::try_from(*ends.values().get(index)?).ok()?;
                axes.values().get(start..end).filter(|shape| shape.len() <= MAX_AXES)
            }
        }
    }

    fn grown(&self, dir: &Path, len: usize, total: usize) -> Result<Self> {
        let layout = Layout::default();
        match self {
            Self::Flat(column) => Ok(Self::Flat(column.grown(dir, len)?)),
            Self::Nested { axes, starts, ends } => Ok(Self::Nested {
                axes: axes.grown(dir, total)?,
                starts: starts.grown(&dir.join(&layout.starts), len)?,
                ends: ends.grown(&dir.join(&layout.ends), len)?,
            }),
        }
    }
}

/// The elements that a shape asks for.
#[inline]
pub(crate) fn product(shape: &[i64]) -> Option<i64> {
    shape.iter().try_fold(1_i64, |product, &axis| if axis < 0 { None } else { product.checked_mul(axis) })
}

/// The last sample ends where the members say so: what an opening can check without touching every sample.
fn check_last(dir: &Path, layout: &Layout, starts: &Column, ends: &Column, elements: &Column) -> Result<()> {
    let last = |column: &Column| column.values().last().copied().unwrap_or(0);
    if last(ends).checked_sub(last(starts)) == Some(last(elements)) {
        return Ok(());
    }
    Err(Error::corrupt(dir.join(&layout.ends), "the last sample's start, end and number of elements disagree"))
}

fn read_data(dir: &Path, end: Option<i64>, mode: Mode, at_rest: bool) -> Result<(Header, Region)> {
    let header = Header::read(dir)?;
    let end = end.unwrap_or(0);
    let committed = u64::try_from(end).map_err(|_| Error::corrupt(dir, "the last sample ends before the first"))?;
    if header.shape.len() != 1 || header.rows() < committed || (at_rest && header.rows() != committed) {
        let what = format!("the shape is {:?}, the samples end at element {committed}", header.shape);
        return Err(Error::corrupt(dir.join(format::SHAPE), what));
    }
    let data = mode.open(&dir.join(format::DATA))?;
    check_size(&data, &header, at_rest)?;
    let len = check_size(&data, &header.with_rows(committed), false)?;
    Ok((header, Region::open(&data, mode, len)?))
}
