//! Batches: many samples copied into one buffer.

pub(crate) mod gather;

/// Samples one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The elements.
    pub bytes: Vec<u8>,
    /// The element at which each sample begins, and the end of the last: one more than there are samples. This is
    /// Arrow's layout of a list array.
    pub offsets: Vec<i64>,
}

/// Samples in blocks of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Padded {
    /// The blocks.
    pub bytes: Vec<u8>,
    /// Axes of a block: the longest of each.
    pub shape: Vec<usize>,
    /// Axes of every sample, one after another, as far as they fit.
    pub lengths: Vec<i64>,
}
