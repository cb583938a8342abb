//! What the mapped files of a ragged dataset held at one moment.

use std::path::Path;
use std::sync::Arc;

use crate::batch::pad::{PaddedPlan, Padding};
use crate::column::Column;
use crate::error::{Error, Result};
use crate::extents::Extents;
use crate::format::{self, Kind, MAX_AXES};
use crate::io::advice::PrefetchPolicy;
use crate::io::mapping::{Access, Mode, Region};
use crate::memory;
use crate::options::Options;
use crate::plans::Piece;
use crate::sample::{Sample, checked_shape};
use crate::schema::{Header, Role, Schema, check_size, kind_of, read_is_flat};
use crate::txn::read_consistent;

/// The shapes of short samples that have one axis. Reading them here spares a row of a column, which may have to come from
/// far away; of longer samples, the data take longer than that.
static LENGTHS: [i64; 4096] = {
    let mut lengths = [0; 4096];
    let mut length = 0;
    while length < lengths.len() {
        lengths[length] = length as i64;
        length += 1;
    }
    lengths
};

/// The shapes of all samples.
#[derive(Clone, Debug)]
enum Shapes {
    /// Every sample is 0-D or 1-D: one entry each.
    Flat(Column),
    /// The axes of all samples one after another, and where those of each start and end.
    Nested { axes: Column, starts: Column, ends: Column },
}

/// What the mapped files held at one moment. It is cheap to clone and never changes.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub dir: Arc<Path>,
    /// That of the elements; `None` where there is no dataset.
    pub header: Option<Arc<Header>>,
    /// Bytes of one element; 1 where there is no dataset.
    pub item_size: usize,
    pub len: usize,
    is_closed: bool,
    pub extents: Extents,
    /// Elements of each sample.
    pub elements: Column,
    shapes: Shapes,
}

impl View {
    /// Samples of a directory that holds no dataset.
    pub fn empty(dir: &Path) -> Self {
        Self {
            dir: dir.into(),
            header: None,
            item_size: 1,
            len: 0,
            is_closed: false,
            extents: Extents::empty(),
            elements: Column::empty(),
            shapes: Shapes::Flat(Column::empty()),
        }
    }

    /// What a closed handle shows.
    pub fn closed(dir: &Path) -> Self {
        Self { is_closed: true, ..Self::empty(dir) }
    }

    /// Maps the dataset in `dir`, and reads no sample. `rows` is how many it has, where that is not for itself to say.
    pub fn open(dir: &Path, options: &Options, rows: Option<u64>) -> Result<Self> {
        match kind_of(dir)? {
            None => Ok(Self::empty(dir)),
            Some(Kind::Ragged) => {
                let commit_point = dir.join(Schema::ragged(&options.names, true).path(Role::Starts));
                let read = |shape: &[u64], quiescent| Self::read(dir, options, shape, quiescent);
                let view = read_consistent(dir, &commit_point, rows, read)?;
                view.extents.data.advise(options.access);
                Ok(view)
            }
            Some(found) => Err(Error::WrongKind { path: dir.to_owned(), expected: Kind::Ragged, found }),
        }
    }

    /// As many samples as the `shape` of the starts counts. Whatever is read after it counts at least as many.
    fn read(dir: &Path, options: &Options, shape: &[u64], quiescent: bool) -> Result<Self> {
        let starts = Column::counting(dir, Schema::ragged(&options.names, true), shape, quiescent)?;
        let schema = Schema::ragged(&options.names, read_is_flat(dir)?);
        let rows = starts.values().len() as u64;
        let column = |role| Column::open(dir, schema, role, rows, quiescent);
        let (ends, elements) = (column(Role::Ends)?, column(Role::Elements)?);
        if quiescent && rows > 0 {
            check_last(dir, schema, &starts, &ends, &elements)?;
        }
        let shapes = Shapes::read(dir, schema, rows, quiescent)?;
        let (header, data) = read_data(dir, ends.last(), options.mode, quiescent)?;
        Ok(Self {
            dir: dir.into(),
            item_size: header.dtype.item_size(),
            header: Some(Arc::new(header)),
            len: starts.values().len(),
            is_closed: false,
            extents: Extents { starts, ends, data },
            elements,
            shapes,
        })
    }

