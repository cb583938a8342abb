//! Announcing a batch to the kernel before it is read. Page faults come one after another, each waiting for the
//! disk; pages that are announced together are read together.

use std::ops::Range;

use crate::mapping::Region;

/// Samples of a batch whose pages are looked at, to tell whether it lies in memory. A look costs as much as copying
/// some kilobytes.
const PROBES: usize = 2;
/// Ranges that are closer than this are announced as one.
const GAP: usize = 16 * 1024;

/// When to announce a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// Where a few pages of the batch are not all in memory, or were not a few batches ago.
    IfCold,
}

/// Asks the kernel to read the same ranges of all `regions`, in as few calls as the gaps between them allow. There are
/// `count` ranges, of which `range` gives each. Regions that are read together are alike: the first one tells whether
/// they are in memory.
pub(crate) fn announce(regions: &[&Region], count: usize, range: impl Fn(usize) -> Range<usize>, when: When) {
    if when == When::IfCold && !regions.first().is_some_and(|region| is_cold(region, count, &range)) {
        return;
    }
    let mut ranges: Vec<_> = (0..count).map(range).filter(|range| !range.is_empty()).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let near = |left: &Range<usize>, right: &Range<usize>| right.start <= left.end.saturating_add(GAP);
    for group in ranges.chunk_by(near) {
        let end = group.iter().map(|range| range.end).max().unwrap_or(0);
        for region in regions {
            region.will_need(group[0].start..end);
        }
    }
}

fn is_cold(region: &Region, count: usize, range: impl Fn(usize) -> Range<usize>) -> bool {
    if region.was_cold() {
        return true;
    }
    let mut probes = (1..=PROBES).filter_map(|part| (count * part / PROBES).checked_sub(1)).map(range);
    let is_cold = probes.any(|range| !range.is_empty() && !region.is_resident(range.start));
    if is_cold {
        region.found_cold();
    }
    is_cold
}
