//! What is known of whether the pages of a mapping are in memory, so that readers seldom have to ask the kernel, which takes
//! as long as several items do.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed};

/// After a batch of which a page was not in memory, this many batches are prefetched without probing: while only a part
/// of a file is in memory, the probed page of a batch may be there by chance.
const COLD_BATCHES: u8 = 32;
/// Single items are all probed at first. As long as they are in memory, half as many of them are probed after every so many
/// probes, down to one of this many where they are read at random, and about two where they are read in order. A probe
/// takes about a microsecond.
const MAX_ITEMS_A_PROBE: u32 = 2048;
const PROBES_A_STEP: u32 = 8;
/// After an item that was not in memory, this many items are all probed: to probe them takes less time than to wait for
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

/// 2^32 divided by the golden ratio. Its multiples, modulo 2^32, spread evenly over the numbers below 2^32, also those of
/// successive factors (Knuth, The Art of Computer Programming, vol. 3, 6.4).
const SPREAD: u32 = 0x9E37_79B1;
const MIN_WINDOW: u32 = u32::MAX / MAX_ITEMS_A_PROBE;

/// Which items are probed follows from their indices, so that the others write nothing here: threads that read would
/// take the cache line from each other. Each probe moves on which items are next, so that no item is probed at every
/// access. A race between threads may count an item or a batch once too few, which does no harm.
#[derive(Debug)]
pub(crate) struct Residency {
    /// Batches that are still assumed to be cold.
    cold_batches: AtomicU8,
    /// An item is probed if its multiple of [`SPREAD`], plus `turn`, is at most `window`.
    turn: AtomicU32,
    window: AtomicU32,
    /// Items to probe, all in memory, until the window is halved.
    until_halved: AtomicU32,
    /// The last item that was probed.
    last: AtomicUsize,
}

impl Residency {
    pub const fn unknown() -> Self {
        Self {
            cold_batches: AtomicU8::new(0),
            turn: AtomicU32::new(0),
            window: AtomicU32::new(u32::MAX),
            until_halved: AtomicU32::new(PROBES_A_STEP),
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

    /// Whether the item at `index` need not be probed.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the product is taken modulo 2^32")]
    pub fn skips_item(&self, index: usize) -> bool {
        let place = (index as u32).wrapping_mul(SPREAD).wrapping_add(self.turn.load(Relaxed));
        place > self.window.load(Relaxed)
    }

    /// Whether every item is probed.
    pub fn is_watched(&self) -> bool {
        self.window.load(Relaxed) == u32::MAX
    }

    /// How many items forward the reader moves at a time, if it has come to the one at `index`, which is probed, in order.
    pub fn step_to(&self, index: usize) -> Option<usize> {
        let items = u32::MAX / self.window.load(Relaxed);
        let step = index.wrapping_sub(self.last.swap(index, Relaxed)).div_ceil(items as usize);
        (1..=MAX_STEP).contains(&step).then_some(step)
    }

    /// Takes note of what the probe of an item has found.
    pub fn probed_item(&self, is_cold: bool) {
        let window = self.window.load(Relaxed);
        self.turn.fetch_sub(window.wrapping_add(1), Relaxed);
        let left = self.until_halved.load(Relaxed).saturating_sub(1);
        let (window, left) = match (is_cold, left) {
            (true, _) => (u32::MAX, WATCHED_ITEMS),
            (false, 0) => ((window / 2).max(MIN_WINDOW), PROBES_A_STEP),
            (false, left) => (window, left),
        };
        self.window.store(window, Relaxed);
        self.until_halved.store(left, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of `count` that are probed, of which those are cold for which `is_cold`.
    fn probed(residency: &Residency, count: u32, is_cold: impl Fn(u32) -> bool) -> Vec<u32> {
        let probe = |item: &u32| {
            let is_probed = !residency.skips_item(*item as usize);
            if is_probed {
                residency.probed_item(is_cold(*item));
            }
            is_probed
        };
        (0..count).filter(probe).collect()
    }

    #[test]
    fn ever_fewer_items_in_memory_are_probed() {
        let residency = Residency::unknown();
        let first = probed(&residency, PROBES_A_STEP, |_| false);
        assert_eq!(first.len(), PROBES_A_STEP as usize);
        probed(&residency, 40 * MAX_ITEMS_A_PROBE, |_| false);
        let rest = probed(&residency, 100 * MAX_ITEMS_A_PROBE, |_| false);
        assert!((50..=250).contains(&rest.len()), "{}", rest.len());
        let furthest = rest.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(furthest < Some(4 * MAX_ITEMS_A_PROBE), "{furthest:?}");
    }

    #[test]
    fn an_item_that_is_read_again_and_again_is_probed_once() {
        for item in 0..1000 {
            let residency = Residency::unknown();
            (0..PROBES_A_STEP * 12).for_each(|_| residency.probed_item(false));
            let again = (0..1000).filter(|_| !residency.skips_item(item)).inspect(|_| residency.probed_item(false));
            assert!(again.count() <= 1, "item {item}");
        }
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
        let found = [5, 6, 8, 8, 7, 40, 40 + MAX_STEP].map(|index| residency.step_to(index));
        assert_eq!(found, [None, Some(1), Some(2), None, None, None, Some(MAX_STEP)]);
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
