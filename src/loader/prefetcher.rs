//! Batches that are filled before they are taken.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::buffer::Pool;
use super::pipeline::{Pipeline, Taken, Work};
use super::source::{Batch, Source};
use crate::error::{Error, Result};
use crate::order::{Draw, Order};

/// Batches whose memory is kept for others; more are rarely in use at once.
const SPARE: usize = 4;

/// The samples of a batch.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Positions of an epoch, in the loader's order.
    Positions {
        /// The number of the epoch.
        epoch: u64,
        /// The positions.
        positions: Range<usize>,
    },
    /// Indices of samples of the first dataset.
    Indices(Vec<usize>),
}

struct Reader {
    source: Source,
    order: Order,
    pool: Arc<Pool>,
}

impl Reader {
    fn draws(&self, selection: Selection) -> Vec<Draw> {
        match selection {
            Selection::Positions { epoch, positions } => self.order.draws(epoch, positions),
            Selection::Indices(indices) => indices.into_iter().map(|index| Draw { source: 0, index }).collect(),
        }
    }
}

impl Work for Reader {
    type Job = Selection;
    type Output = Result<Batch>;

    fn prepare(&self, job: Selection) {
        self.source.prefetch(&self.draws(job));
    }

    fn run(&self, job: Selection) -> Result<Batch> {
        self.source.read(&self.draws(job), &self.pool)
    }
}

/// Fills batches on its own threads, which end with it, in the order in which they were requested.
pub struct Prefetcher {
    pipeline: Pipeline<Reader>,
}

impl Prefetcher {
    /// Batches of samples from `source`, filled by up to `threads` threads. If there are none, a batch is filled when it is
    /// taken.
    #[must_use]
    pub fn start(source: Source, order: Order, threads: usize) -> Self {
        let pool = Pool::new(SPARE.saturating_mul(source.arrays()));
        Self { pipeline: Pipeline::start(Reader { source, order, pool }, threads) }
    }

    /// Requests the pages of a batch that will be requested later.
    ///
    /// # Errors
    /// [`Error::Argument`] in a process that was forked since the start.
    pub fn announce(&self, selection: Selection) -> Result<()> {
        if self.pipeline.prepare(selection) { Ok(()) } else { Err(forked()) }
    }

    /// Requests a batch.
    ///
    /// # Errors
    /// As [`Prefetcher::announce`].
    pub fn request(&self, selection: Selection) -> Result<()> {
        if self.pipeline.submit(selection) { Ok(()) } else { Err(forked()) }
    }

    /// The first batch that was requested and not taken yet.
    ///
    /// # Errors
    /// The error of reading it; [`Error::Argument`] where none was requested, or as [`Prefetcher::announce`].
    pub fn take(&self) -> Result<Batch> {
        loop {
            if let Some(batch) = self.take_within(Duration::from_secs(60))? {
                return Ok(batch);
            }
        }
    }

    /// As [`Prefetcher::take`]; `None` if it is not filled after `timeout`.
    ///
    /// # Errors
    /// As [`Prefetcher::take`].
    pub fn take_within(&self, timeout: Duration) -> Result<Option<Batch>> {
        match self.pipeline.take(timeout) {
            Taken::Done(batch) => batch.map(Some),
            Taken::Waiting => Ok(None),
            Taken::Panicked => {
                let source = io::Error::other("the thread that filled a batch has panicked");
                Err(Error::Io { path: PathBuf::new(), source })
            }
            Taken::Nothing => Err(Error::Argument { what: "no batch was requested".to_owned() }),
            Taken::Forked => Err(forked()),
        }
    }
}

fn forked() -> Error {
    let what =
        "this process was forked during the iteration, which goes on in its parent; iterate over the loader again";
    Error::Argument { what: what.to_owned() }
}
