//! Prefetching a batch. The kernel serves page faults one after another, each of which waits for the disk, but reads
//! the pages of one piece of advice together.

use std::ops::Range;
use std::path::Path;

use super::mapping::{Region, is_resident, will_need};
use super::residency::{Residency, is_read_ahead};
use crate::{error::Result, memory};

/// Ranges that are closer together than this are advised as one.
const MAX_GAP: usize = 16 * 1024;

/// Bytes of a column that are read for a row, as other rows lie near: a disk reads them about as fast as a page.
const COLUMN_BLOCK: usize = 32 * 1024;

/// Bytes of a single item that are requested before the others: the disk reads them while the kernel prepares the pages of the
/// rest, which takes up to a quarter of the time that the disk takes.
const FIRST_REQUEST: usize = 128 * 1024;

/// Lets the processor load the cache line at an address, which need not be valid.
#[inline]
pub(crate) fn prefetch_line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect that a program can observe, at any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// When to prefetch a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefetchPolicy {
    Always,
    /// If a page of this batch, or of a recent batch, was not in memory.
    IfCold,
    /// It was prefetched before.
    Never,
    /// As `IfCold`, but only where the samples lie.
    IndexIfCold,
}

impl PrefetchPolicy {
    /// Whether to prefetch a batch from `region` whose last sample has the range `last`. This probes only that
    /// sample, which takes as long as copying a few kilobytes.
    pub fn is_due(self, region: &Region, last: impl FnOnce() -> Option<Range<usize>>) -> bool {
        if self == Self::Never {
            return false;
        }
        let residency = region.residency();
        if self == Self::Always || residency.is_some_and(Residency::is_batch_cold) {
            return true;
        }
        let is_cold = last().is_some_and(|range| !is_resident(&region.bytes()[range]));
        residency.filter(|_| is_cold).into_iter().for_each(Residency::found_cold_batch);
        is_cold
    }
}

/// Asks the kernel to read the same ranges of all `members`, which are mapped, with few system calls.
pub(crate) fn advise_will_need(members: &[&[u8]], ranges: impl Iterator<Item = Range<usize>>) {
    let mut ranges: Vec<_> = ranges.filter(|range| !range.is_empty()).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let near = |left: &Range<usize>, right: &Range<usize>| right.start <= left.end.saturating_add(MAX_GAP);
    for group in ranges.chunk_by(near) {
        let end = group.iter().map(|range| range.end).max().unwrap_or(0);
        for member in members {
            will_need(member.get(group[0].start..end.min(member.len())).unwrap_or_default());
        }
    }
}

/// What `locate` finds for a single item, whose `bytes` lie in `data`. Where pages of it are not in memory, all of them are
/// requested, and nothing around them: those of its `rows` in the columns before they are read, and then those of its bytes.
/// If items are read in order, the kernel's own read-ahead is better.
#[cold]
pub(crate) fn probe_item<'a, T>(
    data: &'a Region,
    index: usize,
    rows: &[(&Region, Range<usize>)],
    locate: impl FnOnce() -> Result<T>,
    bytes: impl FnOnce(&T) -> &'a [u8],
) -> Result<T> {
    let Some(residency) = data.residency() else { return locate() };
    let (is_watched, step) = (residency.is_watched(), residency.step_to(index));
    if is_watched && step.is_none() {
        for (column, row) in rows {
            fetch_block(column.bytes(), row);
        }
    }
    let found = locate()?;
    let bytes = bytes(&found);
    let is_read_ahead = step.is_some_and(|step| is_read_ahead(step, bytes.len()));
    let is_requested = !is_read_ahead && !is_resident(bytes);
    if is_requested {
        let (first, rest) = bytes.split_at(bytes.len().min(FIRST_REQUEST));
        [first, rest].into_iter().for_each(will_need);
    }
    residency.probed_item(is_requested);
    Ok(found)
}

/// Requests the block of a column in which `row` lies, if it is not in memory.
fn fetch_block(column: &[u8], row: &Range<usize>) {
    if column.get(row.clone()).is_some_and(|row| !is_resident(row)) {
        advise_will_need(&[column], std::iter::once(block_around(row)));
    }
}

/// The block of a column in which `row` lies.
fn block_around(row: &Range<usize>) -> Range<usize> {
    let start = row.start - row.start % COLUMN_BLOCK;
    start..start.saturating_add(COLUMN_BLOCK)
}

/// Asks the kernel to read the blocks of all `columns` in which these rows lie.
pub(crate) fn advise_rows(columns: &[&[u8]], rows: impl Iterator<Item = Range<usize>>) {
    advise_will_need(columns, rows.map(|row| block_around(&row)));
}

/// The rows of `size` bytes at these offsets of an array, which may be mapped. Cold pages are prefetched.
///
/// # Panics
/// If a row lies outside of the array.
pub(crate) fn fetch_rows<'a>(
    dir: &Path,
    array: &'a [u8],
    offsets: &[usize],
    size: usize,
    policy: PrefetchPolicy,
) -> Result<Vec<&'a [u8]>> {
    let rows = memory::collect(dir, offsets.iter().map(|&offset| &array[offset..offset + size]))?;
    let is_cold = |row: Option<&&[u8]>| row.is_some_and(|row| !is_resident(row));
    let is_due = match policy {
        PrefetchPolicy::Always => true,
        PrefetchPolicy::IfCold => is_cold(rows.first()) || (rows.len() > 1 && is_cold(rows.last())),
        PrefetchPolicy::IndexIfCold | PrefetchPolicy::Never => false,
    };
    if is_due {
        let start = |row: &[u8]| row.as_ptr() as usize - array.as_ptr() as usize;
        advise_will_need(&[array], rows.iter().map(|row| start(row)..start(row) + size));
    }
    Ok(rows)
}
