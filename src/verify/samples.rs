//! Every sample's offsets and shape: do they fit each other and the data?

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::block_reader::BlockReader;
use super::inspect::Inspection;
use super::report::{Flaw, Runs};
use crate::error::Result;
use crate::format::{DATA, Kind, MAX_AXES, is_possible};
use crate::sample::product;
use crate::schema::Role;

/// Rows between two looks at whether only zeros follow.
const STRIDE: u64 = 4096;

/// A column of 8-byte values.
struct Column {
    input: BlockReader,
    file: PathBuf,
    rows: u64,
}

impl Column {
    fn open(dir: &Path, inspection: &Inspection, role: Role) -> Result<Option<Self>> {
        let Some(member) = inspection.member(role).filter(|member| member.row_size == Some(8)) else { return Ok(None) };
        let file = member.file(DATA);
        Ok(Some(Self { input: BlockReader::open(&dir.join(&file))?, file, rows: member.present() }))
    }

    fn value(&mut self, row: u64) -> io::Result<i64> {
        self.input.value(row, self.rows)
    }

    fn flaw(&self, row: u64, what: &'static str, detail: String) -> Flaw {
        Flaw { file: self.file.clone(), offset: Some(row * 8), what, detail }
    }
}

/// Where the shapes of samples are.
enum Shapes {
    /// Strings have none.
    None,
    Flat(Column),
    Nested(Box<Nested>),
}

/// The axes of all samples, and where those of each lie.
struct Nested {
    axes: Column,
    starts: Column,
    ends: Column,
    ranks: Column,
    rank_shapes: Column,
}

/// Goes through the samples.
pub(super) struct Walk {
    starts: Column,
    ends: Column,
    elements: Option<Column>,
    shapes: Shapes,
    item_size: u64,
    /// Elements, or bytes of strings, that are there.
    limit: u64,
    /// Samples whose offsets and shapes are there.
    pub len: u64,
}

impl Walk {
    /// `limit`: elements, or bytes of strings, that samples may reach to. `None` where a member is not fit to be read.
    pub fn open(dir: &Path, inspection: &Inspection, limit: u64) -> Result<Option<Self>> {
        let column = |role| Column::open(dir, inspection, role);
        let data = inspection.member(Role::Data).and_then(|member| member.row_size);
        let (Some(starts), Some(ends), Some(item_size)) = (column(Role::Starts)?, column(Role::Ends)?, data) else {
            return Ok(None);
        };
        let elements = column(Role::Elements)?;
        let Some(shapes) = Shapes::open(dir, inspection)? else { return Ok(None) };
        if inspection.kind == Kind::Ragged && elements.is_none() {
            return Ok(None);
        }
        let mut walk = Self { starts, ends, elements, shapes, item_size, limit, len: u64::MAX };
        let mut len = u64::MAX;
        walk.columns(|column| len = len.min(column.rows));
        walk.len = len;
        Ok(Some(walk))
    }

    /// Calls `look` for every column with one row a sample.
    fn columns(&mut self, mut look: impl FnMut(&mut Column)) {
        let shapes = match &mut self.shapes {
            Shapes::None => vec![],
            Shapes::Flat(column) => vec![column],
            Shapes::Nested(nested) => {
                let Nested { starts, ends, ranks, rank_shapes, .. } = &mut **nested;
                vec![starts, ends, ranks, rank_shapes]
            }
        };
        [&mut self.starts, &mut self.ends].into_iter().chain(&mut self.elements).chain(shapes).for_each(&mut look);
    }

    /// Bytes that offsets and shapes of one sample take, but for the axes.
    pub fn width(&mut self) -> u64 {
        let mut width = 0;
        self.columns(|_| width += 8);
        width
    }

    /// The sample at `index`: the bytes it takes and the axes' bytes, or what is wrong with it.
    pub fn sample(&mut self, index: u64) -> std::result::Result<Extent, Flaw> {
        let (start, end) = self.bounds(index)?;
        let elements = (end - start).cast_signed();
        if let Some(column) = &mut self.elements {
            let found = read(column, index)?;
            if found != elements {
                let detail = format!("{found}, the sample has {elements}");
                return Err(column.flaw(index, "the number of elements is not that between start and end", detail));
            }
        }
        let axes = self.shapes.check(index, elements, self.item_size)?;
        let size = self.item_size;
        Ok(Extent { data: start.saturating_mul(size)..end.saturating_mul(size), axes })
    }

    /// The rows at which the elements and the axes of a sound sample end.
    pub fn ends(&mut self, index: u64) -> std::result::Result<[u64; 2], Flaw> {
        let extent = self.sample(index)?;
        Ok([extent.data.end / self.item_size, extent.axes.end / 8])
    }

