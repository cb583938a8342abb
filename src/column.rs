//! A dense member of int64: the starts, ends and shapes of samples.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::commit::{Growth, NewMember};
use crate::dense::{Header, check_size, new_member, read_dtype, read_shape};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::format::{DATA, DTYPE, Kind, Order, SHAPE};
use crate::mapping::{Mode, Region};
use crate::storage::{Member, check_directory};

/// The header of a column of `rows`; `wide` for the shape (rows, 1) instead of (rows,).
pub(crate) fn header(rows: u64, wide: bool) -> Header {
    let shape = if wide { vec![rows, 1] } else { vec![rows] };
    Header { dtype: Dtype::of::<i64>(), shape, order: Order::C }
}

/// Mapped int64 values.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    region: Region,
}

impl Column {
    /// A column of nothing.
    pub const fn empty() -> Self {
        Self { region: Region::empty() }
    }

    /// The first `rows` values of the member in `dir`. `at_rest`: it has no others.
    pub fn open(dir: &Path, rows: u64, wide: bool, at_rest: bool) -> Result<Self> {
        Self::of(dir, &read_shape(dir)?, rows, wide, at_rest)
    }

    /// The same for a member whose shape is known, and which counts the rows.
    pub fn counting(dir: &Path, shape: &[u64], at_rest: bool) -> Result<Self> {
        Self::of(dir, shape, shape.first().copied().unwrap_or(0), false, at_rest)
    }

    fn of(dir: &Path, shape: &[u64], rows: u64, wide: bool, at_rest: bool) -> Result<Self> {
        check_directory(dir)?;
        // The order is not asked for: that of one axis is the same, C or F.
        let dtype = read_dtype(dir)?;
        if !dtype.is::<i64>() {
            return Err(Error::corrupt(dir.join(DTYPE), format!("offsets are int64, not {}", dtype.text())));
        }
        let (wanted, found) = (header(rows, wide), header(shape.first().copied().unwrap_or(0), wide));
        if shape != found.shape || found.rows() < rows || (at_rest && found.rows() != rows) {
            let what = format!("the shape is {shape:?}, {:?} is expected for {rows} samples", wanted.shape);
            return Err(Error::corrupt(dir.join(SHAPE), what));
        }
        let data = Member::open(&dir.join(DATA), false)?;
        check_size(&data, &found, at_rest)?;
        let len = check_size(&data, &wanted, false)?;
        Ok(Self { region: Region::read(&data, len)? })
    }

    /// The values.
    #[inline]
    pub fn values(&self) -> &[i64] {
        // Mappings begin on a page and whole values are mapped, so nothing is cut off here.
        bytemuck::try_cast_slice(self.region.bytes()).unwrap_or_default()
    }

    /// The mapped bytes.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The same after the file grew to `rows` values.
    pub fn grown(&self, dir: &Path, rows: usize) -> Result<Self> {
        Ok(Self { region: self.region.grown(&dir.join(DATA), Mode::ReadOnly, rows * 8)? })
    }
}

/// Where the value of row `index` lies among the bytes of a column.
pub(crate) fn place(index: usize) -> Range<usize> {
    index * 8..index * 8 + 8
}

/// What appending `values` after `rows` others adds.
pub(crate) fn growth(member: PathBuf, rows: u64, values: &[i64]) -> Growth<'_> {
    let added = values.len() as u64;
    Growth {
        member,
        rows: Some([rows, rows + added]),
        offset: rows * 8,
        chunks: vec![bytemuck::cast_slice(values)],
        source: None,
    }
}

/// A new member that holds `values`.
pub(crate) fn create(member: PathBuf, values: &[i64], wide: bool) -> NewMember<'_> {
    new_member(member, Kind::Numpy, &header(values.len() as u64, wide), vec![bytemuck::cast_slice(values)])
}
