//! The thread that writes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::{Block, Sink};
use crate::error::{At, Error, Result};

/// A thread that writes one block while its owner fills the next. It never waits for its owner's locks.
pub(crate) struct Background {
    dir: PathBuf,
    thread: Option<Thread>,
    is_writing: bool,
    /// The process whose thread it is. A forked child has the channels without it.
    home: u32,
}

struct Thread {
    blocks: Sender<Block>,
    written: Receiver<(Block, Result<()>)>,
    handle: JoinHandle<()>,
}

impl Background {
    /// Starts the thread, which writes to the data set in `dir`.
    pub fn start(dir: &Path, mut sink: Box<dyn Sink>) -> Result<Self> {
        let (blocks, filled) = channel::<Block>();
        let (done, written) = channel();
        let write_all = move || {
            for block in filled {
                let outcome = sink.write(&block);
                if done.send((block, outcome)).is_err() {
                    return;
                }
            }
        };
        let handle = Builder::new().name("mmap_ninja".to_owned()).spawn(write_all).at(dir)?;
        let thread = Some(Thread { blocks, written, handle });
        Ok(Self { dir: dir.to_owned(), thread, is_writing: false, home: std::process::id() })
    }

    /// Whether a block was sent that has not come back.
    pub fn is_writing(&self) -> bool {
        self.is_writing && self.home == std::process::id()
    }

    /// Has a block written. The one before must have come back.
    pub fn send(&mut self, block: Block) -> Result<()> {
        let thread = self.thread()?;
        thread.blocks.send(block).map_err(|_| self.lost())?;
        self.is_writing = true;
        Ok(())
    }

    /// The block that was sent, and whether its samples are stored; `None` if it is still being written after
    /// `patience`.
    pub fn wait(&mut self, patience: Duration) -> Result<Option<(Block, Result<()>)>> {
        match self.thread()?.written.recv_timeout(patience) {
            Ok(back) => {
                self.is_writing = false;
                Ok(Some(back))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                self.is_writing = false;
                Err(self.lost())
            }
        }
    }

    fn thread(&self) -> Result<&Thread> {
        let what =
            || format!("{}: this process was forked while it was built; go on in the other one", self.dir.display());
        let thread = self.thread.as_ref().filter(|_| self.home == std::process::id());
        thread.ok_or_else(|| Error::Argument { what: what() })
    }

    fn lost(&self) -> Error {
        Error::Io { path: self.dir.clone(), source: io::Error::other("the thread that writes has panicked") }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.home == std::process::id() {
            drop(thread.blocks);
            // A panic was reported where the block did not come back.
            let _ = thread.handle.join();
        } else {
            // Whoever held the channels' locks at the fork is not here to let go of them.
            std::mem::forget(thread);
        }
    }
}
