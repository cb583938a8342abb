//! The extents of samples: where each starts and ends in the data, which ragged arrays and strings have in common.

use std::ops::Range;
use std::path::Path;

use crate::column::{Column, bytes_of_row};
use crate::error::Result;
use crate::io::advice::{PrefetchPolicy, advise_will_need};
use crate::io::mapping::Region;
use crate::schema::{Role, Schema};

/// The mapped data of samples, and where each starts and ends in it.
#[derive(Clone, Debug)]
pub(crate) struct Extents {
    pub starts: Column,
    pub ends: Column,
    pub data: Region,
}

impl Extents {
    /// No samples.
    pub const fn empty() -> Self {
        Self { starts: Column::empty(), ends: Column::empty(), data: Region::empty() }
    }

    /// Where a sample starts and ends, as the files state it.
    #[inline]
    pub fn get(&self, index: usize) -> Option<(i64, i64)> {
        Some((*self.starts.values().get(index)?, *self.ends.values().get(index)?))
    }

    /// The bytes of consecutive samples of `item_size` bytes an element, where they lie one after another, as they should.
    pub fn contiguous(&self, range: Range<usize>, item_size: usize) -> Option<Range<usize>> {
        let (starts, ends) = (self.starts.values().get(range.clone())?, self.ends.values().get(range)?);
        let follows = ends.iter().zip(starts.iter().skip(1)).all(|(end, start)| end == start);
        let (start, end) = (usize::try_from(*starts.first()?).ok()?, usize::try_from(*ends.last()?).ok()?);
        let bytes = start.checked_mul(item_size)?..end.checked_mul(item_size)?;
        (follows && bytes.start <= bytes.end && bytes.end <= self.data.bytes().len()).then_some(bytes)
    }

    /// The extents after their files grew to `len` samples; `data` has grown already.
    pub fn grown(&self, dir: &Path, schema: Schema, len: usize, data: Region) -> Result<Self> {
        Ok(Self {
            starts: self.starts.grown(dir, schema, Role::Starts, len)?,
            ends: self.ends.grown(dir, schema, Role::Ends, len)?,
            data,
        })
    }

    /// What `locate` finds at each index. Cold pages are prefetched: first the rows of `columns`, then the `bytes` of what
    /// was found.
    pub fn fetch<'a, T>(
        &'a self,
        indices: &[usize],
        policy: PrefetchPolicy,
        columns: impl FnOnce() -> Vec<&'a Region>,
        locate: impl Fn(usize) -> Result<T>,
        bytes: impl Fn(&T) -> &'a [u8],
    ) -> Result<Vec<T>> {
        let last = || indices.last().and_then(|&last| locate(last).ok());
        let is_cold = policy.is_due(&self.data, || last().map(|found| self.data.range_of(bytes(&found))));
        if is_cold {
            advise_will_need(&columns(), indices.iter().map(|&index| bytes_of_row(index)));
        }
        let found: Vec<T> = indices.iter().map(|&index| locate(index)).collect::<Result<_>>()?;
        if is_cold {
            advise_will_need(&[&self.data], found.iter().map(|found| self.data.range_of(bytes(found))));
        }
        Ok(found)
    }
}

/// Where samples of these `lengths` start, if the first one starts at `base`.
pub(crate) fn starts_of(base: i64, lengths: &[i64]) -> Vec<i64> {
    let mut next = base;
    let start = |length: &i64| {
        let start = next;
        next += length;
        start
    };
    lengths.iter().map(start).collect()
}

/// Where samples of these `lengths` end, if the first one starts at `base`.
pub(crate) fn ends_of(base: i64, lengths: &[i64]) -> Vec<i64> {
    let mut end = base;
    let end_of = |length: &i64| {
        end += length;
        end
    };
    lengths.iter().map(end_of).collect()
}
