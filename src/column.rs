//! A dense member of int64: the starts, ends and shapes of samples.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::commit::{Growth, NewMember};
use crate::dense::{Header, check_size, new_member, read_shape};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::format::{DATA, DTYPE, Kind, Order, SHAPE};
use crate::mapping::{Mode, Region};
use crate::storage::check_directory;

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

    /// Maps the first `rows` values of the member in `dir`. `at_rest`: it has no others.
    pub fn open(dir: &Path, rows: u64, wide: bool, at_rest: bool) -> Result<Self> {
        check_directory(dir)?;
        let found = Header::read(dir)?;
        if found.dtype.item_size() != 8 || !found.dtype.is::<i64>() {
            return Err(Error::corrupt(dir.join(DTYPE), format!("offsets are int64, not {}", found.dtype.text())));
        }
        let wanted = header(rows, wide);
        if found.with_rows(rows).shape != wanted.shape || found.rows() < rows || (at_rest && found.rows() != rows) {
            let what = format!("the shape is {:?}, {:?} is expected for {rows} samples", found.shape, wanted.shape);
            return Err(Error::corrupt(dir.join(SHAPE), what));
        }
        check_size(dir, &found, at_rest)?;
        let len = check_size(dir, &wanted, false)?;
        Ok(Self { region: Region::open(&dir.join(DATA), Mode::ReadOnly, len)? })
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

/// Rows that the member in `dir` counts.
pub(crate) fn rows_of(dir: &Path) -> Result<u64> {
    let rows = read_shape(dir)?.first().copied();
    rows.ok_or_else(|| Error::corrupt(dir.join(SHAPE), "an array without axes counts no samples"))
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
