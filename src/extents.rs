//! The extents of samples: where each starts and ends in the data, which ragged arrays and strings have in common.

use std::ops::Range;
use std::path::Path;

use crate::batch::gather::prefetch_lines;
use crate::column::{Column, bytes_of_row};
use crate::error::Result;
use crate::io::advice::{PrefetchPolicy, advise_rows, advise_will_need, prefetch_line, probe_item};
use crate::io::mapping::Region;
use crate::io::residency::Residency;
use crate::memory;
use crate::plans::Piece;
use crate::schema::{Role, Schema};

/// How many samples ahead of the one that is located the processor loads the rows of columns.
const PREFETCH_DISTANCE: usize = 16;
/// Bytes of a dataset that the caches of a processor hold, so that none need be loaded ahead.
const MAX_CACHED: usize = 1 << 20;
/// Of the data of a larger batch, the first lines would leave the cache before they are copied.
const MAX_LOADED: usize = 4096;

/// The mapped data of samples, and where each starts and ends in it.
#[derive(Clone, Debug)]
pub(crate) struct Extents {
    pub starts: Column,
    pub ends: Column,
    pub data: Region,
}

/// What is read of a dataset: a sample, by its index, or a piece of one.
pub(crate) trait Selected: Copy {
    /// The index of the sample.
    fn sample(self) -> usize;
}

impl Selected for usize {
    fn sample(self) -> usize {
        self
    }
}

impl Selected for Piece {
    fn sample(self) -> usize {
        self.sample
    }
}

impl Extents {
    /// No samples.
    pub const fn empty() -> Self {
        Self { starts: Column::empty(), ends: Column::empty(), data: Region::empty() }
    }

    /// Where a sample starts and ends, as the files state it.
    #[inline]
    pub fn get(&self, index: usize) -> Option<(i64, i64)> {
        Some((self.starts.get(index)?, self.ends.get(index)?))
    }

    /// Lets the processor prefetch where the sample at `index` starts and ends, if there is one.
    pub fn prefetch_row(&self, index: usize) {
        for column in [&self.starts, &self.ends] {
            prefetch_lines(column.region().bytes().get(bytes_of_row(index)).unwrap_or_default());
        }
    }

    /// The extents after their files grew to `len` samples; `data` has grown already.
    pub fn grown(&self, dir: &Path, schema: Schema, len: usize, data: Region) -> Result<Self> {
        Ok(Self {
            starts: self.starts.grown(dir, schema, Role::Starts, len)?,
            ends: self.ends.grown(dir, schema, Role::Ends, len)?,
            data,
        })
    }

    /// Whether the next single sample need not be probed.
    #[inline]
    pub fn skips_item(&self) -> bool {
        self.data.residency().is_none_or(Residency::skips_item)
    }