    fn bounds(&mut self, index: u64) -> std::result::Result<(u64, u64), Flaw> {
        let (start, end) = (read(&mut self.starts, index)?, read(&mut self.ends, index)?);
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
            let detail = format!("{end}, the data end at {}", self.limit);
            return Err(self.ends.flaw(index, "the end lies beyond the data", detail));
        }
        Ok((first, last))
    }

    /// How many samples from `index` on have nothing but zeros for offsets and shape; 0 where that is not known.
    pub fn zeros(&mut self, index: u64) -> u64 {
        if !index.is_multiple_of(STRIDE) {
            return 0;
        }
        let mut next = self.len;
        self.columns(|column| {
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

/// Where a sample lies.
#[derive(Clone, Debug, Default)]
pub(super) struct Extent {
    /// Bytes in `data.ninja`.
    pub data: Range<u64>,
    /// Bytes of its axes among the nested shapes.
    pub axes: Range<u64>,
}

impl Shapes {
    fn open(dir: &Path, inspection: &Inspection) -> Result<Option<Self>> {
        let column = |role| Column::open(dir, inspection, role);
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
        Ok(Some(Self::Nested(Box::new(Nested { axes, starts, ends, ranks, rank_shapes }))))
    }

    /// The shape of the sample at `index` asks for as many `elements`; returns where its axes lie.
    fn check(&mut self, index: u64, elements: i64, item_size: u64) -> std::result::Result<Range<u64>, Flaw> {
        match self {
            Self::None => Ok(0..0),
            Self::Flat(column) => {
                let axis = read(column, index)?;
                let misfit = || column.flaw(index, SHAPE_MISFIT, format!("({axis},) for {elements} elements"));
                fits(&[axis], elements, item_size).then_some(0..0).ok_or_else(misfit)
            }
            Self::Nested(nested) => nested.check(index, elements, item_size),
        }
    }
}

impl Nested {
    /// As [`Shapes::check`].
    fn check(&mut self, index: u64, elements: i64, item_size: u64) -> std::result::Result<Range<u64>, Flaw> {
        let Self { axes, starts, ends, ranks, rank_shapes } = self;
        let place = axes_of(index, starts, ends, axes.rows)?;
        let rank = (place.end - place.start).cast_signed();
        for column in [ranks, rank_shapes] {
            let found = read(column, index)?;
            if found != rank {
                let detail = format!("{found}, the shape has {rank}");
                return Err(column.flaw(index, "the number of axes is not that of the shape", detail));
            }
        }
        let mut shape = [0; MAX_AXES];
        let shape = &mut shape[..usize::try_from(rank).unwrap_or(0)];
        for (row, axis) in place.clone().zip(&mut *shape) {
            *axis = read(axes, row)?;
        }
        if fits(shape, elements, item_size) {
            return Ok(place.start * 8..place.end * 8);
        }
        Err(axes.flaw(place.start, SHAPE_MISFIT, format!("{shape:?} for {elements} elements")))
    }
}

const SHAPE_MISFIT: &str = "the shape does not fit the number of elements";

/// Where the axes of a sample lie among those of all.
fn axes_of(index: u64, starts: &mut Column, ends: &mut Column, limit: u64) -> std::result::Result<Range<u64>, Flaw> {
    let (start, end) = (read(starts, index)?, read(ends, index)?);
    let (Ok(first), Ok(last)) = (u64::try_from(start), u64::try_from(end)) else {
        return Err(starts.flaw(index, "the axes start or end at a negative place", format!("{start} to {end}")));
    };
    if first > last || last > limit || last - first > MAX_AXES as u64 {
        let detail = format!("{start} to {end} of {limit}");
        return Err(ends.flaw(index, "the axes lie outside the stored shapes, or are too many", detail));
    }
    Ok(first..last)
}

/// As reading a sample has it: one element of shape (0,) is a scalar.
fn fits(shape: &[i64], elements: i64, item_size: u64) -> bool {
    let shape = if shape == [0] && elements == 1 { &[] } else { shape };
    product(shape) == Some(elements) && is_possible(shape.iter().map(|axis| axis.cast_unsigned()), item_size)
}

fn read(column: &mut Column, row: u64) -> std::result::Result<i64, Flaw> {
    column.value(row).map_err(|error| column.flaw(row, "it cannot be read", error.to_string()))
}

/// Notes about samples that do not lie one after another.
#[derive(Default)]
pub(super) struct Order {
    end: u64,
    runs: Runs,
}

impl Order {
    pub fn follow(&mut self, index: u64, data: &Range<u64>, file: &Path, note: impl FnMut(super::Finding)) {
        let what = match data.start.cmp(&self.end) {
            std::cmp::Ordering::Less => "it overlaps the one before, or lies before it",
            std::cmp::Ordering::Greater => "bytes between it and the one before belong to no sample",
            std::cmp::Ordering::Equal => "",
        };
        if !what.is_empty() {
            let detail = format!("byte {}, the one before ends at {}", data.start, self.end);
            let flaw = Flaw { file: file.to_owned(), offset: Some(index * 8), what, detail };
            self.runs.add(index..index + 1, flaw, note);
        }
        self.end = data.end;
    }

    pub fn finish(self, note: impl FnMut(super::Finding)) {
        self.runs.finish(note);
    }
}
