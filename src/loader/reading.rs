//! Reads the samples of a batch in parts, so that it ends soon after a cancellation.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::batch::Batch;
use super::buffer::{Buffer, Pool};
use crate::batch::Out;
use crate::batch::cast::Cast;
use crate::batch::gather::{arrow_offsets, concatenate, total_len};
use crate::batch::pad::{PaddedPlan, Padding, pad};
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use crate::memory;
use crate::order::{Draw, Order};
use crate::ragged;
use crate::sample::Sample;

/// Positions whose samples are drawn at once.
const DRAWN_AT_ONCE: usize = 1 << 16;
/// Samples that are located at once.
const LOCATED_AT_ONCE: usize = 4096;
/// Bytes of samples that are copied at once, and by one thread: the others copy other batches.
const COPIED_AT_ONCE: usize = 1 << 20;

/// What reading a batch needs.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    /// Where errors that are of no sample say that they arose.
    dir: &'a Path,
    pool: &'a Arc<Pool>,
    cancel: &'a Cancellation,
}

impl<'a> Reading<'a> {
    pub fn new(dir: &'a Path, pool: &'a Arc<Pool>, cancel: &'a Cancellation) -> Self {
        Self { dir, pool, cancel }
    }

    /// The same for another source.
    pub fn of<'b>(&'b self, dir: &'b Path) -> Reading<'b> {
        Reading { dir, ..*self }
    }

    fn check(&self) -> Result<()> {
        if self.cancel.is_requested() { Err(Error::Interrupted { path: self.dir.to_owned() }) } else { Ok(()) }
    }

    /// The samples at positions of an epoch.
    pub fn drawn(&self, order: &Order, epoch: u64, positions: Range<usize>) -> Result<Vec<Draw>> {
        let mut draws = memory::with_room(self.dir, positions.len())?;
        for start in positions.clone().step_by(DRAWN_AT_ONCE) {
            self.check()?;
            draws.extend(order.draws(epoch, start..positions.end.min(start + DRAWN_AT_ONCE)));
        }
        Ok(draws)
    }

    /// Calls `prefetch` with the indices that are drawn from each source of which it `is_due`, and says whether it was of any.
    pub fn prefetch<S>(
        &self,
        draws: &[Draw],
        sources: &[S],
        is_due: impl Fn(&S, &[usize]) -> bool,
        prefetch: impl Fn(&S, &[usize]) -> Result<()>,
    ) -> Result<bool> {
        let mut is_any_due = false;
        for (source, indices) in sources.iter().zip(split(draws, sources.len())) {
            if is_due(source, &indices) {
                is_any_due = true;
                for part in indices.chunks(LOCATED_AT_ONCE) {
                    self.check()?;
                    prefetch(source, part)?;
                }
            }
        }
        Ok(is_any_due)
    }

    /// What `locate` finds in every source, in the order of the draws.
    pub fn located<'s, S, T>(
        &self,
        draws: &[Draw],
        sources: &'s [S],
        locate: impl Fn(&'s S, &[usize]) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        let mut located = memory::with_room(self.dir, draws.len())?;
        for draws in draws.chunks(LOCATED_AT_ONCE) {
            self.check()?;
            let indices = split(draws, sources.len());
            if let ([source], [indices]) = (sources, &*indices) {
                located.append(&mut locate(source, indices)?);
                continue;
            }
            let found = sources.iter().zip(&indices).map(|(source, indices)| Ok(locate(source, indices)?.into_iter()));
            let mut found = found.collect::<Result<Vec<_>>>()?;
            located.extend(draws.iter().filter_map(|draw| found[draw.source].next()));
        }
        Ok(located)
    }

    pub fn gathered(&self, pieces: &[&[u8]], cast: Cast) -> Result<Batch> {
        let offsets = arrow_offsets(self.dir, pieces.iter().map(|piece| cast.count(piece.len())))?;
        Ok(Batch::Gathered { values: self.concatenated(pieces, cast)?, offsets })
    }

    pub fn concatenated(&self, pieces: &[&[u8]], cast: Cast) -> Result<Buffer> {
        let total = total_len(pieces.iter().map(|piece| piece.len()), cast);
        self.pool.fill(self.dir, total, |out| {
            let size = |piece: &&[u8]| cast.size_of(piece.len()).unwrap_or(usize::MAX);
            self.copy_in_parts(pieces, size, out, |pieces, out| concatenate(pieces, cast, out))
        })
    }

    pub fn padded(
        &self,
        views: &[ragged::View],
        draws: &[Draw],
        samples: &[Sample],
        value: &[u8],
        cast: Cast,
    ) -> Result<Batch> {
        let rank = views[0].rank_of(samples);
        let room = memory::with_room(self.dir, samples.len().saturating_mul(rank))?;
        let padding = Padding { value, ..Padding::default() };
        let plan = PaddedPlan::new(samples, rank, &padding, room);
        let plan =
            plan.map_err(|place| mixed_ranks(views, [(draws[0], samples[0]), (draws[place], samples[place])]))?;
        let shape: Vec<usize> = std::iter::once(samples.len()).chain(plan.shape.iter().copied()).collect();
        let total = shape.iter().try_fold(value.len(), |total, &axis| total.checked_mul(axis));
        let total = if shape.contains(&0) { Some(0) } else { total };
        let values = self.pool.fill(self.dir, total, |out| {
            let block = out.len().checked_div(samples.len()).unwrap_or(0);
            let copy = |samples: &[Sample], out: &mut Out| pad(samples, &plan.shape, &padding, cast, out);
            self.copy_in_parts(samples, |_| block, out, copy)
        })?;
        Ok(Batch::Padded { values, shape, lengths: plan.lengths })
    }

    /// Copies items of the given sizes one after another.
    fn copy_in_parts<T>(
        &self,
        mut items: &[T],
        size: impl Fn(&T) -> usize,
        mut out: &mut Out,
        copy: impl Fn(&[T], &mut Out),
    ) -> Result<()> {
        while !items.is_empty() {
            self.check()?;
            let (mut count, mut bytes) = (0, 0);
            while count < items.len() && bytes < COPIED_AT_ONCE {
                bytes += size(&items[count]);
                count += 1;
            }
            let (part, others) = items.split_at(count);
            let (target, rest) = out.split_at_mut(bytes);
            copy(part, target);
            (items, out) = (others, rest);
        }
        Ok(())
    }
}

/// The indices that are drawn from each source.
fn split(draws: &[Draw], sources: usize) -> Vec<Vec<usize>> {
    let of = |source| draws.iter().filter(move |draw| draw.source == source).map(|draw| draw.index).collect();
    (0..sources).map(of).collect()
}

#[cold]
fn mixed_ranks(views: &[ragged::View], found: [(Draw, Sample); 2]) -> Error {
    let [one, other] = found.map(|(draw, sample)| {
        let (dir, axes) = (views[draw.source].dir.display(), sample.shape.len());
        format!("sample {} of {dir} has {axes} axes", draw.index)
    });
    Error::Shape { what: format!("{one} and {other}; a padded batch needs samples of one rank") }
}
