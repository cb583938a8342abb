//! Sorting samples by length.

use super::lengths::{Integers, Lengths};
use super::{CHECK_EVERY, check, push, with_room, zeros};
use crate::cancel::Cancellation;
use crate::error::Result;

/// Bits that one pass sorts by: the places that it writes to at a time fit into the caches.
const DIGIT_BITS: u32 = 11;
const BUCKETS: usize = 1 << DIGIT_BITS;

/// Samples in order, and how many in a row have the same key.
pub(super) struct Order {
    pub samples: Integers,
    /// `(key, count)`, descending.
    pub runs: Vec<(u64, usize)>,
}

/// Samples in order, and runs of keys.
type Sorted<T> = (Vec<T>, Vec<(u64, usize)>);

/// An unsigned integer, of 32 bits if that is enough.
trait Word: Copy + Default + PartialEq {
    fn new(value: u64) -> Self;
    fn get(self) -> u64;
    /// The digit from bit `shift` on, so that large ones come first.
    #[expect(clippy::cast_possible_truncation, reason = "a digit has few bits")]
    fn digit(self, shift: u32) -> usize {
        BUCKETS - 1 - ((self.get() >> shift) as usize & (BUCKETS - 1))
    }
}

impl Word for u32 {
    #[expect(clippy::cast_possible_truncation, reason = "chosen for values that fit")]
    fn new(value: u64) -> Self {
        value as Self
    }
    fn get(self) -> u64 {
        u64::from(self)
    }
}

impl Word for u64 {
    fn new(value: u64) -> Self {
        value
    }
    fn get(self) -> u64 {
        self
    }
}

/// The samples whose `key` is not 0, from the largest key to the smallest, equal ones in their own order. No key exceeds
/// `max`. This is a radix sort of pairs of a key and an index, from the lowest digit to the highest.
pub(super) fn descending(
    lengths: &Lengths,
    max: u64,
    key: impl Fn(u64) -> u64,
    cancel: &Cancellation,
) -> Result<Order> {
    let limit = u64::from(u32::MAX);
    if max <= limit && lengths.len() as u64 <= limit {
        let (samples, runs) = sorted::<u32>(lengths, max, key, cancel)?;
        Ok(Order { samples: Integers::Narrow(samples), runs })
    } else {
        let (samples, runs) = sorted::<u64>(lengths, max, key, cancel)?;
        Ok(Order { samples: Integers::Wide(samples), runs })
    }
}

fn sorted<T: Word>(lengths: &Lengths, max: u64, key: impl Fn(u64) -> u64, cancel: &Cancellation) -> Result<Sorted<T>> {
    let mut pairs = pairs::<T>(lengths, key, cancel)?;
    let mut others = zeros(pairs.len())?;
    for shift in (0..u64::BITS - max.leading_zeros()).step_by(DIGIT_BITS as usize) {
        scatter(&pairs, &mut others, shift, cancel)?;
        std::mem::swap(&mut pairs, &mut others);
    }
    drop(others);
    let mut runs = Vec::new();
    for run in pairs.chunk_by(|one, other| one.0 == other.0) {
        push(&mut runs, (run[0].0.get(), run.len()))?;
    }
    let mut samples = with_room(pairs.len())?;
    samples.extend(pairs.iter().map(|pair| pair.1));
    Ok((samples, runs))
}

/// The keys other than 0, and the samples that have them.
fn pairs<T: Word>(lengths: &Lengths, key: impl Fn(u64) -> u64, cancel: &Cancellation) -> Result<Vec<(T, T)>> {
    let mut pairs = with_room(lengths.len())?;
    for sample in 0..lengths.len() {
        if sample.is_multiple_of(CHECK_EVERY) {
            check(cancel)?;
        }
        let key = key(lengths.get(sample));
        if key > 0 {
            pairs.push((T::new(key), T::new(sample as u64)));
        }
    }
    Ok(pairs)
}

/// One pass: copies the pairs into the order of the digits of their keys.
fn scatter<T: Word>(pairs: &[(T, T)], target: &mut [(T, T)], shift: u32, cancel: &Cancellation) -> Result<()> {
    let mut next = [0_usize; BUCKETS];
    for part in pairs.chunks(CHECK_EVERY) {
        check(cancel)?;
        for pair in part {
            next[pair.0.digit(shift)] += 1;
        }
    }
    let mut total = 0;
    for count in &mut next {
        total += std::mem::replace(count, total);
    }
    for part in pairs.chunks(CHECK_EVERY) {
        check(cancel)?;
        for pair in part {
            let next = &mut next[pair.0.digit(shift)];
            target[*next] = *pair;
            *next += 1;
        }
    }
    Ok(())
}
