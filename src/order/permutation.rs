//! A keyed permutation of `0..n` that is computed, not stored.

use std::array;
use std::ops::Range;

/// Rounds for fewer samples than each number: digits of few values mix slowly. With fewer than 20 rounds, a million
/// orders of six samples show a bias; with 8, orders of a hundred no longer do.
const ROUNDS: [(usize, usize); 3] = [(256, MOST_ROUNDS), (1 << 16, 12), (usize::MAX, 8)];
const MOST_ROUNDS: usize = 24;
/// Positions that are permuted at a time.
const LANES: usize = 4;

/// A permutation of `0..len`, one for each key.
///
/// It is the generalized Feistel network with cycle walking of J. Black and P. Rogaway, "Ciphers with Arbitrary Finite
/// Domains", CT-RSA 2002 (also FE1 in M. Bellare et al., "Format-Preserving Encryption", SAC 2009): a position is a pair
/// of digits, of about the square root of `len` values each, and every round adds a hash of one digit to the other. The
/// two digits count to at most `sqrt(len)` more than `len`; a result outside is permuted again, which is rare. The hash is
/// not cryptographic: orders look random to statistics, not to an adversary.
///
/// ```
/// use mmap_ninja::loader::Permutation;
/// let order = Permutation::new(1_000_000_000, 42);
/// assert!(order.get(999_999_999) < 1_000_000_000);
/// assert_ne!(order.get(0), Permutation::new(1_000_000_000, 43).get(0));
/// ```
#[derive(Clone, Debug)]
pub struct Permutation {
    len: u64,
    /// The number of values of the two digits.
    high: u64,
    low: u64,
    /// 2^64 / `low`, since a division takes longer than two rounds.
    inverse: u64,
    keys: [u64; MOST_ROUNDS],
    rounds: usize,
}

impl Permutation {
    /// The permutation of `0..len` for a key.
    #[must_use]
    pub fn new(len: usize, key: u64) -> Self {
        let mut keys = [0; MOST_ROUNDS];
        let mut state = key;
        for round in &mut keys {
            state = combine(state, 1);
            *round = state;
        }
        let rounds = ROUNDS.iter().find(|(most, _)| len < *most).map_or(MOST_ROUNDS, |(_, rounds)| *rounds);
        let root = len.isqrt();
        let low = (root + usize::from(root * root < len)).max(1) as u64;
        let len = len as u64;
        Self { len, high: len.div_ceil(low), low, inverse: u64::MAX / low, keys, rounds }
    }

    /// What stands at `position`.
    ///
    /// # Panics
    /// If `position` is not less than the length.
    #[must_use]
    #[inline]
    pub fn get(&self, position: usize) -> usize {
        let value = position as u64;
        assert!(value < self.len, "position {position} of {}", self.len);
        self.walked(self.permute(value))
    }

    /// What stands at consecutive positions.
    ///
    /// # Panics
    /// As [`Permutation::get`].
    pub fn each(&self, positions: Range<usize>, mut take: impl FnMut(usize)) {
        assert!(positions.is_empty() || positions.end as u64 <= self.len, "positions {positions:?} of {}", self.len);
        let mut position = positions.start;
        // Several at a time: each step of a network waits for the one before.
        while position + LANES <= positions.end {
            let values: [u64; LANES] = self.permute_all(array::from_fn(|lane| (position + lane) as u64));
            for value in values {
                take(self.walked(value));
            }
            position += LANES;
        }
        (position..positions.end).for_each(|position| take(self.get(position)));
    }

    /// What a permuted value leads to.
    #[expect(clippy::cast_possible_truncation, reason = "it is less than a length, which is a usize")]
    #[inline]
    fn walked(&self, mut value: u64) -> usize {
        while value >= self.len {
            value = self.permute(value);
        }
        value as usize
    }

    #[inline]
    fn digits(&self, value: u64) -> (u64, u64) {
        // At most one too small.
        let high = upper_product(value, self.inverse);
        let low = value - high * self.low;
        if low < self.low { (high, low) } else { (high + 1, low - self.low) }
    }

    /// One pass through the network, which permutes the values of both digits together.
    #[inline]
    fn permute(&self, value: u64) -> u64 {
        let [value] = self.permute_all([value]);
        value
    }

    #[inline]
    fn permute_all<const N: usize>(&self, values: [u64; N]) -> [u64; N] {
        let mut digits = values.map(|value| self.digits(value));
        for keys in self.keys[..self.rounds].chunks_exact(2) {
            for (high, low) in &mut digits {
                *high = add(*high, hash(*low ^ keys[0]), self.high);
                *low = add(*low, hash(*high ^ keys[1]), self.low);
            }
        }
        digits.map(|(high, low)| high * self.low + low)
    }
}

/// The upper half of a product.
#[inline]
fn upper_product(one: u64, other: u64) -> u64 {
    ((u128::from(one) * u128::from(other)) >> 64) as u64
}

/// `digit` plus a random value below `bound`, modulo `bound`.
#[inline]
fn add(digit: u64, random: u64, bound: u64) -> u64 {
    let sum = digit + upper_product(random, bound);
    if sum >= bound { sum - bound } else { sum }
}

/// A hash whose upper bits, which are used, depend on all bits of `value`.
#[inline]
fn hash(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9FB2_1C65_1E98_DF25);
    (value ^ (value >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// A key made of two: the generator `SplitMix64` (G. Steele, D. Lea and C. Flood, "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014), seeded by the one and advanced by the other.
pub(crate) fn combine(key: u64, other: u64) -> u64 {
    let state = key.wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_add(other.wrapping_mul(0xD134_2543_DE82_EF95));
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}
