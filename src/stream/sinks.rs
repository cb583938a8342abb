//! The stores behind a stream.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::resume::for_writing;
use super::{Block, BlockColumn};
use crate::cancel::Cancellation;
use crate::compression::Compression;
use crate::dense::Dense;
use crate::error::Result;
use crate::format::Order;
use crate::format::dtype::Dtype;
use crate::format::fields::FieldSpec;
use crate::options::Options;
use crate::ragged::Ragged;
use crate::ragged::encode::EncodedBatch;
use crate::records::{Column, Form, Records, Values};
use crate::schema::Header;
use crate::strings::{Packed, Payload, Strings};

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
        let batch = EncodedBatch::of_blocks(first_columns(blocks).map(|column| (column.bytes(), column.shapes())));
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
        let parts: Vec<Packed> = first_columns(blocks).map(packed).collect();
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
        let chunks = first_columns(blocks).map(BlockColumn::bytes).collect();
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

/// Records. The first block decides how texts are compressed.
pub(crate) struct RecordsSink {
    store: Records,
    /// Every field, and what its samples become.
    fields: Vec<(FieldSpec, Form)>,
    stop: StopFlag,
}

impl RecordsSink {
    pub fn new(mut store: Records, fields: Vec<(FieldSpec, Form)>) -> Self {
        let stop = StopFlag::default();
        store.options.cancel = stop.cancellation(store.options.cancel.clone());
        Self { store, fields, stop }
    }
}

impl Sink for RecordsSink {
    fn write(&mut self, blocks: &[Block]) -> Result<()> {
        let stored = self.store.len();
        append_blocks(&mut self.store, &self.fields, blocks, Some(stored))
    }

    fn stop_flag(&self) -> StopFlag {
        self.stop.clone()
    }
}

/// Appends the records in `blocks`, all of them or none, if `expected` records are there, where that is given.
pub(crate) fn append_blocks(
    store: &mut Records,
    fields: &[(FieldSpec, Form)],
    blocks: &[Block],
    expected: Option<usize>,
) -> Result<()> {
    let columns = |number: usize| blocks.iter().map(move |block| block.column(number));
    let parts: Vec<Vec<Packed>> = (0..fields.len()).map(|number| columns(number).map(packed).collect()).collect();
    let len = samples(blocks);
    let column = |(number, (spec, form)): (usize, &(FieldSpec, Form))| {
        let values = match form {
            Form::Ragged(dtype) => {
                let batch = EncodedBatch::of_blocks(columns(number).map(|column| (column.bytes(), column.shapes())));
                Values::Ragged { dtype: dtype.clone(), batch }
            }
            Form::Strings(compression) => {
                Values::Strings { payload: Payload::Packed(&parts[number]), compression: *compression }
            }
            Form::Dense(dtype, row) => {
                let shape = std::iter::once(len as u64).chain(row.iter().copied()).collect();
                let header = Header { dtype: dtype.clone(), shape, order: Order::C };
                Values::Dense { header, chunks: columns(number).map(|column| column.bytes().into()).collect() }
            }
        };
        Column { spec: spec.clone(), values, len }
    };
    let columns: Vec<Column> = fields.iter().enumerate().map(column).collect();
    store.append_columns(&columns, expected)
}

/// The blocks of a stream without fields.
fn first_columns(blocks: &[Block]) -> impl Iterator<Item = &BlockColumn> {
    blocks.iter().map(|block| block.column(0))
}

fn packed(column: &BlockColumn) -> Packed<'_> {
    Packed { bytes: column.bytes(), lengths: column.shapes().elements() }
}

fn samples(blocks: &[Block]) -> usize {
    blocks.iter().map(Block::len).sum()
}
