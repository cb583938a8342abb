//! Where the samples of a stream go.

use std::path::PathBuf;

use super::Block;
use crate::batch::Batch;
use crate::compression::Compression;
use crate::dense::{self, Header};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::format::Order;
use crate::options::Options;
use crate::ragged::Ragged;
use crate::strings::{Packed, Strings};

/// What stores blocks.
pub(crate) trait Sink: Send {
    /// Stores all samples of the blocks or none.
    fn write(&mut self, blocks: &[Block]) -> Result<()>;
}

/// Samples of any shape.
pub(crate) struct Arrays {
    pub store: Ragged,
    pub dtype: Dtype,
}

impl Sink for Arrays {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let batch = Batch::packed(bytes_of(blocks), blocks.iter().map(Block::shapes));
        self.store.append_batch(&self.dtype, &batch)
    }
}

/// Strings. The first block settles how all are compressed.
pub(crate) struct Texts {
    pub store: Strings,
    pub compression: Option<Compression>,
}

impl Sink for Texts {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let part = |block| Packed { bytes: Block::bytes(block), lengths: block.shapes().elements() };
        self.store.append_part(self.compression, &blocks.iter().map(part).collect::<Vec<_>>())
    }
}

/// Rows of one dense array in C order.
pub(crate) struct Rows {
    pub dir: PathBuf,
    pub options: Options,
    pub dtype: Dtype,
    /// The axes of a row.
    pub shape: Vec<u64>,
    /// Whether there are rows already.
    pub exists: bool,
}

impl Sink for Rows {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let rows = blocks.iter().map(|block| block.len() as u64).sum();
        let shape = std::iter::once(rows).chain(self.shape.iter().copied()).collect();
        let rows = Header { dtype: self.dtype.clone(), shape, order: Order::C };
        if self.exists {
            return dense::extend(&self.dir, &rows, bytes_of(blocks), None, &self.options);
        }
        dense::create(&self.dir, &rows, bytes_of(blocks), &self.options)?;
        self.exists = true;
        Ok(())
    }
}

fn bytes_of(blocks: &[Block]) -> Vec<&[u8]> {
    blocks.iter().map(Block::bytes).collect()
}
