//! Reads the offsets and the shape of every sample, and checks them against each other and against the data.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::block_reader::BlockReader;
use super::inspect::Inspection;
use super::report::{Flaw, Runs, UNREADABLE};
use crate::error::Result;
use crate::format::{DATA, Kind, MAX_AXES};
use crate::sample::checked_shape;
use crate::schema::Role;

/// Samples between two searches for a hole.
const HOLE_STRIDE: u64 = 4096;

/// Reads a column of 8-byte values.
struct ColumnReader {
    input: BlockReader,
    file: PathBuf,
    rows: u64,
}

impl ColumnReader {
    fn open(dir: &Path, inspection: &Inspection, role: Role) -> Result<Option<Self>> {
        let Some(member) = inspection.member(role).filter(|member| member.row_size == Some(8)) else { return Ok(None) };
        let file = member.file(DATA);
        Ok(Some(Self { input: BlockReader::open(&dir.join(&file))?, file, rows: member.present() }))
    }

    fn read(&mut self, row: u64) -> std::result::Result<i64, Flaw> {
        let value = self.input.value(row, self.rows);
        value.map_err(|error| self.flaw(row, UNREADABLE, error.to_string()))
    }

    fn flaw(&self, row: u64, what: &'static str, detail: String) -> Flaw {
        Flaw { file: self.file.clone(), offset: Some(row * 8), what, detail }
    }
}

/// Reads the shapes of samples.
enum ShapeReader {
    /// Strings have no shapes.
    None,
    Flat(ColumnReader),
    Nested(Box<NestedShapes>),
}

/// The axes of all samples, and where those of each start and end.
struct NestedShapes {
    axes: ColumnReader,
    starts: ColumnReader,
    ends: ColumnReader,
    ranks: ColumnReader,
    rank_shapes: ColumnReader,
}

/// Reads the offsets and shapes of samples.
pub(super) struct SampleReader {
    starts: ColumnReader,
    ends: ColumnReader,
    elements: Option<ColumnReader>,
    shapes: ShapeReader,
    item_size: u64,
    /// Where samples may end, in elements or bytes of strings.
    limit: u64,
    /// Samples whose offsets and shapes are stored.
    pub len: u64,
}

impl SampleReader {
    /// A reader of samples that may end at `limit`, in elements or bytes of strings; `None` where a member cannot be
    /// read.
    pub fn open(dir: &Path, inspection: &Inspection, limit: u64) -> Result<Option<Self>> {
        let column = |role| ColumnReader::open(dir, inspection, role);
        let data = inspection.member(Role::Data).and_then(|member| member.row_size);
        let (Some(starts), Some(ends), Some(item_size)) = (column(Role::Starts)?, column(Role::Ends)?, data) else {
            return Ok(None);
        };
        let elements = column(Role::Elements)?;
        let Some(shapes) = ShapeReader::open(dir, inspection)? else { return Ok(None) };
        if inspection.kind == Kind::Ragged && elements.is_none() {
            return Ok(None);
        }
        let mut samples = Self { starts, ends, elements, shapes, item_size, limit, len: u64::MAX };
        let mut len = u64::MAX;
        samples.each_column(|column| len = len.min(column.rows));
        samples.len = len;
        Ok(Some(samples))
    }

    /// Calls `visit` for every column with one row per sample.
    fn each_column(&mut self, mut visit: impl FnMut(&mut ColumnReader)) {
        let shapes = match &mut self.shapes {
            ShapeReader::None => vec![],
            ShapeReader::Flat(column) => vec![column],
            ShapeReader::Nested(nested) => {
                let NestedShapes { starts, ends, ranks, rank_shapes, .. } = &mut **nested;
                vec![starts, ends, ranks, rank_shapes]
            }
        };
        [&mut self.starts, &mut self.ends].into_iter().chain(&mut self.elements).chain(shapes).for_each(&mut visit);
    }

    /// The size of one sample's offsets and shape, without its axes.
    pub fn width(&mut self) -> u64 {
        let mut width = 0;
        self.each_column(|_| width += 8);
        width
    }

    /// The bytes of the sample at `index`, or its flaw.
    pub fn get(&mut self, index: u64) -> std::result::Result<SampleBytes, Flaw> {
        let (start, end) = self.bounds(index)?;
        let elements = (end - start).cast_signed();
        if let Some(column) = &mut self.elements {
            let found = column.read(index)?;
            if found != elements {
                let detail = format!("{found}, the sample has {elements}");
                return Err(column.flaw(index, "the number of elements differs from end - start", detail));
            }
        }
        let axes = self.shapes.check(index, elements, self.item_size)?;
        let size = self.item_size;
        Ok(SampleBytes { data: start.saturating_mul(size)..end.saturating_mul(size), axes })
    }

    /// Where the elements and the axes of the sample at `index` end, in rows, or its flaw.
    pub fn ends(&mut self, index: u64) -> std::result::Result<[u64; 2], Flaw> {
        let sample = self.get(index)?;
        Ok([sample.data.end / self.item_size, sample.axes.end / 8])
    }

    fn bounds(&mut self, index: u64) -> std::result::Result<(u64, u64), Flaw> {
        let (start, end) = (self.starts.read(index)?, self.ends.read(index)?);
        let Ok(first) = u64::try_from(start) else {
            return Err(self.starts.flaw(index, "the start is negative", start.to_string()));
        };
        let Some(last) = u64::try_from(end).ok().filter(|&last| last >= first) else {
            return Err(self.ends.flaw(
                index,
                "the end comes before the start",
                format!("{end}, the start is {start}"),
            ));
        };
        if last > self.limit {
            let detail = format!("{end}, the data ends at {}", self.limit);
            return Err(self.ends.flaw(index, "the end lies beyond the data", detail));
        }
        Ok((first, last))
    }

