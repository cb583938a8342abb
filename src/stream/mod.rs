//! Builds from samples that come one after another, as from a generator: each is copied when it arrives, and a thread
//! writes batches while others are being made.
//!
//! ```
//! use mmap_ninja::{BuildSession, Dtype, Mode, Options, Ragged, Sample, stream::Writer};
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("tokens");
//! let build = BuildSession::begin(&path, false)?;
//! let mut tokens = Writer::ragged(build.partial(), &Options::default(), &Dtype::of::<i32>())?;
//! for number in 1..=5_i32 {
//!     tokens.push(Sample::new(&[number, -number], &[2]))?;
//! }
//! assert_eq!(tokens.finish()?, 5);
//! build.finish()?;
//! assert_eq!(Ragged::open(&path, Mode::ReadOnly)?.values::<i32>(4)?, [5, -5]);
//! # Ok::<(), mmap_ninja::Error>(())
//! ```
//!
//! A build that is begun again with `resume` goes on after [`Writer::stored`] samples. The directory must be what the
//! interrupted build has left: of the same kind, dtype, compression and names, with samples of no other writer.

mod background;
mod block;
pub(crate) mod blocks;
mod record_writer;
pub(crate) mod resume;
pub(crate) mod sinks;
mod writeback;
mod writer;

pub(crate) use block::{Block, BlockColumn};
pub use resume::check_exclusive;
pub(crate) use sinks::Sink;
pub use writer::Writer;
