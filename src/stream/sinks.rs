//! Where the samples of a stream go.

use std::path::{Path, PathBuf};

use super::Block;
use crate::compression::Compression;
use crate::dense::{self, Header};
use crate::encode::EncodedBatch;
use crate::error::{Error, Result};
use crate::format::Order;
use crate::format::dtype::Dtype;
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
        let batch = EncodedBatch::packed(bytes_of(blocks), blocks.iter().map(Block::shapes));
        let expected = self.store.len() + batch.len();
        self.store.append_batch(&self.dtype, &batch)?;
        check_alone(&self.store.view().dir, self.store.len(), expected)
    }
}

/// Strings. The first block settles how all are compressed.
pub(crate) struct Texts {
    pub store: Strings,
    pub compression: Option<Compression>,
}

impl Sink for Texts {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let expected = self.store.len() + samples(blocks);
        let part = |block| Packed { bytes: Block::bytes(block), lengths: block.shapes().elements() };
        self.store.append_part(self.compression, &blocks.iter().map(part).collect::<Vec<_>>())?;
        check_alone(&self.store.view().dir, self.store.len(), expected)
    }
}

/// Rows of one dense array in C order.
pub(crate) struct Rows {
    pub dir: PathBuf,
    pub options: Options,
    pub dtype: Dtype,
    /// The axes of a row.
    pub shape: Vec<u64>,
    /// Rows that are there already.
    pub stored: usize,
}

impl Sink for Rows {
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
        check_alone(&self.dir, found.unwrap_or(0), self.stored)
    }
}

fn samples(blocks: &[Block]) -> usize {
    blocks.iter().map(Block::len).sum()
}

/// Refuses to go on where others have added samples to a build, or replaced what it had written.
fn check_alone(dir: &Path, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let dir = dir.display();
    let what =
        format!("{dir}: others have written to this build: it holds {found} samples, not {expected}; begin it anew");
    Err(Error::Argument { what })
}

fn bytes_of(blocks: &[Block]) -> Vec<&[u8]> {
    blocks.iter().map(Block::bytes).collect()
}
