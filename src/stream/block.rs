//! Samples that wait to be written.

use std::collections::TryReserveError;

use crate::encode::Shapes;

/// A block of so many bytes is full. A few of them fit into the processor's cache.
const FULL: usize = 4 << 20;
/// What the vectors of a block take beside the samples.
const PER_BLOCK: usize = 512;
/// What the shape and the offsets of a sample take beside its bytes.
const PER_SAMPLE: usize = 64;

/// Copies of samples, in memory that is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    shapes: Shapes,
}

impl Block {
    /// Adds a copy of a sample.
    pub fn push(&mut self, bytes: &[u8], elements: i64, shape: &[i64]) -> Result<(), TryReserveError> {
        self.bytes.try_reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        self.shapes.push(elements, shape);
        Ok(())
    }

    /// Samples.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Bytes of memory.
    pub fn size(&self) -> usize {
        PER_BLOCK + self.bytes.len() + self.len() * PER_SAMPLE
    }

    /// Whether a sample of so many bytes may be added. One that is larger than any block has a block of its own.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.len() == 0 || self.size().saturating_add(bytes) <= FULL
    }

    /// The bytes of all samples.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Exchanges the bytes of all samples for others, of the same samples in another dtype.
    pub fn set_bytes(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }

    /// The shapes of all samples.
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// Forgets the samples. Memory beyond that of a full block is given back.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(FULL);
        self.shapes.clear();
    }
}
