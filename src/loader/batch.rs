//! A batch that was read.

use super::buffer::Buffer;

/// The samples of a batch, copied.
#[derive(Debug)]
pub enum Batch {
    /// Samples one after another, as [`Gathered`](crate::Gathered) is; texts as UTF-8.
    Gathered {
        /// The elements.
        values: Buffer,
        /// The element at which each sample starts, and the end of the last one.
        offsets: Vec<i64>,
    },
    /// Samples in blocks of one shape, as [`Padded`](crate::Padded) is.
    Padded {
        /// The blocks.
        values: Buffer,
        /// The number of samples, and the maximum of each axis.
        shape: Vec<usize>,
        /// The shapes of all samples, one after another.
        lengths: Vec<i64>,
    },
    /// Rows of a dense array.
    Rows {
        /// The elements.
        values: Buffer,
        /// The number of rows.
        len: usize,
    },
    /// The batch of every field.
    Fields(Vec<Batch>),
}
