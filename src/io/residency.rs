//! What is known of whether the pages of a mapping are in memory, so that readers seldom have to ask the kernel, which takes
//! as long as several items do.

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed};

/// After a batch of which a page was not in memory, this many batches are prefetched without probing: while only a part
/// of a file is in memory, the probed page of a batch may be there by chance.
const COLD_BATCHES: u8 = 32;
/// Single items are all probed at first. While they are in memory, or read in order, the interval between two probes is doubled after every
/// [`PROBES_AN_INTERVAL`] probes, up to this many items: a probe takes about a microsecond. It is odd, so that maps which are
/// read in turn, as the fields of records are, are all probed.
const MAX_INTERVAL: u32 = 2047;
const PROBES_AN_INTERVAL: u32 = 8;
/// After an item that was not in memory and had to be requested, this many items are all probed: to probe them takes less time than to wait for
/// a single one which the kernel would otherwise read, with megabytes around it.
const WATCHED_ITEMS: u32 = 1024;
/// Whoever moves forward by at most this many items at a time reads in order.
const MAX_STEP: usize = 32;
/// Whoever moves forward by more bytes than these passes over most of what the kernel reads ahead by default.
const MAX_STEP_BYTES: usize = 64 * 1024;

/// Whether the kernel reads ahead for whoever moves forward by `step` items of `size` bytes at a time.
pub(crate) fn is_read_ahead(step: usize, size: usize) -> bool {
    step == 1 || step.saturating_mul(size) <= MAX_STEP_BYTES
}

thread_local! {
    /// Items that this thread reads until it probes one. A counter in the mapping would be a cache line that threads take from
    /// each other.
    static SKIPPED: Cell<u32> = const { Cell::new(0) };
}

/// A race between threads may count a probe or a batch once too few, which does no harm.
#[derive(Debug)]
pub(crate) struct Residency {
    /// Batches that are still assumed to be cold.
    cold_batches: AtomicU8,
    /// One of this many items is probed.
    interval: AtomicU32,
    /// Items to probe, none of which has to be requested, until the interval is doubled.
    until_doubled: AtomicU32,
    /// The last item that was probed.
    last: AtomicUsize,
}

impl Residency {
    pub const fn unknown() -> Self {
        Self {
            cold_batches: AtomicU8::new(0),
            interval: AtomicU32::new(1),
            until_doubled: AtomicU32::new(PROBES_AN_INTERVAL),
            // Far from every index.
            last: AtomicUsize::new(usize::MAX / 2),
        }
    }

    /// Makes [`Residency::is_batch_cold`] true for the next batches.
    pub fn found_cold_batch(&self) {
        self.cold_batches.store(COLD_BATCHES, Relaxed);
    }

    /// Whether the next batch is still assumed to be cold.
    pub fn is_batch_cold(&self) -> bool {
        let left = self.cold_batches.load(Relaxed);
        self.cold_batches.store(left.saturating_sub(1), Relaxed);
        left > 0
    }

    /// Whether the next item need not be probed.
    #[inline]
    pub fn skips_item(&self) -> bool {
        !self.is_watched()
            && SKIPPED.with(|skipped| {
                let left = skipped.get();
                skipped.set(left.saturating_sub(1));
                left > 0
            })
    }

