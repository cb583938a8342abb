//! The stores behind a stream.

use std::path::PathBuf;

use super::Block;
use super::resume::check_count;
use crate::batch::Batch;
use crate::compression::Compression;
use crate::dense::{self, Header};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::format::Order;
use crate::options::Options;
use crate::ragged::Ragged;
use crate::strings::{Packed, Strings};

/// Stores blocks.
pub(crate) trait Sink: Send {
    /// Stores all samples of the blocks, or none.
    fn write(&mut self, blocks: &[Block]) -> Result<()>;
}

/// Samples of any shape.
pub(crate) struct RaggedSink {
    pub dir: PathBuf,
    pub store: Ragged,
    pub dtype: Dtype,
}

impl Sink for RaggedSink {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let batch = Batch::packed(bytes_of(blocks), blocks.iter().map(Block::shapes));
        let expected = self.store.len() + batch.len();
        self.store.append_batch(&self.dtype, &batch)?;
        check_count(&self.dir, self.store.len(), expected)
    }
}

/// Texts. The first block decides how all of them are compressed.
pub(crate) struct StringsSink {
    pub dir: PathBuf,
    pub store: Strings,
    pub compression: Option<Compression>,
}

impl Sink for StringsSink {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let expected = self.store.len() + samples(blocks);
        let part = |block| Packed { bytes: bytes(block), lengths: block.shapes().elements() };
        self.store.append_part(self.compression, &blocks.iter().map(part).collect::<Vec<_>>())?;
        check_count(&self.dir, self.store.len(), expected)
    }
}

/// Rows of one dense array in C order.
pub(crate) struct DenseSink {
    pub dir: PathBuf,
    pub options: Options,
    pub dtype: Dtype,
    /// The axes of a row.
    pub shape: Vec<u64>,
    /// Rows stored so far.
    pub stored: usize,
}

impl Sink for DenseSink {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let rows = samples(blocks);
        let shape = std::iter::once(rows as u64).chain(self.shape.iter().copied()).collect();
        let added = Header { dtype: self.dtype.clone(), shape, order: Order::C };
        if self.stored == 0 {
            dense::create(&self.dir, &added, bytes_of(blocks), &self.options)?;
        } else {
            dense::extend(&self.dir, &added, bytes_of(blocks), None, &self.options)?;
        }
        self.stored += rows;
        let found = dense::read_shape(&self.dir)?.first().and_then(|&rows| usize::try_from(rows).ok());
        check_count(&self.dir, found.unwrap_or(0), self.stored)
    }
}

fn samples(blocks: &[Block]) -> usize {
    blocks.iter().map(Block::len).sum()
}

fn bytes_of(blocks: &[Block]) -> Vec<&[u8]> {
    blocks.iter().map(bytes).collect()
}

fn bytes(block: &Block) -> &[u8] {
    &block.bytes
}
