//! Where the samples of a stream go.

use std::path::PathBuf;

use super::Block;
use crate::compression::Compression;
use crate::dense::{self, Dense};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::format::Order;
use crate::ragged::Ragged;
use crate::strings::Strings;

/// What stores blocks.
pub(crate) trait Sink: Send {
    /// Stores all samples of a block or none.
    fn write(&mut self, block: &Block) -> Result<()>;
}

/// Samples of any shape.
pub(crate) struct Arrays {
    pub store: Ragged,
    pub dtype: Dtype,
}

impl Sink for Arrays {
    fn write(&mut self, block: &Block) -> Result<()> {
        self.store.append_batch(&self.dtype, &block.batch())
    }
}

/// Strings. The first block settles how all are compressed.
pub(crate) struct Texts {
    pub store: Strings,
    pub compression: Option<Compression>,
}

impl Sink for Texts {
    fn write(&mut self, block: &Block) -> Result<()> {
        self.store.append_batch(self.compression, &block.parts())
    }
}

/// Rows of one dense array in C order.
pub(crate) struct Rows {
    pub dir: PathBuf,
    pub dtype: Dtype,
    /// The axes of a row.
    pub shape: Vec<u64>,
    /// Whether there are rows already.
    pub exists: bool,
}

impl Sink for Rows {
    fn write(&mut self, block: &Block) -> Result<()> {
        let shape: Vec<u64> = std::iter::once(block.len() as u64).chain(self.shape.iter().copied()).collect();
        if self.exists {
            return dense::extend(&self.dir, &self.dtype, &shape, block.bytes(), None);
        }
        Dense::create(&self.dir, &self.dtype, &shape, Order::C, block.bytes())?;
        self.exists = true;
        Ok(())
    }
}