    /// Whether every item is probed.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.interval.load(Relaxed) == 1
    }

    /// How many items forward the reader moves at a time, if it has come to the one at `index`, which is probed, in order.
    pub fn step_to(&self, index: usize) -> Option<usize> {
        let interval = self.interval.load(Relaxed) as usize;
        let moved = index.wrapping_sub(self.last.swap(index, Relaxed));
        let step = moved / interval;
        (moved.is_multiple_of(interval) && (1..=MAX_STEP).contains(&step)).then_some(step)
    }

    /// Takes note of whether an item that was probed had to be requested.
    pub fn probed_item(&self, is_requested: bool) {
        let left = self.until_doubled.load(Relaxed).saturating_sub(1);
        let interval = self.interval.load(Relaxed);
        let (interval, left) = match (is_requested, left) {
            (true, _) => (1, WATCHED_ITEMS),
            (false, 0) => ((2 * interval + 1).min(MAX_INTERVAL), PROBES_AN_INTERVAL),
            (false, left) => (interval, left),
        };
        self.interval.store(interval, Relaxed);
        self.until_doubled.store(left, Relaxed);
        SKIPPED.set(interval - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of `count` that are probed, of which those are requested for which `is_requested`.
    fn probed(residency: &Residency, count: u32, is_requested: impl Fn(u32) -> bool) -> Vec<u32> {
        let probe = |item: &u32| {
            let is_probed = !residency.skips_item();
            if is_probed {
                residency.probed_item(is_requested(*item));
            }
            is_probed
        };
        (0..count).filter(probe).collect()
    }

    #[test]
    fn ever_fewer_items_in_memory_are_probed() {
        let residency = Residency::unknown();
        let first = probed(&residency, PROBES_AN_INTERVAL, |_| false);
        assert_eq!(first.len(), PROBES_AN_INTERVAL as usize);
        probed(&residency, 20 * MAX_INTERVAL, |_| false);
        let rest = probed(&residency, 100 * MAX_INTERVAL, |_| false);
        assert!(rest.windows(2).all(|pair| pair[1] - pair[0] == MAX_INTERVAL), "{rest:?}");
        assert_eq!(rest.len(), 100);
    }

    #[test]
    fn maps_that_are_read_in_turn_are_all_probed() {
        let fields: Vec<_> = (0..4).map(|_| Residency::unknown()).collect();
        let round = |()| fields.iter().map(|field| probed(field, 1, |_| false).len()).collect::<Vec<_>>();
        (0..20 * MAX_INTERVAL).for_each(|_| drop(round(())));
        let later: Vec<_> = (0..20 * MAX_INTERVAL).map(|_| round(())).collect();
        for field in 0..fields.len() {
            assert!(later.iter().map(|found| found[field]).sum::<usize>() >= 15);
        }
    }

    #[test]
    fn after_an_item_that_was_requested_the_next_ones_are_probed() {
        let residency = Residency::unknown();
        let found = probed(&residency, 4 * WATCHED_ITEMS, |item| item % (WATCHED_ITEMS / 2) == 0);
        assert_eq!(found.len(), 4 * WATCHED_ITEMS as usize);
        let rest = probed(&residency, 4 * WATCHED_ITEMS, |_| false);
        assert!(rest.len() < WATCHED_ITEMS as usize + 20);
    }

    #[test]
    fn steps_forward_are_an_order() {
        let residency = Residency::unknown();
        let found = [5, 6, 8, 8, 7, 40, 40 + MAX_STEP].map(|index| residency.step_to(index));
        assert_eq!(found, [None, Some(1), Some(2), None, None, None, Some(MAX_STEP)]);
        probed(&residency, 20 * MAX_INTERVAL, |_| false);
        let interval = MAX_INTERVAL as usize;
        let found = [interval, 2 * interval, 5 * interval, 6 * interval + 1].map(|index| residency.step_to(index));
        assert_eq!(found[1..], [Some(1), Some(3), None]);
    }

    #[test]
    fn steps_over_much_are_not_read_ahead() {
        let found = [(1, usize::MAX), (MAX_STEP, 2000), (2, 500_000)].map(|(step, size)| is_read_ahead(step, size));
        assert_eq!(found, [true, true, false]);
    }

    #[test]
    fn batches_after_a_cold_one_are_assumed_to_be_cold() {
        let residency = Residency::unknown();
        assert!(!residency.is_batch_cold());
        residency.found_cold_batch();
        assert_eq!((0..100).filter(|_| residency.is_batch_cold()).count(), usize::from(COLD_BATCHES));
    }
}
