//! Samples on their way into the files: checked, and laid out as columns.

use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::column;
use crate::commit::{Build, Growth, NewMember, Source, link_or_copy};
use crate::dense::{Header, new_member};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::format::{self, Kind, MAX_AXES, Order};
use crate::layout::Layout;
use crate::ragged::{Sample, View, nested};

/// Encoded samples.
pub(crate) struct Batch<'a> {
    data: Vec<&'a [u8]>,
    source: Option<Source<'a>>,
    shapes: Cow<'a, Shapes>,
}

/// The shapes of samples, one after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    /// Elements of each sample.
    elements: Vec<i64>,
    /// The axes of all samples one after another; a scalar has the one entry 0.
    axes: Vec<i64>,
    /// Entries of each sample in `axes`.
    ranks: Vec<i64>,
}

impl Shapes {
    /// One more sample.
    pub fn push(&mut self, elements: i64, shape: &[i64]) {
        let shape = if shape.is_empty() { &[0] } else { shape };
        self.elements.push(elements);
        self.axes.extend_from_slice(shape);
        self.ranks.push(shape.len() as i64);
    }

    /// Samples.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Elements of each sample.
    pub fn elements(&self) -> &[i64] {
        &self.elements
    }

    /// More samples.
    fn extend(&mut self, others: &Self) {
        self.elements.extend_from_slice(&others.elements);
        self.axes.extend_from_slice(&others.axes);
        self.ranks.extend_from_slice(&others.ranks);
    }

    /// Forgets all samples, and keeps the memory for others.
    pub fn clear(&mut self) {
        self.elements.clear();
        self.axes.clear();
        self.ranks.clear();
    }
}

/// Where samples begin and end, and their shapes.
pub(crate) struct Offsets {
    starts: Vec<i64>,
    ends: Vec<i64>,
    shape_starts: Vec<i64>,
    shape_ends: Vec<i64>,
}

impl<'a> Batch<'a> {
    /// Checks and lays out `samples`, the first of which will have the index `first`.
    pub fn encode(dir: &Path, first: usize, dtype: &Dtype, samples: &[Sample<'a>]) -> Result<Self> {
        let (mut data, mut shapes) = (Vec::with_capacity(samples.len()), Shapes::default());
        for (i, sample) in samples.iter().enumerate() {
            let elements = count(sample, dtype).ok_or_else(|| misfit(dir, first + i, sample))?;
            data.push(sample.bytes);
            shapes.push(elements, sample.shape);
        }
        Ok(Self { data, source: None, shapes: Cow::Owned(shapes) })
    }

    /// Samples that lie one after another in pieces, with the shapes of those in each.
    pub fn packed(data: Vec<&'a [u8]>, mut shapes: impl Iterator<Item = &'a Shapes>) -> Self {
        let mut all = shapes.next().map_or_else(Cow::default, Cow::Borrowed);
        shapes.for_each(|more| all.to_mut().extend(more));
        Self { data, source: None, shapes: all }
    }

    /// Samples of another data set, whose `data.ninja` may be open in `file`.
    pub fn of(view: &'a View, range: Range<usize>, file: Option<&'a File>) -> Result<Self> {
        let (mut data, mut source, mut shapes) = (Vec::with_capacity(range.len()), None, Shapes::default());
        let size = view.item_size as i64;
        for index in range.clone() {
            let sample = view.get(index)?;
            data.push(sample.bytes);
            shapes.push(sample.bytes.len() as i64 / size, sample.shape);
        }
        if let Some(whole) = view.contiguous(range) {
            source = file.map(|file| Source { file, offset: view.data.range_of(whole).start as u64 });
            data = vec![whole];
        }
        Ok(Self { data, source, shapes: Cow::Owned(shapes) })
    }

    /// Samples.
    pub fn len(&self) -> usize {
        self.shapes.elements.len()
    }

    /// Elements of all samples.
    pub fn elements(&self) -> i64 {
        self.shapes.elements.iter().sum()
    }

    /// Entries of all shapes.
    pub fn axes(&self) -> usize {
        self.shapes.axes.len()
    }

    /// Whether every sample is 0-D or 1-D.
    pub fn is_flat(&self) -> bool {
        self.shapes.ranks.iter().all(|&rank| rank == 1)
    }

    /// Where the samples go, after `elements` elements and `axes` shape entries of others.
    pub fn offsets(&self, elements: i64, axes: i64) -> Offsets {
        let (starts, ends) = offsets(elements, &self.shapes.elements);
        let (shape_starts, shape_ends) = offsets(axes, &self.shapes.ranks);
        Offsets { starts, ends, shape_starts, shape_ends }
    }

    /// What the samples add to each member of `view`'s data set.
    pub fn growths(&'a self, layout: &Layout, view: &View, offsets: &'a Offsets) -> Vec<Growth<'a>> {
        let rows = view.len as u64;
        let size = view.item_size as u64;
        let (old, added) = (view.elements().cast_unsigned(), self.elements().cast_unsigned());
        let data = self.data.clone();
        let mut growths = vec![Growth {
            member: PathBuf::new(),
            rows: Some([old, old + added]),
            offset: old * size,
            chunks: data,
            source: self.source,
        }];
        let mut add = |member: PathBuf, rows: u64, values: &'a [i64]| {
            growths.push(column::growth(member, rows, values));
        };
        add(layout.flattened_shapes.clone().into(), rows, &self.shapes.elements);
        if view.is_flat() {
            add(layout.shapes.clone().into(), rows, &self.shapes.axes);
        } else {
            let inner = Layout::default();
            let before = offsets.shape_starts.first().copied().unwrap_or(0).cast_unsigned();
            add(layout.shapes.clone().into(), before, &self.shapes.axes);
            add(nested(layout, &inner.flattened_shapes), rows, &self.shapes.ranks);
            add(nested(layout, &inner.shapes), rows, &self.shapes.ranks);
            add(nested(layout, &inner.ends), rows, &offsets.shape_ends);
            add(nested(layout, &inner.starts), rows, &offsets.shape_starts);
        }
        add(layout.ends.clone().into(), rows, &offsets.ends);
        add(layout.starts.clone().into(), rows, &offsets.starts);
        growths
    }

    /// Writes a data set that holds these samples alone.
    pub fn create(&self, build: &Build, layout: &Layout, dtype: &Dtype) -> Result<()> {
        let offsets = self.offsets(0, 0);
        let elements = self.elements().cast_unsigned();
        let header = Header { dtype: dtype.clone(), shape: vec![elements], order: Order::C };
        let mut root = new_member(PathBuf::new(), Kind::Ragged, &header, self.data.clone());
        root.texts.push((format::SHAPES_ARE_FLAT, format::encode_flag(self.is_flat()).into()));
        build.write(&root)?;
        build.write(&column::create(layout.starts.clone().into(), &offsets.starts, false))?;
        build.write(&column::create(layout.ends.clone().into(), &offsets.ends, false))?;
        build.write(&column::create(layout.flattened_shapes.clone().into(), &self.shapes.elements, false))?;
        if self.is_flat() {
            return build.write(&column::create(layout.shapes.clone().into(), &self.shapes.axes, true));
        }
        create_shapes(build, layout, &self.shapes.axes, &self.shapes.ranks)
    }
}