    /// The sample at `index`, checked against the mapped bytes: whatever the files hold, nothing outside of them is
    /// reached.
    #[inline]
    pub fn get(&self, index: usize) -> Result<Sample<'_>> {
        // All columns end with the last sample.
        self.locate(index).ok_or_else(|| self.missing(index))
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a call returns through memory, for which batches waited a quarter of their time"
    )]
    fn locate(&self, index: usize) -> Option<Sample<'_>> {
        let (start, end) = self.extents.get(index)?;
        let elements = end.checked_sub(start).filter(|_| start >= 0)?;
        let shape = match self.shapes.known(elements) {
            Some(shape) => shape,
            None => checked_shape(self.shapes.get(index)?, elements, self.item_size as u64)?,
        };
        let byte = |element: i64| usize::try_from(element).ok()?.checked_mul(self.item_size);
        let bytes = self.extents.data.bytes().get(byte(start)?..byte(end)?)?;
        Some(Sample { bytes, shape })
    }

    /// Whether to prefetch the samples at `indices`: a page of these, or of recent ones, was not in memory.
    pub fn is_due(&self, indices: &[usize]) -> bool {
        let last = || indices.last().and_then(|&last| self.get(last).ok()).map(|sample| sample.bytes);
        self.extents.is_due(PrefetchPolicy::IfCold, indices, last)
    }

    /// The sample at `index`, as [`View::get`] gives it. Now and then, its pages are prefetched if they are not in memory.
    #[inline]
    pub fn item(&self, index: usize) -> Result<Sample<'_>> {
        if !self.extents.skips_item() {
            self.probe(index);
        }
        self.get(index)
    }

    #[cold]
    #[inline(never)]
    fn probe(&self, index: usize) {
        let found = self.extents.probe_item(index, &self.columns(), || self.get(index), |sample| sample.bytes);
        drop(found);
    }

    /// The samples at `indices`, whose pages are prefetched.
    pub fn samples(&self, indices: &[usize], policy: PrefetchPolicy) -> Result<Vec<Sample<'_>>> {
        self.extents.fetch(&self.dir, indices, policy, &self.columns(), |index| self.get(index), |sample| sample.bytes)
    }

    /// The bytes of `pieces`, whose pages are prefetched. A piece ends within its sample; if `is_across`, within the samples
    /// that follow.
    pub fn pieces(&self, pieces: &[Piece], is_across: bool, policy: PrefetchPolicy) -> Result<Vec<&[u8]>> {
        let locate = |piece| self.locate_piece(piece, is_across);
        self.extents.fetch(&self.dir, pieces, policy, &self.columns(), locate, |bytes| bytes)
    }

    fn locate_piece(&self, piece: Piece, is_across: bool) -> Result<&[u8]> {
        let sample = self.get(piece.sample)?;
        let len = sample.bytes.len() / self.item_size;
        let (first, end) = if is_across {
            // `get` has checked where the sample starts.
            let first = self.extents.get(piece.sample).and_then(|(start, _)| usize::try_from(start).ok()).unwrap_or(0);
            (first, usize::try_from(self.elements()).unwrap_or(0))
        } else {
            (0, len)
        };
        let bytes = if is_across { self.extents.data.bytes() } else { sample.bytes };
        let range = first.checked_add(piece.start).and_then(|start| Some(start..start.checked_add(piece.len)?));
        let range = range.filter(|range| piece.start <= len && range.end <= end);
        let byte = |element: usize| element.checked_mul(self.item_size);
        let found = range.and_then(|range| bytes.get(byte(range.start)?..byte(range.end)?));
        found.ok_or_else(|| self.too_short(piece, len, is_across))
    }

    /// The columns that are read to find most samples.
    pub fn columns(&self) -> Vec<&Region> {
        let mut columns = vec![&self.extents.starts, &self.extents.ends];
        match &self.shapes {
            Shapes::Flat(column) if self.are_long() => columns.push(column),
            Shapes::Flat(_) => {}
            Shapes::Nested { starts, ends, .. } => columns.extend([starts, ends]),
        }
        columns.into_iter().map(Column::region).collect()
    }

    /// Tells the kernel how all files will be read.
    pub fn advise(&self, access: Access) {
        let (Shapes::Flat(shapes) | Shapes::Nested { axes: shapes, .. }) = &self.shapes;
        let others = [&self.extents.data, self.elements.region(), shapes.region()];
        self.columns().into_iter().chain(others).for_each(|region| region.advise(access));
    }

    /// Whether most samples have more elements than those whose shape is known without its column.
    fn are_long(&self) -> bool {
        usize::try_from(self.elements()).unwrap_or(usize::MAX) / self.len.max(1) >= LENGTHS.len()
    }

    /// The number of axes of a batch of samples. One of no samples has those of the first sample of the dataset.
    pub fn rank_of(&self, samples: &[Sample]) -> usize {
        let first = samples.first().copied().map_or_else(|| self.get(0), Ok);
        first.map_or(1, |first| first.shape.len())
    }

    /// The shape that a padded batch of the samples at `indices` will have.
    pub fn plan_padded(&self, indices: &[usize], samples: &[Sample], padding: &Padding) -> Result<PaddedPlan> {
        let rank = self.rank_of(samples);
        let lengths = memory::with_room(&self.dir, samples.len().saturating_mul(rank))?;
        PaddedPlan::new(samples, rank, padding, lengths)
            .map_err(|place| self.mixed_ranks(indices[0], indices[place], "a padded batch"))
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
        let last = self.len.checked_sub(1).and_then(|last| self.extents.ends.get(last));
        last.unwrap_or(0)
    }

    /// Entries of all shapes.
    pub fn axes(&self) -> i64 {
        match &self.shapes {
            Shapes::Flat(column) => column.values().len() as i64,
            Shapes::Nested { ends, .. } => ends.last(),
        }
    }

    /// The view after an append of `samples` samples, which have `elements` elements and `axes` entries of shapes in all.
    pub fn grown(&self, options: &Options, samples: usize, elements: i64, axes: usize) -> Result<Self> {
        let (dir, schema) = (&*self.dir, Schema::ragged(&options.names, self.is_flat()));
        let len = self.len + samples;
        let size = usize::try_from(self.elements() + elements).unwrap_or(usize::MAX).saturating_mul(self.item_size);
        let data = self.extents.data.grown(|| dir.join(format::DATA), options.mode, size)?;
        data.advise(options.access);
        let total_axes = usize::try_from(self.axes()).unwrap_or(usize::MAX).saturating_add(axes);
        Ok(Self {
            dir: self.dir.clone(),
            header: self.header.clone(),
            item_size: self.item_size,
            len,
            is_closed: false,
            extents: self.extents.grown(dir, schema, len, data)?,
            elements: self.elements.grown(dir, schema, Role::Elements, len)?,
            shapes: self.shapes.grown(dir, schema, len, total_axes)?,
        })
    }

    /// The error for an index without a sample.
    #[cold]
    pub fn out_of_range(&self, index: i64) -> Error {
        match self.check_open() {
            Ok(()) => Error::OutOfRange { path: self.dir.to_path_buf(), index, len: self.len },
            Err(closed) => closed,
        }
    }

    pub fn check_open(&self) -> Result<()> {
        if self.is_closed { Err(Error::Closed { path: self.dir.to_path_buf() }) } else { Ok(()) }
    }

    /// The error for samples with different numbers of axes, where `what` is made of them.
    #[cold]
    pub fn mixed_ranks(&self, one: usize, other: usize, what: &str) -> Error {
        let axes = |index| self.get(index).map_or(0, |sample| sample.shape.len());
        let what = format!(
            "{}: sample {one} has {} axes and sample {other} has {}; {what} needs samples of one rank",
            self.dir.display(),
            axes(one),
            axes(other)
        );
        Error::Shape { what }
    }

    /// The error for a piece that ends behind its sample, or behind the last one.
    #[cold]
    fn too_short(&self, piece: Piece, len: usize, is_across: bool) -> Error {
        let Piece { sample, start, len: wanted } = piece;
        let dir = self.dir.display();
        let reason = if is_across && start <= len { "fewer follow it" } else { "the sample is shorter" };
        Error::Argument {
            what: format!(
                "{dir}: sample {sample} has {len} elements, and {wanted} from element {start} on were asked for: {reason}"
            ),
        }
    }

    /// The error for an index without a sample, or for one whose offsets or shape are damaged.
    #[cold]
    fn missing(&self, index: usize) -> Error {
        if index >= self.len {
            return self.out_of_range(index as i64);
        }
        let what = match (self.extents.get(index), self.shapes.get(index)) {
            (Some((start, end)), Some(shape)) => format!(
                "sample {index}: elements {start} to {end} and shape {shape:?} do not fit each other or the data"
            ),
            _ => format!("sample {index}: its shape lies outside the stored shapes"),
        };
        Error::corrupt(self.dir.join(format::DATA), what)
    }
}

