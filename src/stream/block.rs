//! Samples that wait to be written.

use std::collections::TryReserveError;

use crate::ragged::encode::ShapeList;

/// The bytes of a full block. A few blocks fit into the processor's cache.
const FULL: usize = 4 << 20;
/// Memory that a block takes besides its samples.
const PER_BLOCK: usize = 512;
/// Memory that the shape and the offsets of a sample take besides its bytes.
const PER_SAMPLE: usize = 64;

/// Copies of samples, in memory that is reused: one column, or one for every field of records.
#[derive(Debug, Default)]
pub(crate) struct Block {
    columns: Vec<BlockColumn>,
}

/// The samples of one field in a block.
#[derive(Debug, Default)]
pub(crate) struct BlockColumn {
    pub bytes: Vec<u8>,
    shapes: ShapeList,
}

impl Block {
    /// Adds a copy of a sample to the column with this number.
    pub fn push(&mut self, column: usize, bytes: &[u8], elements: i64, shape: &[i64]) -> Result<(), TryReserveError> {
        let column = self.column_mut(column);
        column.bytes.try_reserve(bytes.len())?;
        column.bytes.extend_from_slice(bytes);
        column.shapes.push(elements, shape);
        Ok(())
    }

    /// The samples of one field.
    pub fn column(&self, column: usize) -> &BlockColumn {
        &self.columns[column]
    }

    /// The samples of one field, none if there are no others.
    pub fn column_mut(&mut self, column: usize) -> &mut BlockColumn {
        while self.columns.len() <= column {
            self.columns.push(BlockColumn::default());
        }
        &mut self.columns[column]
    }

    /// The number of samples, or of records.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |column| column.shapes.len())
    }

    /// The memory in use, in bytes.
    pub fn size(&self) -> usize {
        PER_BLOCK + self.columns.iter().map(BlockColumn::size).sum::<usize>()
    }

    /// Whether a sample of that many bytes fits. A sample larger than any block gets a block of its own.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.len() == 0 || self.size().saturating_add(bytes) <= FULL
    }

    /// Removes the samples, and frees memory beyond that of a full block.
    pub fn clear(&mut self) {
        let share = FULL / self.columns.len().max(1);
        self.columns.iter_mut().for_each(|column| column.clear(share));
    }
}

impl BlockColumn {
    /// The bytes of all samples.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The shapes of all samples.
    pub fn shapes(&self) -> &ShapeList {
        &self.shapes
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.shapes.len() * PER_SAMPLE
    }

    fn clear(&mut self, kept: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(kept);
        self.shapes.clear();
    }
}
