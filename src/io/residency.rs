//! What is known of whether the pages of a mapping are in memory, so that readers seldom have to ask the kernel, which takes
//! as long as several items do.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed};

/// After a batch of which a page was not in memory, this many batches are prefetched without probing: while only a part
/// of a file is in memory, the probed page of a batch may be there by chance.
const COLD_BATCHES: u8 = 32;
/// Of single items that are in memory, one of this many is probed.
const ITEMS_A_PROBE: u32 = 256;
/// After an item that was not in memory, this many items are all probed: to probe them takes less time than to wait for
/// a single one which the kernel would otherwise read, with megabytes around it.
const WATCHED_ITEMS: u32 = 1024;
/// The first items of a mapping, which are all probed.
const FIRST_ITEMS: u32 = 16;
/// Whoever moves forward by at most this many items at a time reads in order.
const MAX_STEP: usize = 32;

/// A race between threads may count an item or a batch once too few, which does no harm.
#[derive(Debug)]
pub(crate) struct Residency {
    /// Batches that are still assumed to be cold.
    cold_batches: AtomicU8,
    /// Items until the next one that is probed.
    skipped: AtomicU32,
    /// Items that are still all probed.
    watched: AtomicU32,
    /// The last item that was probed.
    last: AtomicUsize,
}

impl Residency {
    pub const fn unknown() -> Self {
        Self {
            cold_batches: AtomicU8::new(0),
            skipped: AtomicU32::new(0),
            watched: AtomicU32::new(FIRST_ITEMS),
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
        let left = self.skipped.load(Relaxed);
        if left > 0 {
            self.skipped.store(left - 1, Relaxed);
        }
        left > 0
    }

    /// Whether every item is probed.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Relaxed) > 0
    }

    /// Whether items up to the one at `index`, which is probed, were read in order. The kernel then reads ahead.
    pub fn is_in_order(&self, index: usize) -> bool {
        let skipped = if self.is_watched() { 1 } else { ITEMS_A_PROBE as usize };
        let step = index.wrapping_sub(self.last.swap(index, Relaxed));
        (1..=MAX_STEP * skipped).contains(&step)
    }

    /// Takes note of what the probe of an item has found.
    pub fn probed_item(&self, is_cold: bool) {
        let left = if is_cold { WATCHED_ITEMS } else { self.watched.load(Relaxed).saturating_sub(1) };
        self.watched.store(left, Relaxed);
        self.skipped.store(if left > 0 { 0 } else { ITEMS_A_PROBE - 1 }, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of `count` that are probed, of which those are cold for which `is_cold`.
    fn probed(residency: &Residency, count: u32, is_cold: impl Fn(u32) -> bool) -> Vec<u32> {
        let probe = |item: &u32| {
            let is_probed = !residency.skips_item();
            if is_probed {
                residency.probed_item(is_cold(*item));
            }
            is_probed
        };
        (0..count).filter(probe).collect()
    }

    #[test]
    fn one_of_many_items_in_memory_is_probed() {
        let residency = Residency::unknown();
        assert_eq!(probed(&residency, FIRST_ITEMS + 1, |_| false).len(), FIRST_ITEMS as usize);
        let rest = probed(&residency, 100 * ITEMS_A_PROBE, |_| false);
        assert_eq!(rest.len(), 100);
    }

    #[test]
    fn after_a_cold_item_the_next_ones_are_probed() {
        let residency = Residency::unknown();
        let found = probed(&residency, 4 * WATCHED_ITEMS, |item| item % (WATCHED_ITEMS / 2) == 0);
        assert_eq!(found.len(), 4 * WATCHED_ITEMS as usize);
        let rest = probed(&residency, 4 * WATCHED_ITEMS, |_| false);
        assert!(rest.len() < WATCHED_ITEMS as usize + 20);
    }

    #[test]
    fn steps_forward_are_an_order() {
        let residency = Residency::unknown();
        let found = [5, 6, 8, 8, 7, 40, 39 + MAX_STEP].map(|index| residency.is_in_order(index));
        assert_eq!(found, [false, true, true, false, false, false, true]);
    }

    #[test]
    fn batches_after_a_cold_one_are_assumed_to_be_cold() {
        let residency = Residency::unknown();
        assert!(!residency.is_batch_cold());
        residency.found_cold_batch();
        assert_eq!((0..100).filter(|_| residency.is_batch_cold()).count(), usize::from(COLD_BATCHES));
    }
}
