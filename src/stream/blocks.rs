//! Fills blocks and hands them to the thread that writes.

use std::collections::TryReserveError;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::background::BackgroundWriter;
use super::{Block, Sink};
use crate::error::{Error, Result};
use crate::fork::OwnerPid;

/// The half of a stream that copies samples; the sink stores them.
pub(crate) struct BlockWriter {
    dir: PathBuf,
    batch_size: usize,
    /// Whether the first batch decides how all others are stored, so that it must not be split.
    needs_whole_first_batch: bool,
    /// Samples stored before this writer began.
    resumed: usize,
    /// The index of the next sample.
    next: usize,
    /// The block being filled.
    block: Block,
    background: Option<BackgroundWriter>,
    owner: OwnerPid,
}

impl BlockWriter {
    /// Goes on after the `stored` samples in `dir`.
    pub fn new(dir: &Path, stored: usize, batch_size: usize, needs_whole_first_batch: bool) -> Self {
        Self {
            dir: dir.to_owned(),
            batch_size,
            needs_whole_first_batch,
            resumed: stored,
            next: stored,
            block: Block::default(),
            background: None,
            owner: OwnerPid::current(),
        }
    }

    pub fn set_batch_size(&mut self, batch_size: usize) {
        self.batch_size = batch_size;
    }

    /// The index of the next sample.
    pub fn next_index(&self) -> usize {
        self.next
    }

    /// Samples that are stored.
    pub fn stored(&self) -> usize {
        self.resumed + self.background.as_ref().map_or(0, BackgroundWriter::written)
    }

    /// Whether the block must be sent before a sample of that many bytes is pushed.
    pub fn must_send_before(&self, bytes: usize) -> bool {
        let must_stay_whole = self.background.is_none() && self.needs_whole_first_batch;
        !self.block.has_room(bytes) && !must_stay_whole
    }

    /// Copies a sample, of the field with the number `column`, into the block.
    pub fn push(&mut self, column: usize, bytes: &[u8], elements: i64, shape: &[i64]) -> Result<(), TryReserveError> {
        self.block.push(column, bytes, elements, shape)
    }

    /// Counts the sample, or the record, that was pushed.
    pub fn end_sample(&mut self) {
        self.next += 1;
    }

    /// Whether the block holds a whole batch.
    pub fn is_full(&self) -> bool {
        self.block.len() >= self.batch_size
    }

    pub fn is_empty(&self) -> bool {
        self.block.len() == 0
    }

    /// Sends the block, and begins an empty one. `open` sees the first block, and says where all of them go.
    pub fn send<E: From<Error>>(&mut self, open: impl FnOnce(&mut Block) -> Result<Box<dyn Sink>, E>) -> Result<(), E> {
        let background = if let Some(background) = &mut self.background {
            background
        } else {
            let sink = open(&mut self.block)?;
            self.owner.check_build(&self.dir)?;
            self.background.insert(BackgroundWriter::start(&self.dir, sink))
        };
        self.block = background.send(std::mem::take(&mut self.block))?;
        Ok(())
    }

    /// Whether enough bytes are in flight that the producer should wait.
    pub fn is_backlogged(&self) -> bool {
        self.background.as_ref().is_some_and(BackgroundWriter::is_backlogged)
    }

    /// Whether blocks are in flight.
    pub fn is_writing(&self) -> bool {
        self.background.as_ref().is_some_and(BackgroundWriter::is_writing)
    }

    /// Waits for blocks to be written, for at most `timeout`.
    ///
    /// # Errors
    /// What went wrong while they were written. Then nothing more is written.
    pub fn wait(&mut self, timeout: Duration) -> Result<()> {
        self.background.as_mut().map_or(Ok(()), |background| background.wait(timeout))
    }

    /// Makes the thread stop waiting for other writers.
    pub fn stop(&self) {
        if let Some(background) = &self.background {
            background.stop();
        }
    }
}
