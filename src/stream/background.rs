//! The thread that writes blocks.

use std::io;
use std::iter::once;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::sinks::StopFlag;
use super::writeback::Writeback;
use super::{Block, Sink};
use crate::error::{Error, Result};
use crate::fork::OwnerPid;

/// Above this many bytes in flight, the producer waits.
const IN_FLIGHT: usize = 16 << 20;

/// A thread that writes blocks while its owner fills others. It takes all waiting blocks at once, and never waits for a
/// lock that its owner holds.
pub(super) struct BackgroundWriter {
    dir: PathBuf,
    /// `None` where there is no thread to give.
    thread: Option<Thread>,
    /// What writes in place of the thread.
    inline: Option<Box<dyn Sink>>,
    /// Blocks that were sent and have not come back, and their bytes.
    blocks: usize,
    bytes: usize,
    /// Empty blocks to fill again.
    spare: Vec<Block>,
    /// Samples written by this thread.
    written: usize,
    /// Tells the thread to stop waiting for other writers.
    stop: StopFlag,
    /// A forked child has the channels without the thread.
    owner: OwnerPid,
}

/// Blocks, and whether their samples are stored.
type Written = (Vec<Block>, Result<()>);

struct Thread {
    filled: Sender<Block>,
    written: Receiver<Written>,
    handle: JoinHandle<()>,
}

impl BackgroundWriter {
    /// Starts the thread, which writes to the dataset in `dir`. Where the system has no thread to give, the caller's writes.
    pub fn start(dir: &Path, sink: Box<dyn Sink>) -> Self {
        let (filled, blocks) = channel();
        let (done, written) = channel();
        let (give, take) = channel::<Box<dyn Sink>>();
        let (writeback, stop) = (Writeback::of(dir), sink.stop_flag());
        let write = move || {
            if let Ok(sink) = take.recv() {
                write_all(sink, writeback, &blocks, &done);
            }
        };
        let handle = Builder::new().name("mmap_ninja".to_owned()).spawn(write);
        let (thread, inline) = match handle {
            Ok(handle) => {
                let inline = give.send(sink).err().map(|unsent| unsent.0);
                (Some(Thread { filled, written, handle }), inline)
            }
            Err(_) => (None, Some(sink)),
        };
        let owner = OwnerPid::current();
        Self { dir: dir.to_owned(), thread, inline, blocks: 0, bytes: 0, spare: Vec::new(), written: 0, stop, owner }
    }

    /// Samples written by this thread.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Whether enough bytes are in flight that the producer should wait.
    pub fn is_backlogged(&self) -> bool {
        self.bytes > IN_FLIGHT
    }

    /// Whether blocks are in flight that this process can wait for.
    pub fn is_writing(&self) -> bool {
        self.blocks > 0 && self.owner.is_current()
    }

    /// Makes the thread stop waiting for other writers. It still writes whatever needs no waiting.
    pub fn stop(&self) {
        self.stop.set();
    }

    /// Sends a block to the thread and returns an empty one.
    pub fn send(&mut self, mut block: Block) -> Result<Block> {
        if let Some(sink) = &mut self.inline {
            self.owner.check_build(&self.dir)?;
            sink.write(slice::from_ref(&block))?;
            self.written += block.len();
            block.clear();
            return Ok(block);
        }
        let size = block.size();
        if self.thread()?.filled.send(block).is_err() {
            // The thread has ended; the blocks that come back say why.
            while self.blocks > 0 {
                self.wait(Duration::MAX)?;
            }
            return Err(self.lost());
        }
        (self.blocks, self.bytes) = (self.blocks + 1, self.bytes + size);
        self.wait(Duration::ZERO)?;
        Ok(self.spare.pop().unwrap_or_default())
    }

    /// Waits for blocks to come back, for at most `timeout`.
    ///
    /// # Errors
    /// The error that stopped the thread: it writes nothing more.
    pub fn wait(&mut self, timeout: Duration) -> Result<()> {
        if self.inline.is_some() {
            return Ok(());
        }
        let (blocks, outcome) = match self.thread()?.written.recv_timeout(timeout) {
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
            self.written += block.len();
            block.clear();
            self.spare.push(block);
        }
        Ok(())
    }

    fn thread(&self) -> Result<&Thread> {
        self.owner.check_build(&self.dir)?;
        self.thread.as_ref().ok_or_else(|| self.lost())
    }

    fn lost(&self) -> Error {
        Error::Io { path: self.dir.clone(), source: io::Error::other("the thread that writes has ended") }
    }
}

impl Drop for BackgroundWriter {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.owner.is_current() {
            drop(thread.filled);
            // A panic has already been reported to the producer, as a lost thread.
            let _ = thread.handle.join();
        } else {
            // The channels' locks may be held by threads that the fork did not copy.
            std::mem::forget(thread);
        }
    }
}

/// Writes blocks until there are no more or one fails: no block may follow a missing one. The first is written alone,
/// since it may decide how the others are stored.
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

/// Writes all blocks at once or, if that fails, those before the one at fault. Another writer blocks all of them alike.
fn write(sink: &mut dyn Sink, blocks: Vec<Block>) -> Vec<Written> {
    let outcome = sink.write(&blocks);
    let is_blocked = matches!(outcome, Err(Error::Busy { .. } | Error::Interrupted { .. }));
    if outcome.is_ok() || is_blocked || blocks.len() == 1 {
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