    /// How many samples from `index` on have offsets and shapes in holes, which are zeros; 0 where that is not known.
    pub fn zeros(&mut self, index: u64) -> u64 {
        if !index.is_multiple_of(HOLE_STRIDE) {
            return 0;
        }
        let mut next = self.len;
        self.each_column(|column| {
            if next > index {
                next = next.min(column.input.skip_hole(index * 8) / 8);
            }
        });
        next.saturating_sub(index).min(self.len - index)
    }

    /// The file that says where samples start.
    pub fn starts_file(&self) -> &Path {
        &self.starts.file
    }
}

/// The bytes of a sound sample.
#[derive(Clone, Debug, Default)]
pub(super) struct SampleBytes {
    /// Those of its elements in `data.ninja`.
    pub data: Range<u64>,
    /// Those of its axes in the `data.ninja` of the nested shapes.
    pub axes: Range<u64>,
}

impl ShapeReader {
    fn open(dir: &Path, inspection: &Inspection) -> Result<Option<Self>> {
        let column = |role| ColumnReader::open(dir, inspection, role);
        if inspection.kind == Kind::String {
            return Ok(Some(Self::None));
        }
        if inspection.member(Role::Shapes).is_some() {
            return Ok(column(Role::Shapes)?.map(Self::Flat));
        }
        let parts = (column(Role::Axes)?, column(Role::AxesStarts)?, column(Role::AxesEnds)?);
        let (Some(axes), Some(starts), Some(ends)) = parts else { return Ok(None) };
        let (Some(ranks), Some(rank_shapes)) = (column(Role::Ranks)?, column(Role::RankShapes)?) else {
            return Ok(None);
        };
        Ok(Some(Self::Nested(Box::new(NestedShapes { axes, starts, ends, ranks, rank_shapes }))))
    }

    /// Checks the shape of the sample at `index`, which has `elements`; returns the bytes of its axes.
    fn check(&mut self, index: u64, elements: i64, item_size: u64) -> std::result::Result<Range<u64>, Flaw> {
        match self {
            Self::None => Ok(0..0),
            Self::Flat(column) => {
                let axis = column.read(index)?;
                let misfit = || column.flaw(index, SHAPE_MISFIT, format!("({axis},) for {elements} elements"));
                checked_shape(&[axis], elements, item_size).map(|_| 0..0).ok_or_else(misfit)
            }
            Self::Nested(nested) => nested.check(index, elements, item_size),
        }
    }
}

impl NestedShapes {
    /// As [`ShapeReader::check`].
    fn check(&mut self, index: u64, elements: i64, item_size: u64) -> std::result::Result<Range<u64>, Flaw> {
        let Self { axes, starts, ends, ranks, rank_shapes } = self;
        let rows = axes_of(index, starts, ends, axes.rows)?;
        let rank = (rows.end - rows.start).cast_signed();
        for column in [ranks, rank_shapes] {
            let found = column.read(index)?;
            if found != rank {
                let detail = format!("{found}, the shape has {rank}");
                return Err(column.flaw(index, "the number of axes differs from that of the shape", detail));
            }
        }
        let mut shape = [0; MAX_AXES];
        let shape = &mut shape[..usize::try_from(rank).unwrap_or(0)];
        for (row, axis) in rows.clone().zip(&mut *shape) {
            *axis = axes.read(row)?;
        }
        if checked_shape(shape, elements, item_size).is_some() {
            return Ok(rows.start * 8..rows.end * 8);
        }
        Err(axes.flaw(rows.start, SHAPE_MISFIT, format!("{shape:?} for {elements} elements")))
    }
}

const SHAPE_MISFIT: &str = "the shape does not fit the number of elements";

/// The rows of a sample's axes among those of all samples.
fn axes_of(
    index: u64,
    starts: &mut ColumnReader,
    ends: &mut ColumnReader,
    limit: u64,
) -> std::result::Result<Range<u64>, Flaw> {
    let (start, end) = (starts.read(index)?, ends.read(index)?);
    let (Ok(first), Ok(last)) = (u64::try_from(start), u64::try_from(end)) else {
        return Err(starts.flaw(index, "the axes start or end at a negative row", format!("{start} to {end}")));
    };
    if first > last || last > limit || last - first > MAX_AXES as u64 {
        let detail = format!("{start} to {end} of {limit}");
        return Err(ends.flaw(index, "the axes reach beyond the stored shapes, or are too many", detail));
    }
    Ok(first..last)
}

/// Notes samples that overlap, or have gaps between them.
#[derive(Default)]
pub(super) struct GapCheck {
    end: u64,
    runs: Runs,
}

impl GapCheck {
    pub fn add(&mut self, index: u64, data: &Range<u64>, file: &Path, note: impl FnMut(super::Finding)) {
        let what = match data.start.cmp(&self.end) {
            std::cmp::Ordering::Less => "the sample overlaps the previous one, or comes before it",
            std::cmp::Ordering::Greater => "the bytes between the previous sample and this one belong to no sample",
            std::cmp::Ordering::Equal => "",
        };
        if !what.is_empty() {
            let detail = format!("byte {}, the previous one ends at {}", data.start, self.end);
            let flaw = Flaw { file: file.to_owned(), offset: Some(index * 8), what, detail };
            self.runs.add(index..index + 1, flaw, note);
        }
        self.end = data.end;
    }

    pub fn finish(self, note: impl FnMut(super::Finding)) {
        self.runs.finish(note);
    }
}
