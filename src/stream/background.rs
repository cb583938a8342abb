//! The thread that writes.

use std::io;
use std::iter::once;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::writeback::Writeback;
use super::{Block, Sink};
use crate::error::{At, Error, Result};
use crate::txn::stop_by;

/// So many bytes may wait to be written. Their maker waits where there are more.
const IN_FLIGHT: usize = 16 << 20;

/// A thread that writes blocks while its owner fills others. It takes all that wait at once, and never waits for a lock
/// of its owner's.
pub(crate) struct BackgroundWriter {
    dir: PathBuf,
    thread: Option<Thread>,
    /// Blocks that were sent and have not come back, and their bytes.
    blocks: usize,
    bytes: usize,
    /// Blocks to be filled again.
    spare: Vec<Block>,
    /// Samples that were written.
    stored: usize,
    /// Tells the thread to wait for no other writer.
    stop: Arc<AtomicBool>,
    /// The process whose thread it is. A forked child has the channels without it.
    home: u32,
}

/// Blocks, and whether their samples are stored.
type Written = (Vec<Block>, Result<()>);

struct Thread {
    filled: Sender<Block>,
    written: Receiver<Written>,
    handle: JoinHandle<()>,
}

impl BackgroundWriter {
    /// Starts the thread, which writes to the data set in `dir` for the process `home`.
    pub fn start(dir: &Path, sink: Box<dyn Sink>, home: u32) -> Result<Self> {
        if home != std::process::id() {
            return Err(forked(dir));
        }
        let (filled, blocks) = channel();
        let (done, written) = channel();
        let writeback = Writeback::of(dir);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let write = move || {
            stop_by(stopped);
            write_all(sink, writeback, &blocks, &done);
        };
        let handle = Builder::new().name("mmap_ninja".to_owned()).spawn(write).at(dir)?;
        let thread = Some(Thread { filled, written, handle });
        Ok(Self { dir: dir.to_owned(), thread, blocks: 0, bytes: 0, spare: Vec::new(), stored: 0, stop, home })
    }

    /// Samples that were written.
    pub fn stored(&self) -> usize {
        self.stored
    }

    /// Whether so much waits to be written that no more should be sent.
    pub fn is_backlogged(&self) -> bool {
        self.bytes > IN_FLIGHT
    }

    /// Whether anything that was sent has not come back, as far as this process can wait for it.
    pub fn is_writing(&self) -> bool {
        self.blocks > 0 && self.home == std::process::id()
    }

    /// Has the thread wait for no other writer any more. What it can write without that, it writes.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Has a block written, and gives an empty one for it.
    pub fn send(&mut self, block: Block) -> Result<Block> {
        let size = block.size();
        if self.thread()?.filled.send(block).is_err() {
            // The thread has ended, and has said why.
            while self.blocks > 0 {
                self.wait(Duration::MAX)?;
            }
            return Err(self.lost());
        }
        (self.blocks, self.bytes) = (self.blocks + 1, self.bytes + size);
        self.wait(Duration::ZERO)?;
        Ok(self.spare.pop().unwrap_or_default())
    }

    /// Waits for blocks to come back, but not longer than `patience`.
    ///
    /// # Errors
    /// What went wrong while they were written. Then nothing more is.
    pub fn wait(&mut self, patience: Duration) -> Result<()> {
        let (blocks, outcome) = match self.thread()?.written.recv_timeout(patience) {
            Ok(back) => back,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => (Vec::new(), Err(self.lost())),
        };
        if outcome.is_err() {
            self.blocks = 0;
            return outcome;
        }
        for mut block in blocks {
            (self.blocks, self.bytes) = (self.blocks - 1, self.bytes - block.size());
            self.stored += block.len();
            block.clear();
            self.spare.push(block);
        }
        Ok(())
    }

    fn thread(&self) -> Result<&Thread> {
        let thread = self.thread.as_ref().filter(|_| self.home == std::process::id());
        thread.ok_or_else(|| forked(&self.dir))
    }

    fn lost(&self) -> Error {
        Error::Io { path: self.dir.clone(), source: io::Error::other("the thread that writes has ended") }
    }
}

impl Drop for BackgroundWriter {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.home == std::process::id() {
            drop(thread.filled);
            // Of a panic, whoever waited for the blocks was told.
            let _ = thread.handle.join();
        } else {
            // Whoever held the channels' locks at the fork is not here to let go of them.
            std::mem::forget(thread);
        }
    }
}

fn forked(dir: &Path) -> Error {
    let what = format!("{}: this process was forked during the build, which goes on in the other one", dir.display());
    Error::Argument { what }
}

/// Writes blocks until there are no more, or something goes wrong: no block may follow one that is missing. The first
/// is written alone, since it may settle how all others are stored.
fn write_all(mut sink: Box<dyn Sink>, mut writeback: Writeback, filled: &Receiver<Block>, written: &Sender<Written>) {
    let mut others = 0;
    while let Ok(next) = filled.recv() {
        let blocks = once(next).chain(filled.try_iter().take(others)).collect();
        others = usize::MAX;
        for (blocks, outcome) in write(sink.as_mut(), blocks) {
            let is_over = outcome.is_err();
            if written.send((blocks, outcome)).is_err() || is_over {
                return;
            }
        }
        writeback.begin();
    }
}

/// Writes blocks at once, or, if that fails, those before the one at fault. Another writer stands in the way of all.
fn write(sink: &mut dyn Sink, blocks: Vec<Block>) -> Vec<Written> {
    let outcome = sink.write(&blocks);
    let is_in_the_way = matches!(outcome, Err(Error::Busy { .. } | Error::Interrupted { .. }));
    if outcome.is_ok() || is_in_the_way || blocks.len() == 1 {
        return vec![(blocks, outcome)];
    }
    let mut single = Vec::new();
    for block in blocks {
        let outcome = sink.write(slice::from_ref(&block));
        let is_over = outcome.is_err();
        single.push((vec![block], outcome));
        if is_over {
            break;
        }
    }
    single
}