impl Shapes {
    fn read(dir: &Path, schema: Schema, rows: u64, quiescent: bool) -> Result<Self> {
        let column = |role, rows| Column::open(dir, schema, role, rows, quiescent);
        if schema.is_flat {
            return Ok(Self::Flat(column(Role::Shapes, rows)?));
        }
        let (starts, ends) = (column(Role::AxesStarts, rows)?, column(Role::AxesEnds, rows)?);
        column(Role::Ranks, rows)?;
        column(Role::RankShapes, rows)?;
        let total = u64::try_from(ends.last());
        let total =
            total.map_err(|_| Error::corrupt(dir.join(schema.path(Role::AxesEnds)), "the last end is negative"))?;
        Ok(Self::Nested { axes: column(Role::Axes, total)?, starts, ends })
    }

    /// The shape of every sample of that many elements, where only one is possible.
    #[inline]
    fn known(&self, elements: i64) -> Option<&'static [i64]> {
        if !matches!(self, Self::Flat(_)) || elements == 1 {
            return None;
        }
        let elements = usize::try_from(elements).ok()?;
        LENGTHS.get(elements..=elements)
    }

    #[inline]
    fn get(&self, index: usize) -> Option<&[i64]> {
        match self {
            Self::Flat(column) => column.values().get(index..=index),
            Self::Nested { axes, starts, ends } => {
                let start = usize::try_from(starts.get(index)?).ok()?;
                let end = usize::try_from(ends.get(index)?).ok()?;
                axes.values().get(start..end).filter(|shape| shape.len() <= MAX_AXES)
            }
        }
    }

    fn grown(&self, dir: &Path, schema: Schema, len: usize, total_axes: usize) -> Result<Self> {
        match self {
            Self::Flat(column) => Ok(Self::Flat(column.grown(dir, schema, Role::Shapes, len)?)),
            Self::Nested { axes, starts, ends } => Ok(Self::Nested {
                axes: axes.grown(dir, schema, Role::Axes, total_axes)?,
                starts: starts.grown(dir, schema, Role::AxesStarts, len)?,
                ends: ends.grown(dir, schema, Role::AxesEnds, len)?,
            }),
        }
    }
}

