//! The stores behind a stream.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Block;
use super::resume::for_writing;
use crate::cancel::Cancellation;
use crate::compression::Compression;
use crate::dense::Dense;
use crate::error::Result;
use crate::format::Order;
use crate::format::dtype::Dtype;
use crate::options::Options;
use crate::ragged::Ragged;
use crate::ragged::encode::EncodedBatch;
use crate::schema::Header;
use crate::strings::{Packed, Strings};

/// Stores blocks.
pub(crate) trait Sink: Send {
    /// Stores all samples of the blocks, or none.
    fn write(&mut self, blocks: &[Block]) -> Result<()>;

    /// The flag that ends waits for other writers.
    fn stop_flag(&self) -> StopFlag;
}

/// Tells a sink, which another thread may be using, to stop waiting for other writers.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Stops all waits, now and later.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Cancels a wait where the flag is set, or where `other` does.
    fn cancellation(&self, other: Cancellation) -> Cancellation {
        let flag = self.clone();
        Cancellation::when(move || flag.0.load(Ordering::Relaxed) || other.is_requested())
    }
}

/// Samples of any shape.
pub(crate) struct RaggedSink {
    store: Ragged,
    dtype: Dtype,
    stop: StopFlag,
}

impl RaggedSink {
    pub fn new(mut store: Ragged, dtype: Dtype) -> Self {
        let stop = StopFlag::default();
        store.options.cancel = stop.cancellation(store.options.cancel.clone());
        Self { store, dtype, stop }
    }
}

impl Sink for RaggedSink {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let batch = EncodedBatch::of_blocks(blocks.iter().map(|block| (block.bytes(), block.shapes())));
        let stored = self.store.len();
        self.store.append_batch(&self.dtype, &batch, Some(stored))
    }

    fn stop_flag(&self) -> StopFlag {
        self.stop.clone()
    }
}

/// Texts. The first block decides how all of them are compressed.
pub(crate) struct StringsSink {
    store: Strings,
    compression: Option<Compression>,
    stop: StopFlag,
}

impl StringsSink {
    pub fn new(mut store: Strings, compression: Option<Compression>) -> Self {
        let stop = StopFlag::default();
        store.options.cancel = stop.cancellation(store.options.cancel.clone());
        Self { store, compression, stop }
    }
}

impl Sink for StringsSink {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let part = |block| Packed { bytes: Block::bytes(block), lengths: Block::shapes(block).elements() };
        let parts: Vec<Packed> = blocks.iter().map(part).collect();
        self.store.append_packed(self.compression, &parts)
    }

    fn stop_flag(&self) -> StopFlag {
        self.stop.clone()
    }
}

/// Rows of one dense array in C order.
pub(crate) struct DenseSink {
    dir: PathBuf,
    options: Options,
    dtype: Dtype,
    /// The axes of a row.
    shape: Vec<u64>,
    /// The array, once it is there.
    store: Option<Dense>,
    stop: StopFlag,
}

impl DenseSink {
    /// A sink for rows of these axes, which appends to `store`, or creates an array in `dir`.
    pub fn new(dir: &Path, options: &Options, dtype: Dtype, shape: Vec<u64>, store: Option<Dense>) -> Self {
        let stop = StopFlag::default();
        let options = Options { cancel: stop.cancellation(options.cancel.clone()), ..for_writing(options) };
        let store = store.map(|store| store.with_options(&options));
        Self { dir: dir.to_owned(), options, dtype, shape, store, stop }
    }
}

impl Sink for DenseSink {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let added = samples(blocks);
        let shape: Vec<u64> = std::iter::once(added as u64).chain(self.shape.iter().copied()).collect();
        let chunks = blocks.iter().map(Block::bytes).collect();
        let Some(store) = &mut self.store else {
            let header = Header { dtype: self.dtype.clone(), shape, order: Order::C };
            Dense::create_chunks(&self.dir, &self.options, &header, chunks)?;
            self.store = Some(Dense::open_with(&self.dir, self.options.clone())?);
            return Ok(());
        };
        store.extend_chunks(&self.dtype, &shape, chunks)
    }

    fn stop_flag(&self) -> StopFlag {
        self.stop.clone()
    }
}

fn samples(blocks: &[Block]) -> usize {
    blocks.iter().map(Block::len).sum()
}
