//! What was done to a disk, and every state that a power loss may leave of it.

use super::disk::Disk;
use crate::txn::testing::trace::Op;

/// Numbers that look like chance and are the same in every run (`SplitMix64`).
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn coin(&mut self) -> bool {
        self.number() & 1 == 1
    }
}

/// How many states to try where not all can be.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Up to this many operations that were not synced, every subset of them is tried.
    pub exhaustive: usize,
    /// How many subsets of more operations than that are tried.
    pub subsets: usize,
    /// Ways to tear the writes of each subset, beside leaving them whole.
    pub tears: usize,
}

pub struct History {
    before: Disk,
    ops: Vec<Op>,
}

impl History {
    /// Operations on the disk that was `before`, without those that change nothing.
    pub fn new(before: Disk, mut ops: Vec<Op>) -> Self {
        let mut disk = before.clone();
        ops.retain(|op| {
            let matters = matches!(op, Op::Sync { .. }) || disk.is_changed_by(op);
            if matters {
                disk.apply(op);
            }
            matters
        });
        Self { before, ops }
    }

    /// The disk after all operations.
    pub fn after(&self) -> Disk {
        let mut disk = self.before.clone();
        self.ops.iter().for_each(|op| disk.apply(op));
        disk
    }

    /// Every state that a power loss may leave, and whether all was done before it. Between two syncs, what may be
    /// lost only becomes more, so that the moments before each sync, and the end, stand for all others.
    pub fn states(&self, effort: Effort, random: &mut Random, mut visit: impl FnMut(&Disk, bool)) {
        for done in 0..=self.ops.len() {
            if matches!(self.ops.get(done), None | Some(Op::Sync { .. })) {
                self.states_at(done, effort, random, |disk| visit(disk, done == self.ops.len()));
            }
        }
    }

    fn states_at(&self, done: usize, effort: Effort, random: &mut Random, mut visit: impl FnMut(&Disk)) {
        let unsynced: Vec<usize> = (0..done).filter(|&place| !self.is_durable(place, done)).collect();
        for subset in subsets(unsynced.len(), effort, random) {
            let lost = |place: usize| unsynced.binary_search(&place).is_ok_and(|place| !subset[place]);
            let kept = unsynced.iter().filter(|&&place| !lost(place));
            let can_tear = kept.into_iter().any(|&place| matches!(self.ops[place], Op::Write { .. }));
            let tears = if can_tear { effort.tears } else { 0 };
            for tear in 0..=tears {
                let mut disk = self.before.clone();
                for place in (0..done).filter(|&place| !lost(place)) {
                    let is_torn = tear > 0 && unsynced.binary_search(&place).is_ok();
                    if is_torn { disk.apply_torn(&self.ops[place], random) } else { disk.apply(&self.ops[place]) }
                }
                visit(&disk);
            }
        }
    }

    fn is_durable(&self, place: usize, done: usize) -> bool {
        let op = &self.ops[place];
        let mut later = self.ops[place..done].iter();
        matches!(op, Op::Sync { .. }) || later.any(|later| matches!(later, Op::Sync { inode } if op.touches(*inode)))
    }
}

/// Subsets of `len` operations: all of them, or as many as are asked for, of all sizes.
fn subsets(len: usize, effort: Effort, random: &mut Random) -> Vec<Vec<bool>> {
    if len <= effort.exhaustive {
        return (0..1_u64 << len).map(|bits| (0..len).map(|place| bits >> place & 1 == 1).collect()).collect();
    }
    let mut subset = |_| {
        let rarity = random.number();
        (0..len).map(|_| random.number() < rarity).collect()
    };
    (0..effort.subsets).map(&mut subset).collect()
}
