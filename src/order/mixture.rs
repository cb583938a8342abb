//! From which of several sources each position is drawn.

use super::permutation::{Permutation, combine};

/// Positions that draw from every source its share, in a random order.
const BLOCK: usize = 256;

/// Shares of several sources. The positions up to the end of any block draw from each source its share, to within a few
/// draws.
#[derive(Clone, Debug)]
pub(super) struct Mixture {
    /// For every source but the first, how much of the draws from it and the sources before it falls to those before it, in
    /// units of 2^-32.
    before: Vec<u64>,
}

impl Mixture {
    pub fn new(weights: &[f64]) -> Self {
        let mut sum = 0.0;
        let mut before = Vec::with_capacity(weights.len());
        for weight in weights {
            let next = sum + weight;
            // A share between 0 and 1.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            before.push((sum / next * 4_294_967_296.0).round() as u64);
            sum = next;
        }
        before.remove(0);
        Self { before }
    }

    /// The first `draws` draws from all sources, as how many come from each source and those before it: the last is
    /// `draws`. Each of them grows with `draws`, by at most as much as the one after it.
    fn ends(&self, draws: u128) -> Vec<u128> {
        let mut ends = vec![draws; self.before.len() + 1];
        for (source, share) in self.before.iter().enumerate().rev() {
            ends[source] = (ends[source + 1] * u128::from(*share)) >> 32;
        }
        ends
    }

    pub fn blocks(&self, seed: u64) -> Blocks<'_> {
        Blocks { mixture: self, seed, current: None }
    }
}

/// Draws position by position; the block of the last one is at hand.
pub(super) struct Blocks<'a> {
    mixture: &'a Mixture,
    seed: u64,
    current: Option<Block>,
}

struct Block {
    number: u128,
    /// The source of each position, and how many draws from it came before.
    draws: Vec<(usize, u128)>,
}

impl Blocks<'_> {
    /// The source that position `position` of all epochs is drawn from, and how many draws from it came before.
    pub fn draw(&mut self, position: u128) -> (usize, u128) {
        let number = position / BLOCK as u128;
        let place = (position % BLOCK as u128) as usize;
        let block = match self.current.take().filter(|block| block.number == number) {
            Some(block) => block,
            None => self.block(number),
        };
        self.current.insert(block).draws[place]
    }

    /// The draws of a block: those from each source are as many as its share, in a random order of the sources.
    fn block(&self, number: u128) -> Block {
        // Block numbers are far below 2^64.
        #[expect(clippy::cast_possible_truncation)]
        let key = [u64::MAX, number as u64].into_iter().fold(self.seed, combine);
        let slots = Permutation::new(BLOCK, key);
        let [starts, ends] = [number, number + 1].map(|blocks| self.mixture.ends(blocks * BLOCK as u128));
        // The slots from here on are those of later sources.
        let bounds: Vec<u128> = starts.iter().zip(&ends).map(|(start, end)| end - start).collect();
        let before = |source: usize| source.checked_sub(1).map_or(0, |previous| starts[previous]);
        let mut next: Vec<u128> = (0..starts.len()).map(|source| starts[source] - before(source)).collect();
        let draw = |place| {
            let slot = slots.get(place) as u128;
            let source = bounds.partition_point(|&bound| bound <= slot);
            let number = next[source];
            next[source] += 1;
            (source, number)
        };
        Block { number, draws: (0..BLOCK).map(draw).collect() }
    }
}
