//! Batches that are filled before they are taken.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::batch::Batch;
use super::buffer::Pool;
use super::pipeline::{Pipeline, Taken, Work};
use super::reading::Reading;
use super::source::Source;
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use crate::memory;
use crate::order::{Draw, Order};

/// Batches that consumers hold at once; few hold more.
const HELD: usize = 2;

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

/// A batch to fill.
enum Job {
    New(Selection),
    /// The pages of these samples are requested.
    Prefetched(Vec<Draw>),
    Failed(Error),
}

struct Reader {
    source: Source,
    order: Order,
    pool: Arc<Pool>,
    /// Whether pages of the last batch were not in memory.
    is_cold: AtomicBool,
}

impl Reader {
    /// The samples of a batch, whose pages are requested if some are not in memory.
    fn prefetched(&self, selection: Selection, cancel: &Cancellation) -> Result<Vec<Draw>> {
        let reading = Reading::new(self.source.dir(), &self.pool, cancel);
        let draws = match selection {
            Selection::Positions { epoch, positions } => reading.drawn(&self.order, epoch, positions)?,
            Selection::Indices(indices) => {
                let draws = indices.into_iter().map(|index| Draw { source: 0, index });
                memory::collect(self.source.dir(), draws)?
            }
        };
        self.is_cold.store(self.source.prefetch_if_cold(&draws, &reading)?, Ordering::Relaxed);
        Ok(draws)
    }
}

impl Work for Reader {
    type Job = Job;
    type Output = Result<Batch>;

    fn is_worth_preparing(&self, job: &Job) -> bool {
        matches!(job, Job::New(_)) && self.is_cold.load(Ordering::Relaxed)
    }

    fn prepare(&self, job: Job, cancel: &Cancellation) -> Job {
        let Job::New(selection) = job else { return job };
        self.prefetched(selection, cancel).map_or_else(Job::Failed, Job::Prefetched)
    }

    fn run(&self, job: Job, cancel: &Cancellation) -> Result<Batch> {
        let draws = match job {
            Job::New(selection) => self.prefetched(selection, cancel)?,
            Job::Prefetched(draws) => draws,
            Job::Failed(error) => return Err(error),
        };
        self.source.read(&draws, &Reading::new(self.source.dir(), &self.pool, cancel))
    }
}

/// Fills batches on its own threads, which end with it, in the order in which they were requested.
pub struct Prefetcher {
    pipeline: Pipeline<Reader>,
}

impl Prefetcher {
    /// Batches of samples from `source`, filled by up to `threads` threads. They stop once at least `ahead` batches are filled
    /// that were not taken. If there are no threads, a batch is filled when it is taken.
    #[must_use]
    pub fn start(source: Source, order: Order, threads: usize, ahead: usize) -> Self {
        let spare = threads.saturating_add(ahead).saturating_add(HELD).saturating_mul(source.arrays());
        let reader = Reader { source, order, pool: Pool::new(spare), is_cold: AtomicBool::new(false) };
        Self { pipeline: Pipeline::start(reader, threads, ahead) }
    }

    /// Requests a batch. Its pages are requested at once if those of the last batch were not in memory.
    ///
    /// # Errors
    /// [`Error::Argument`] in a process that was forked since the start.
    pub fn request(&self, selection: Selection) -> Result<()> {
        if self.pipeline.submit(Job::New(selection)) { Ok(()) } else { Err(forked()) }
    }

    /// The first batch that was requested and not taken yet.
    ///
    /// # Errors
    /// The error of reading it; [`Error::Argument`] where none was requested, or as [`Prefetcher::request`].
    pub fn take(&self) -> Result<Batch> {
        loop {
            if let Some(batch) = self.take_within(Duration::from_secs(60), &Cancellation::default())? {
                return Ok(batch);
            }
        }
    }

    /// As [`Prefetcher::take`]; `None` if it is not filled after `timeout`. `cancel` ends the work on a batch that no thread
    /// fills.
    ///
    /// # Errors
    /// As [`Prefetcher::take`]; [`Error::Interrupted`] if `cancel` asks for it.
    pub fn take_within(&self, timeout: Duration, cancel: &Cancellation) -> Result<Option<Batch>> {
        batch(self.pipeline.take(timeout, cancel))
    }

    /// The first batch, if it is filled.
    ///
    /// # Errors
    /// As [`Prefetcher::take`].
    pub fn try_take(&self) -> Result<Option<Batch>> {
        batch(self.pipeline.try_take())
    }
}

fn batch(taken: Taken<Result<Batch>>) -> Result<Option<Batch>> {
    match taken {
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

fn forked() -> Error {
    let what =
        "this process was forked during the iteration, which goes on in its parent; iterate over the loader again";
    Error::Argument { what: what.to_owned() }
}
