//! Batches: many samples that were copied into one buffer.

pub(crate) mod gather;

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