    /// What `locate` finds for the sample at `index`, whose cold pages are prefetched.
    #[cold]
    pub fn probe_item<'a, T>(
        &'a self,
        index: usize,
        columns: &[&Region],
        locate: impl FnOnce() -> Result<T>,
        bytes: impl FnOnce(&T) -> &'a [u8],
    ) -> Result<T> {
        let rows: Vec<_> = columns.iter().map(|&column| (column, bytes_of_row(index))).collect();
        probe_item(&self.data, index, &rows, locate, bytes)
    }

    /// Prefetches the rows of `columns` at `indices`, if they are not in memory.
    pub fn prefetch_rows(&self, indices: &[usize], columns: &[&Region]) {
        let last = || indices.last().map(|&last| bytes_of_row(last));
        if PrefetchPolicy::IfCold.is_due(self.starts.region(), last) {
            let columns: Vec<&[u8]> = columns.iter().map(|column| column.bytes()).collect();
            advise_rows(&columns, indices.iter().map(|&index| bytes_of_row(index)));
        }
    }

    /// Whether to prefetch what is `selected`, the last of which has the bytes `last`. Where it has none, the place of the first
    /// one in the index is probed instead.
    pub fn is_due<'a, S: Selected>(
        &self,
        policy: PrefetchPolicy,
        selected: &[S],
        last: impl FnOnce() -> Option<&'a [u8]>,
    ) -> bool {
        let mut is_empty = false;
        let range = || {
            let range = last().map(|bytes| self.data.range_of(bytes));
            is_empty = range.as_ref().is_some_and(Range::is_empty);
            range
        };
        let first = || selected.first().map(|first| bytes_of_row(first.sample()));
        policy.is_due(&self.data, range) || (is_empty && policy.is_due(self.starts.region(), first))
    }

    /// What `locate` finds for everything that is `selected`. Cold pages are prefetched: first the rows of `columns`, then
    /// the `bytes` of what was found. So are cache lines, since the samples of a batch lie far apart: rows of samples
    /// that are located later, and the data of a sample as soon as it is located.
    pub fn fetch<'a, S: Selected, T>(
        &'a self,
        dir: &Path,
        selected: &[S],
        policy: PrefetchPolicy,
        columns: &[&Region],
        locate: impl Fn(S) -> Result<T>,
        bytes: impl Fn(&T) -> &'a [u8],
    ) -> Result<Vec<T>> {
        let last = || selected.last().and_then(|&last| locate(last).ok()).map(|found| bytes(&found));
        let columns: Vec<&[u8]> = columns.iter().map(|column| column.bytes()).collect();
        let row = || selected.last().map(|last| bytes_of_row(last.sample()));
        let is_index = policy == PrefetchPolicy::IndexIfCold;
        let is_cold =
            if is_index { policy.is_due(self.starts.region(), row) } else { self.is_due(policy, selected, last) };
        if is_cold {
            advise_rows(&columns, selected.iter().map(|each| bytes_of_row(each.sample())));
        }
        let mapped = columns.iter().map(|column| column.len()).sum::<usize>() + self.data.bytes().len();
        let found = if mapped <= MAX_CACHED {
            memory::try_collect(dir, selected.iter().map(|&each| locate(each)))?
        } else {
            locate_ahead(dir, selected, &columns, locate, &bytes)?
        };
        if is_cold && !is_index {
            advise_will_need(&[self.data.bytes()], found.iter().map(|found| self.data.range_of(bytes(found))));
        }
        Ok(found)
    }
}

/// What `locate` finds for everything that is `selected`, while the processor loads rows of samples that are located later, and
/// the bytes of those that were.
fn locate_ahead<'a, S: Selected, T>(
    dir: &Path,
    selected: &[S],
    columns: &[&[u8]],
    locate: impl Fn(S) -> Result<T>,
    bytes: impl Fn(&T) -> &'a [u8],
) -> Result<Vec<T>> {
    let load_rows = |each: &S| {
        let row = bytes_of_row(each.sample()).start;
        for column in columns {
            prefetch_line(column.as_ptr().wrapping_add(row));
        }
    };
    selected.iter().take(PREFETCH_DISTANCE).for_each(load_rows);
    let located = selected.iter().enumerate().map(|(position, &each)| {
        selected.get(position + PREFETCH_DISTANCE).into_iter().for_each(load_rows);
        let found = locate(each)?;
        if selected.len() <= MAX_LOADED {
            let bytes = bytes(&found);
            prefetch_line(bytes.as_ptr());
            prefetch_line(bytes.as_ptr().wrapping_add(bytes.len()).wrapping_sub(1));
        }
        Ok(found)
    });
    memory::try_collect(dir, located)
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn samples_start_where_the_ones_before_end(base in 0_i64..1 << 40, lengths in vec(0_i64..1 << 20, 0..20)) {
            let (starts, ends) = (starts_of(base, &lengths), ends_of(base, &lengths));
            let found: Vec<i64> = starts.iter().zip(&ends).map(|(start, end)| end - start).collect();
            prop_assert_eq!(&found, &lengths);
            let expected: Vec<i64> = std::iter::once(base).chain(ends).take(lengths.len()).collect();
            prop_assert_eq!(starts, expected);
        }
    }
}
