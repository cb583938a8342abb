//! Announcing a batch to the kernel before it is read. Page faults come one after another, each waiting for the
//! disk; pages that are announced together are read together.

use std::ops::Range;

use crate::mapping::Region;

/// Samples of a batch whose pages are looked at, to tell whether it lies in memory.
const PROBES: usize = 4;
/// Ranges that are closer than this are announced as one.
const GAP: usize = 16 * 1024;

/// When to announce a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// Where a few pages, evenly spread over the batch, are not all in memory.
    IfCold,
}

/// Asks the kernel to read `ranges` of `region`, in as few calls as the gaps between them allow.
pub(crate) fn announce(region: &Region, ranges: impl ExactSizeIterator<Item = Range<usize>> + Clone, when: When) {
    if when == When::IfCold && !is_cold(region, ranges.clone()) {
        return;
    }
    let mut ranges: Vec<_> = ranges.filter(|range| !range.is_empty()).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let near = |left: &Range<usize>, right: &Range<usize>| right.start <= left.end.saturating_add(GAP);
    for group in ranges.chunk_by(near) {
        let end = group.iter().map(|range| range.end).max().unwrap_or(0);
        region.will_need(group[0].start..end);
    }
}

fn is_cold(region: &Region, ranges: impl ExactSizeIterator<Item = Range<usize>>) -> bool {
    let step = ranges.len().div_ceil(PROBES).max(1);
    ranges.step_by(step).any(|range| !range.is_empty() && !region.is_resident(range.start))
}
