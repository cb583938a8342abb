//! The order in which samples are read: arithmetic on their positions, so that an epoch over any number of samples starts,
//! resumes and is shared among processes at once, without an array of indices.

mod mixture;
mod permutation;

use std::ops::Range;
use std::sync::Arc;

use mixture::Mixture;
pub use permutation::Permutation;
pub(crate) use permutation::combine;

/// A sample of one of several sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The number of the source.
    pub source: usize,
    /// The index of the sample in it.
    pub index: usize,
}

/// The samples of a source that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subset {
    /// `len` indices from `start` on, each `step` after the one before.
    Range {
        /// The first index.
        start: usize,
        /// The distance between two indices.
        step: isize,
        /// The number of indices.
        len: usize,
    },
    /// These indices.
    List(Arc<[usize]>),
}

impl Subset {
    /// The number of indices.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Range { len, .. } => *len,
            Self::List(indices) => indices.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more than the largest index; 0 if there are none.
    #[must_use]
    pub fn reach(&self) -> usize {
        let last = match self {
            Self::Range { len: 0, .. } => None,
            Self::Range { start, len, .. } => Some(self.get(len - 1).max(*start)),
            Self::List(indices) => indices.iter().max().copied(),
        };
        last.map_or(0, |last| last + 1)
    }

    fn get(&self, position: usize) -> usize {
        match self {
            Self::Range { start, step, .. } => start.wrapping_add_signed(step.wrapping_mul(position.cast_signed())),
            Self::List(indices) => indices[position],
        }
    }
}

/// The order of every epoch. An epoch has as many positions as the sources have samples.
///
/// With several sources, each position is drawn from one of them by weight. A source goes on where it stopped in the
/// epoch before, and starts over, in another order, once all its samples were drawn.
///
/// ```
/// use mmap_ninja::loader::{Order, Subset};
/// let order = Order::new(vec![(Subset::Range { start: 0, step: 1, len: 5 }, 1.0)], 7, true);
/// let mut epoch: Vec<usize> = order.draws(0, 0..5).iter().map(|draw| draw.index).collect();
/// epoch.sort_unstable();
/// assert_eq!(epoch, [0, 1, 2, 3, 4]);
/// ```
#[derive(Clone, Debug)]
pub struct Order {
    sources: Vec<Subset>,
    /// `None` for a single source.
    mixture: Option<Mixture>,
    seed: u64,
    is_shuffled: bool,
}

impl Order {
    /// The order of samples from `sources`, each with its weight, which is positive.
    #[must_use]
    pub fn new(sources: Vec<(Subset, f64)>, seed: u64, is_shuffled: bool) -> Self {
        let (sources, weights): (Vec<_>, Vec<_>) = sources.into_iter().unzip();
        let mixture = (sources.len() > 1).then(|| Mixture::new(&weights));
        Self { sources, mixture, seed, is_shuffled }
    }

    /// The same order under another seed.
    #[must_use]
    pub fn with_seed(&self, seed: u64) -> Self {
        Self { seed, ..self.clone() }
    }

    /// The samples that are read of a source.
    #[must_use]
    pub fn subset(&self, source: usize) -> &Subset {
        &self.sources[source]
    }

    /// The number of positions in an epoch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sources.iter().map(Subset::len).sum()
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples at `positions` of an epoch.
    #[must_use]
    pub fn draws(&self, epoch: u64, positions: Range<usize>) -> Vec<Draw> {
        let mut draws = Vec::with_capacity(positions.len());
        let Some(mixture) = &self.mixture else {
            let mut draw = |place| draws.push(Draw { source: 0, index: self.sources[0].get(place) });
            if self.is_shuffled {
                self.permutation(0, epoch).each(positions, draw);
            } else {
                positions.for_each(&mut draw);
            }
            return draws;
        };
        let mut passes = vec![None; self.sources.len()];
        let first = u128::from(epoch) * self.len() as u128;
        let mut blocks = mixture.blocks(self.seed);
        draws.extend(positions.map(|position| {
            let (source, number) = blocks.draw(first + position as u128);
            let len = self.sources[source].len() as u128;
            // The remainder is less than a length, and passes are far fewer than 2^64.
            #[expect(clippy::cast_possible_truncation)]
            self.draw(source, (number / len) as u64, (number % len) as usize, &mut passes)
        }));
        draws
    }

    /// The sample at `position` of a pass over a source.
    fn draw(&self, source: usize, pass: u64, position: usize, passes: &mut [Option<(u64, Permutation)>]) -> Draw {
        let subset = &self.sources[source];
        if !self.is_shuffled {
            return Draw { source, index: subset.get(position) };
        }
        passes[source].take_if(|(current, _)| *current != pass);
        let (_, permutation) = passes[source].get_or_insert_with(|| (pass, self.permutation(source, pass)));
        Draw { source, index: subset.get(permutation.get(position)) }
    }

    /// The order of a pass over a source.
    fn permutation(&self, source: usize, pass: u64) -> Permutation {
        let key = [self.seed, source as u64, pass].into_iter().fold(0, combine);
        Permutation::new(self.sources[source].len(), key)
    }
}

#[cfg(test)]
mod tests;