/// Writes nested shapes: themselves ragged samples of int64.
fn create_shapes(build: &Build, layout: &Layout, axes: &[i64], ranks: &[i64]) -> Result<()> {
    let inner = Layout::default();
    let (starts, ends) = offsets(0, ranks);
    let header = column::header(axes.len() as u64, false);
    let mut root = new_member(layout.shapes.clone().into(), Kind::Ragged, &header, vec![bytemuck::cast_slice(axes)]);
    root.texts.push((format::SHAPES_ARE_FLAT, format::encode_flag(true).into()));
    build.write(&root)?;
    build.write(&column::create(nested(layout, &inner.starts), &starts, false))?;
    build.write(&column::create(nested(layout, &inner.ends), &ends, false))?;
    build.write(&column::create(nested(layout, &inner.flattened_shapes), ranks, false))?;
    build.write(&column::create(nested(layout, &inner.shapes), ranks, true))
}

/// Fills `build` with second names for all files of the 1-D data set in `dir`, but with nested shapes.
pub(crate) fn widen(build: &Build, dir: &Path, layout: &Layout, lengths: &[i64]) -> Result<()> {
    create_shapes(build, layout, lengths, &vec![1; lengths.len()])?;
    let flag = (format::SHAPES_ARE_FLAT, format::encode_flag(false).into());
    build.write(&NewMember { path: PathBuf::new(), texts: vec![flag], data: None, padded: false })?;
    for name in [format::TYPE, format::DTYPE, format::SHAPE, format::ORDER, format::DATA] {
        link_or_copy(&dir.join(name), &build.dir().join(name))?;
    }
    for key in [&layout.starts, &layout.ends, &layout.flattened_shapes] {
        link_or_copy(&dir.join(key), &build.dir().join(key))?;
    }
    Ok(())
}

/// Running sums: where each of `lengths` begins and ends, from `base` on.
pub(crate) fn offsets(base: i64, lengths: &[i64]) -> (Vec<i64>, Vec<i64>) {
    let ends = lengths.iter().scan(base, |end, length| {
        *end += length;
        Some(*end)
    });
    let ends: Vec<i64> = ends.collect();
    let starts = std::iter::once(base).chain(ends.iter().copied()).take(lengths.len()).collect();
    (starts, ends)
}

/// Elements of a sample whose bytes fit its shape.
fn count(sample: &Sample, dtype: &Dtype) -> Option<i64> {
    if sample.shape.len() > MAX_AXES {
        return None;
    }
    let shape: Vec<u64> = sample.shape.iter().map(|&axis| u64::try_from(axis).ok()).collect::<Option<_>>()?;
    let elements = format::element_count(&shape)?;
    let bytes = elements.checked_mul(dtype.item_size() as u64)?;
    if bytes == sample.bytes.len() as u64 { i64::try_from(elements).ok() } else { None }
}

fn misfit(dir: &Path, index: usize, sample: &Sample) -> Error {
    let what = format!(
        "{}: sample {index}: {} bytes do not fill the shape {:?}",
        dir.display(),
        sample.bytes.len(),
        sample.shape
    );
    Error::Shape { what }
}
