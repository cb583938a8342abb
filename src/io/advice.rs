//! Prefetching a batch. The kernel serves page faults one after another, each of which waits for the disk, but reads
//! the pages of one piece of advice together.

use std::ops::Range;

use super::mapping::Region;

/// Ranges that are closer together than this are advised as one.
const MAX_GAP: usize = 16 * 1024;

/// When to prefetch a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefetchPolicy {
    Always,
    /// If a page of this batch, or of a recent batch, was not in memory.
    IfCold,
}

impl PrefetchPolicy {
    /// Whether to prefetch a batch from `region` whose last sample has the range `last`. This probes only one page,
    /// which takes as long as copying a few kilobytes.
    pub fn is_due(self, region: &Region, last: impl FnOnce() -> Option<Range<usize>>) -> bool {
        if self == Self::Always || region.was_cold() {
            return true;
        }
        let is_cold = last().is_some_and(|range| !range.is_empty() && !region.is_resident(range.start));
        if is_cold {
            region.found_cold();
        }
        is_cold
    }
}

/// Asks the kernel to read the same ranges of all `regions`, with few system calls.
pub(crate) fn advise_will_need(regions: &[&Region], ranges: impl Iterator<Item = Range<usize>>) {
    let mut ranges: Vec<_> = ranges.filter(|range| !range.is_empty()).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let near = |left: &Range<usize>, right: &Range<usize>| right.start <= left.end.saturating_add(MAX_GAP);
    for group in ranges.chunk_by(near) {
        let end = group.iter().map(|range| range.end).max().unwrap_or(0);
        for region in regions {
            region.will_need(group[0].start..end);
        }
    }
}