/// Checks that the last sample ends where all members say: what an opening can check without reading every sample.
fn check_last(dir: &Path, schema: Schema, starts: &Column, ends: &Column, elements: &Column) -> Result<()> {
    if ends.last().checked_sub(starts.last()) == Some(elements.last()) {
        return Ok(());
    }
    let path = dir.join(schema.path(Role::Ends));
    Err(Error::corrupt(path, "the start, the end and the number of elements of the last sample disagree"))
}

/// The header of the elements, and their bytes up to the `end` of the last sample.
fn read_data(dir: &Path, end: i64, mode: Mode, quiescent: bool) -> Result<(Header, Region)> {
    let header = Header::read(dir)?;
    let committed = u64::try_from(end).map_err(|_| Error::corrupt(dir, "the end of the last sample is negative"))?;
    if header.shape.len() != 1 || header.rows() < committed || (quiescent && header.rows() != committed) {
        let what = format!("the shape is {:?}, but the samples end at element {committed}", header.shape);
        return Err(Error::corrupt(dir.join(format::SHAPE), what));
    }
    let data = mode.open(&dir.join(format::DATA))?;
    check_size(&data, header.bytes(), quiescent)?;
    let len = check_size(&data, header.with_rows(committed).bytes(), false)?;
    Ok((header, Region::open(&data, mode, len)?))
}
