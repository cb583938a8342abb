//! Samples that wait to be written.

use std::collections::TryReserveError;

use crate::ragged::encode::ShapeList;

/// The bytes of a full block. A few blocks fit into the processor's cache.
const FULL: usize = 4 << 20;
/// Memory that a block takes besides its samples.
const PER_BLOCK: usize = 512;
/// Memory that the shape and the offsets of a sample take besides its bytes.
const PER_SAMPLE: usize = 64;

/// Copies of samples, in memory that is reused.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub bytes: Vec<u8>,
    shapes: ShapeList,
}

impl Block {
    /// Adds a copy of a sample.
    pub fn push(&mut self, bytes: &[u8], elements: i64, shape: &[i64]) -> Result<(), TryReserveError> {
        self.bytes.try_reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        self.shapes.push(elements, shape);
        Ok(())
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// The memory in use, in bytes.
    pub fn size(&self) -> usize {
        PER_BLOCK + self.bytes.len() + self.len() * PER_SAMPLE
    }

    /// Whether a sample of that many bytes fits. A sample larger than any block gets a block of its own.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.len() == 0 || self.size().saturating_add(bytes) <= FULL
    }

    /// The bytes of all samples.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The shapes of all samples.
    pub fn shapes(&self) -> &ShapeList {
        &self.shapes
    }

    /// Removes the samples, and frees memory beyond that of a full block.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(FULL);
        self.shapes.clear();
    }
}
