//! Batches of training, in a random order that is computed, filled by threads before they are asked for.
//!
//! ```
//! use mmap_ninja::loader::{Batch, Order, Prefetcher, Selection, Source, Subset};
//! use mmap_ninja::{Dtype, Mode, Ragged, Sample};
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("tokens");
//! # Ragged::create(&path, &Dtype::of::<i32>(), &[Sample::new(&[1_i32, 2, 3], &[3]), Sample::new(&[4_i32], &[1])])?;
//! let tokens = Ragged::open(&path, Mode::ReadOnly)?;
//! let order = Order::new(vec![(Subset::Range { start: 0, step: 1, len: tokens.len() }, 1.0)], 0, true);
//! let source = Source::ragged(&[&tokens], Some(&0_i32.to_le_bytes()))?;
//! let mut batches = Prefetcher::start(source, order, 2, 2);
//! batches.request(Selection::Positions { epoch: 0, positions: 0..2 })?;
//! let Batch::Padded { values, shape, .. } = batches.take()? else { panic!("it is padded") };
//! assert_eq!((values.bytes().len(), shape), (24, vec![2, 3]));
//! # Ok::<(), mmap_ninja::Error>(())
//! ```

mod batch;
mod buffer;
mod fingerprint;
mod pipeline;
mod prefetcher;
mod reading;
mod rows;
mod source;
#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use buffer::Buffer;
pub use prefetcher::{Prefetcher, Selection};
pub use rows::Rows;
pub use source::Source;

pub use crate::order::{Draw, Order, Permutation, Subset};
