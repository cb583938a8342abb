//! A member of int64 with one row a sample: starts, ends, shapes.

use std::ops::Range;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::{DATA, DTYPE, SHAPE};
use crate::io::mapping::{Mode, Region};
use crate::io::untrusted::{Member, check_directory};
use crate::schema::{Axes, Role, Schema, check_size, read_dtype, read_shape};

/// Mapped int64 values.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    region: Region,
}

impl Column {
    /// A column without rows.
    pub const fn empty() -> Self {
        Self { region: Region::empty() }
    }

    /// The first `rows` values of a member of the dataset in `dir`. A `quiescent` member has no others.
    pub fn open(dir: &Path, schema: Schema, role: Role, rows: u64, quiescent: bool) -> Result<Self> {
        let member = dir.join(schema.path(role));
        let shape = read_shape(&member)?;
        Self::with_shape(&member, schema.axes(role), &shape, rows, quiescent)
    }

    /// All values of the member that counts the samples, whose `shape` is known.
    pub fn counting(dir: &Path, schema: Schema, shape: &[u64], quiescent: bool) -> Result<Self> {
        let rows = shape.first().copied().unwrap_or(0);
        Self::with_shape(&dir.join(schema.path(Role::Starts)), schema.axes(Role::Starts), shape, rows, quiescent)
    }

    fn with_shape(member: &Path, axes: Axes, shape: &[u64], rows: u64, quiescent: bool) -> Result<Self> {
        check_directory(member)?;
        // The order is not read: with one axis, C and F are the same.
        let dtype = read_dtype(member)?;
        if !dtype.is::<i64>() {
            return Err(Error::corrupt(member.join(DTYPE), format!("the dtype is {}, expected int64", dtype.text())));
        }
        let found = shape.first().copied().unwrap_or(0);
        if !axes.fit(shape) || found < rows || (quiescent && found != rows) {
            let what = format!("the shape is {shape:?}, expected {:?} for {rows} samples", axes.with_rows(rows));
            return Err(Error::corrupt(member.join(SHAPE), what));
        }
        let data = Member::open(&member.join(DATA), false)?;
        check_size(&data, bytes_of_rows(found), quiescent)?;
        let len = check_size(&data, bytes_of_rows(rows), false)?;
        Ok(Self { region: Region::read(&data, len)? })
    }

    /// The values.
    #[inline]
    pub fn values(&self) -> &[i64] {
        // Mappings begin on a page, and what is read on a word, so the cast succeeds.
        bytemuck::cast_slice(self.region.bytes().as_chunks::<8>().0)
    }

    /// The value of a row. Its bytes are taken as they are, so that nothing need be known of the alignment of all.
    #[inline]
    pub fn get(&self, row: usize) -> Option<i64> {
        self.region.bytes().as_chunks().0.get(row).copied().map(i64::from_ne_bytes)
    }

    /// The last value; 0 where there is none.
    pub fn last(&self) -> i64 {
        self.values().last().copied().unwrap_or(0)
    }

    /// The mapped bytes.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The column after its file grew to `rows` values.
    pub fn grown(&self, dir: &Path, schema: Schema, role: Role, rows: usize) -> Result<Self> {
        let path = || dir.join(schema.path(role)).join(DATA);
        Ok(Self { region: self.region.grown(path, Mode::ReadOnly, rows * 8)? })
    }
}

/// Where the value of a row lies among the bytes of a column.
pub(crate) fn bytes_of_row(index: usize) -> Range<usize> {
    let start = index.saturating_mul(8);
    start..start.saturating_add(8)
}

/// Bytes of a column; `None` where no file holds that many.
fn bytes_of_rows(rows: u64) -> Option<u64> {
    rows.checked_mul(8).filter(|&bytes| i64::try_from(bytes).is_ok())
}
