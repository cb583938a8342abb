//! A sequence of operations on a disk, and the states in which a power loss may leave it.

use super::disk::Disk;
use super::random::Random;
use crate::txn::testing::trace::Op;

/// How many states to try, where there are too many to try all.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Tries every subset of the operations that were not synced, if there are at most this many.
    pub exhaustive: usize,
    /// Otherwise, the number of subsets to try.
    pub subsets: usize,
    /// The most moments to try, evenly spread.
    pub moments: usize,
    /// The number of ways to tear the writes of each subset, in addition to complete writes.
    pub tears: usize,
}

pub struct History {
    before: Disk,
    ops: Vec<Op>,
}

impl History {
    /// The history of `ops` on a disk that was `before`, without operations that change nothing.
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

    /// Visits the states in which a power loss may leave the disk, with whether all operations were done before.
    /// Between two syncs, the set of operations that may be lost only grows, so the moments before each sync and the
    /// end cover all others.
    pub fn states(&self, effort: Effort, random: &mut Random, mut visit: impl FnMut(&Disk, bool)) {
        let is_moment = |done: &usize| matches!(self.ops.get(*done), None | Some(Op::Sync { .. }));
        let moments: Vec<usize> = (0..=self.ops.len()).filter(is_moment).collect();
        let last = moments.len().saturating_sub(1);
        for done in moments.into_iter().rev().step_by(1 + last / effort.moments) {
            self.states_at(done, effort, random, |disk| visit(disk, done == self.ops.len()));
        }
    }

    fn states_at(&self, done: usize, effort: Effort, random: &mut Random, mut visit: impl FnMut(&Disk)) {
        let unsynced: Vec<usize> = (0..done).filter(|&index| !self.is_durable(index, done)).collect();
        for subset in subsets(unsynced.len(), effort, random) {
            let lost = |index: usize| unsynced.binary_search(&index).is_ok_and(|index| !subset[index]);
            let kept = unsynced.iter().filter(|&&index| !lost(index));
            let can_tear = kept.into_iter().any(|&index| matches!(self.ops[index], Op::Write { .. }));
            let tears = if can_tear { effort.tears } else { 0 };
            for tear in 0..=tears {
                let mut disk = self.before.clone();
                for index in (0..done).filter(|&index| !lost(index)) {
                    let is_torn = tear > 0 && unsynced.binary_search(&index).is_ok();
                    if is_torn { disk.apply_torn(&self.ops[index], random) } else { disk.apply(&self.ops[index]) }
                }
                visit(&disk);
            }
        }
    }

    fn is_durable(&self, index: usize, done: usize) -> bool {
        let op = &self.ops[index];
        let mut later = self.ops[index..done].iter();
        matches!(op, Op::Sync { .. }) || later.any(|later| matches!(later, Op::Sync { inode } if op.touches(*inode)))
    }
}

/// All subsets of `len` operations, or random ones of all sizes.
fn subsets(len: usize, effort: Effort, random: &mut Random) -> Vec<Vec<bool>> {
    if len <= effort.exhaustive {
        return (0..1_u64 << len).map(|bits| (0..len).map(|index| bits >> index & 1 == 1).collect()).collect();
    }
    let mut subset = |_| {
        let rarity = random.number();
        (0..len).map(|_| random.number() < rarity).collect()
    };
    (0..effort.subsets).map(&mut subset).collect()
}
