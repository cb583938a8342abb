//! The lengths of samples, checked and stored in as few bytes as the largest of them needs.

use super::report::Count;
use super::{CHECK_EVERY, check, with_room};
use crate::cancel::Cancellation;
use crate::error::{Error, Result};

/// Unsigned integers, of 32 bits if all of them fit.
#[derive(Clone, Debug)]
pub(super) enum Integers {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

impl Integers {
    /// No integers, with room for `len`, of which none exceeds `max`.
    pub fn with_room(len: usize, max: i64) -> Result<Self> {
        let is_narrow = u32::try_from(max).is_ok();
        if is_narrow { with_room(len).map(Self::Narrow) } else { with_room(len).map(Self::Wide) }
    }

    /// Appends values, for which there is room, and returns their sum.
    #[expect(clippy::cast_possible_truncation, reason = "narrow integers are chosen by their maximum")]
    pub fn extend(&mut self, added: impl Iterator<Item = u64>) -> u128 {
        match self {
            Self::Narrow(values) => {
                let mut sum = 0;
                values.extend(added.map(|value| {
                    sum += value;
                    value as u32
                }));
                u128::from(sum)
            }
            Self::Wide(values) => {
                let mut sum = 0;
                values.extend(added.inspect(|&value| sum += u128::from(value)));
                sum
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "as above")]
    pub fn push(&mut self, value: u64) {
        match self {
            Self::Narrow(values) => values.push(value as u32),
            Self::Wide(values) => values.push(value),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "as above")]
    pub fn set(&mut self, index: usize, value: u64) {
        match self {
            Self::Narrow(values) => values[index] = value as u32,
            Self::Wide(values) => values[index] = value,
        }
    }

    #[inline]
    pub fn get(&self, index: usize) -> u64 {
        match self {
            Self::Narrow(values) => u64::from(values[index]),
            Self::Wide(values) => values[index],
        }
    }

    /// The integer at `index`, which is a position in memory.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the targets are 64-bit")]
    pub fn index(&self, index: usize) -> usize {
        self.get(index) as usize
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Narrow(values) => values.len(),
            Self::Wide(values) => values.len(),
        }
    }

    /// Bytes of memory.
    pub fn size(&self) -> usize {
        match self {
            Self::Narrow(values) => values.len() * 4,
            Self::Wide(values) => values.len() * 8,
        }
    }

    /// The number of leading values that are at most `limit`; the values ascend.
    pub fn count_up_to(&self, limit: u64) -> usize {
        match self {
            Self::Narrow(values) => values.partition_point(|&value| u64::from(value) <= limit),
            Self::Wide(values) => values.partition_point(|&value| value <= limit),
        }
    }
}

/// The number of elements of every sample.
#[derive(Clone, Debug)]
pub struct Lengths {
    pub(super) values: Integers,
    pub(super) given: Count,
    pub(super) longest: u64,
}

impl Lengths {
    /// Copies and checks `lengths`.
    ///
    /// # Errors
    /// [`Error::Argument`] if a length is negative, or all of them together exceed 2^63 - 1; [`Error::Interrupted`]; and
    /// [`Error::Io`] where memory is refused.
    pub fn new(lengths: &[i64], cancel: &Cancellation) -> Result<Self> {
        let longest = largest(lengths, cancel)?;
        let mut values = Integers::with_room(lengths.len(), longest)?;
        let mut elements = 0;
        for part in lengths.chunks(CHECK_EVERY) {
            check(cancel)?;
            // They may lie in a file that others change: what is kept is between 0 and the longest in any case.
            elements += values.extend(part.iter().map(|length| length.clamp(&0, &longest).unsigned_abs()));
        }
        let elements = i64::try_from(elements).map_err(|_| too_many())?.unsigned_abs();
        Ok(Self { values, given: Count { samples: lengths.len(), elements }, longest: longest.unsigned_abs() })
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn get(&self, sample: usize) -> u64 {
        self.values.get(sample)
    }
}

/// The largest length; 0 where there is none.
fn largest(lengths: &[i64], cancel: &Cancellation) -> Result<i64> {
    let mut longest = 0;
    for (chunk, part) in lengths.chunks(CHECK_EVERY).enumerate() {
        check(cancel)?;
        if part.iter().fold(0, |least, &length| least.min(length)) < 0 {
            return Err(negative(chunk * CHECK_EVERY, part));
        }
        longest = part.iter().fold(longest, |longest, &length| longest.max(length));
    }
    Ok(longest)
}

/// The error for the first negative length of `part`, which starts at the sample `first`.
#[cold]
fn negative(first: usize, part: &[i64]) -> Error {
    let place = part.iter().position(|&length| length < 0).unwrap_or(0);
    Error::Argument { what: format!("sample {}: the length {} is negative", first + place, part[place]) }
}

#[cold]
fn too_many() -> Error {
    Error::Argument { what: "the lengths add up to more than 2**63 - 1 elements".to_owned() }
}
