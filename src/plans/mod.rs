//! Reading plans: which samples, or pieces of samples, make up each batch. A plan follows from the lengths of the samples
//! alone, so that it reads nothing and the same lengths always give the same plan.
//!
//! ```
//! use mmap_ninja::Cancellation;
//! use mmap_ninja::plans::{Lengths, Long, pack};
//!
//! let lengths = Lengths::new(&[5, 3, 2, 6], &Cancellation::default())?;
//! let plan = pack(lengths, 8, Long::Error, &Cancellation::default())?;
//! let samples: Vec<usize> = plan.pieces(0).map(|piece| piece.sample).collect();
//! assert_eq!(samples, [3, 2]); // 6 + 2
//! assert_eq!(plan.report().fill(), 1.0);
//! # Ok::<(), mmap_ninja::Error>(())
//! ```

mod best_fit;
mod budget;
mod groups;
mod lengths;
mod order;
mod pack;
mod report;
#[cfg(test)]
mod tests;
mod windows;

use std::path::Path;

pub use budget::budget;
use groups::Groups;
pub use lengths::Lengths;
pub use pack::{Long, pack};
pub use report::{Count, Report};
pub use windows::{Stride, windows};

use crate::cancel::Cancellation;
use crate::error::{Error, Result};

/// What errors about memory and interruptions name where others name a file.
const PLACE: &str = "plan";

/// Samples between two looks at the cancellation: some milliseconds.
const CHECK_EVERY: usize = 1 << 20;

/// Consecutive elements of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The index of the sample.
    pub sample: usize,
    /// The first element, counted from the beginning of the sample.
    pub start: usize,
    /// The number of elements. A window across the ends of samples runs on into the samples that follow.
    pub len: usize,
}

/// A sequence of batches, rows or windows, in flat arrays.
#[derive(Clone, Debug)]
pub struct Plan {
    items: Items,
    report: Report,
}

#[derive(Clone, Debug)]
enum Items {
    Groups(Groups),
    Windows(windows::Windows),
}

impl Plan {
    /// The number of batches, rows or windows.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.items {
            Items::Groups(groups) => groups.len(),
            Items::Windows(windows) => windows.len(),
        }
    }

    /// Whether it has no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces of the item at `index`. This takes constant time for batches and rows, and the logarithm of the number of
    /// samples for a window.
    ///
    /// # Panics
    /// If `index` is not less than `len`.
    pub fn pieces(&self, index: usize) -> impl Iterator<Item = Piece> + '_ {
        assert!(index < self.len(), "item {index} of a plan of {}", self.len());
        let (grouped, window) = match &self.items {
            Items::Groups(groups) => (Some(groups.pieces(index)), None),
            Items::Windows(windows) => (None, Some(windows.piece(index))),
        };
        grouped.into_iter().flatten().chain(window)
    }

    /// The pieces of the items at `indices`, one after another.
    ///
    /// # Errors
    /// [`Error::Io`] where memory is refused.
    ///
    /// # Panics
    /// As [`Plan::pieces`].
    pub fn gather(&self, indices: &[usize]) -> Result<Vec<Piece>> {
        let mut pieces = with_room(indices.len())?;
        for piece in indices.iter().flat_map(|&index| self.pieces(index)) {
            push(&mut pieces, piece)?;
        }
        Ok(pieces)
    }

    /// What became of the samples and elements.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The size of the plan in memory, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.items {
            Items::Groups(groups) => groups.size(),
            Items::Windows(windows) => windows.size(),
        }
    }
}

/// Fails if the caller cancels.
fn check(cancel: &Cancellation) -> Result<()> {
    if cancel.is_requested() { Err(Error::Interrupted { path: PLACE.into() }) } else { Ok(()) }
}

/// An empty vector with room for `len` values.
fn with_room<T>(len: usize) -> Result<Vec<T>> {
    crate::memory::with_room(Path::new(PLACE), len)
}

/// Appends a value to a vector whose length nobody knows in advance.
fn push<T>(values: &mut Vec<T>, value: T) -> Result<()> {
    values.try_reserve(1).map_err(|_| crate::memory::refused(Path::new(PLACE)))?;
    values.push(value);
    Ok(())
}

/// A vector of `len` zeros.
fn zeros<T: Clone + Default>(len: usize) -> Result<Vec<T>> {
    let mut values = with_room(len)?;
    values.resize(len, T::default());
    Ok(values)
}

/// Fails where `value` is 0.
fn check_positive(name: &str, value: usize) -> Result<()> {
    if value > 0 {
        return Ok(());
    }
    Err(Error::Argument { what: format!("{name} must be at least 1, not 0") })
}
