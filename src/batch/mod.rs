//! Batches: many samples that were copied into one buffer.

pub(crate) mod cast;
pub(crate) mod gather;
pub(crate) mod pad;
mod stream;

use std::mem::MaybeUninit;

/// Samples one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The elements.
    pub bytes: Vec<u8>,
    /// The element at which each sample starts, and the end of the last one, as in an Arrow list array.
    pub offsets: Vec<i64>,
}

/// Samples in blocks of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Padded {
    /// The blocks.
    pub bytes: Vec<u8>,
    /// The shape of a block: the maximum of each axis.
    pub shape: Vec<usize>,
    /// The shapes of all samples after truncation, one after another.
    pub lengths: Vec<i64>,
}

/// The uninitialized memory of a batch.
pub(crate) type Out = [MaybeUninit<u8>];

/// Copies `bytes` into `out`, which has the same length.
pub(crate) fn copy_into(out: &mut Out, bytes: &[u8]) {
    assert_eq!(out.len(), bytes.len());
    // SAFETY: both are `bytes.len()` long, and a mutable reference overlaps nothing.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.as_mut_ptr().cast(), bytes.len()) }
}
