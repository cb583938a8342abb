//! Numbers that tell datasets and selections apart.

use super::rows::Rows;
use super::source::{Kind, Source};
use crate::error::Result;
use crate::io::advice::PrefetchPolicy;
use crate::order::{Permutation, Subset, combine};
use crate::{ragged, strings};

/// Samples that are read.
const PROBES: usize = 16;
/// Bytes that are read at each end of a sample.
const MOST: usize = 64;

/// A hash of numbers and bytes.
struct Hash(u64);

impl Hash {
    fn new(kind: &str) -> Self {
        let mut hash = Self(0);
        hash.bytes(kind.as_bytes());
        hash
    }

    fn number(&mut self, number: u64) {
        self.0 = combine(self.0, number);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        for word in bytes.chunks(8) {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            self.number(u64::from_le_bytes(padded));
        }
    }

    /// The length of a sample, and some of its bytes.
    fn sample(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes(&bytes[..bytes.len().min(MOST)]);
        self.bytes(&bytes[bytes.len().saturating_sub(MOST)..]);
    }

    fn value(self) -> u64 {
        self.0
    }
}

/// The samples that are looked at: the first, the last, and others between.
fn probes(len: usize) -> Vec<usize> {
    let Some(last) = len.checked_sub(1) else { return Vec::new() };
    let between = Permutation::new(len, 0);
    [0, last].into_iter().chain((0..PROBES.min(len)).map(|position| between.get(position))).collect()
}

impl Source {
    /// A hash of the first `len` samples of a dataset: of their dtype and number, and of parts of a few of them. Whatever
    /// was appended since has no part in it.
    ///
    /// # Errors
    /// As [`Ragged::get`](crate::Ragged::get).
    pub fn fingerprint(&self, dataset: usize, len: usize) -> Result<u64> {
        match self.kind() {
            Kind::Ragged { views, .. } => of_ragged(&views[dataset], len),
            Kind::Strings(views) => of_strings(&views[dataset], len),
            Kind::Rows { arrays, .. } => of_rows(&arrays[dataset], len),
            Kind::Fields(fields) => {
                let mut hash = Hash::new("fields");
                for field in fields {
                    hash.number(field.fingerprint(dataset, len)?);
                }
                Ok(hash.value())
            }
        }
    }
}

/// Includes where the last sample ends, and so the lengths of all.
fn of_ragged(view: &ragged::View, len: usize) -> Result<u64> {
    let mut hash = Hash::new("ragged");
    let indices = probes(len.min(view.len));
    hash.number(len as u64);
    hash.bytes(view.header.as_ref().map_or("", |header| header.dtype.text()).as_bytes());
    for (index, sample) in indices.iter().zip(view.samples(&indices, PrefetchPolicy::Always)?) {
        let end = view.extents.get(*index).map_or(0, |(_, end)| end);
        hash.number(end.cast_unsigned());
        sample.shape.iter().for_each(|axis| hash.number(axis.cast_unsigned()));
        hash.sample(sample.bytes);
    }
    Ok(hash.value())
}

fn of_strings(view: &strings::View, len: usize) -> Result<u64> {
    let mut hash = Hash::new("string");
    let indices = probes(len.min(view.len));
    hash.number(len as u64);
    view.gather(&indices, PrefetchPolicy::Always)?.iter().for_each(|text| hash.sample(text));
    Ok(hash.value())
}

fn of_rows(rows: &Rows, len: usize) -> Result<u64> {
    let mut hash = Hash::new(rows.what());
    hash.number(len as u64);
    rows.fetch(&probes(len.min(rows.len())), PrefetchPolicy::Always)?.into_iter().for_each(|row| hash.sample(row));
    Ok(hash.value())
}

impl Subset {
    /// A hash of the indices.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Hash::new("subset");
        match self {
            Self::Range { start, step, len } => {
                for part in [*start, step.cast_unsigned(), *len] {
                    hash.number(part as u64);
                }
            }
            Self::List(indices) => indices.iter().for_each(|&index| hash.number(index as u64)),
        }
        hash.value()
    }
}
