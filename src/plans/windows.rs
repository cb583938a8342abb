//! Windows of a fixed length. Their places follow from the ends of the samples by arithmetic, so that a plan of any number
//! of windows takes no memory for them.

use super::lengths::{Integers, Lengths};
use super::report::Report;
use super::{CHECK_EVERY, Items, Piece, Plan, check, check_positive};
use crate::cancel::Cancellation;
use crate::error::Result;

/// Where windows start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    /// Elements from the start of a window to that of the next one.
    pub elements: usize,
    /// Whether windows run across the ends of samples. Otherwise each sample has windows of its own, from its first element
    /// on.
    pub is_across: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Windows {
    count: usize,
    length: usize,
    stride: Stride,
    /// For every sample, the windows in it and in those before it; if windows run across samples, the elements.
    ends: Integers,
}

impl Windows {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn size(&self) -> usize {
        self.ends.size()
    }

    pub fn piece(&self, index: usize) -> Piece {
        let position = if self.stride.is_across { index * self.stride.elements } else { index };
        let sample = self.ends.count_up_to(position as u64);
        let inside = position - sample.checked_sub(1).map_or(0, |before| self.ends.index(before));
        let start = if self.stride.is_across { inside } else { inside * self.stride.elements };
        Piece { sample, start, len: self.length }
    }
}

/// All windows of `length` elements whose starts are a stride apart. Elements behind the last window are left out.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) if a number is 0; [`Error::Interrupted`](crate::Error::Interrupted);
/// [`Error::Io`](crate::Error::Io) where memory is refused.
pub fn windows(lengths: &Lengths, length: usize, stride: Stride, cancel: &Cancellation) -> Result<Plan> {
    check_positive("length", length)?;
    check_positive("stride", stride.elements)?;
    let shape = Shape { length: length as u64, stride: stride.elements as u64 };
    let mut report = Report { given: lengths.given, ..Report::default() };
    let mut ends = Integers::with_room(lengths.len(), lengths.given.elements.cast_signed())?;
    let all = shape.count(lengths.given.elements);
    let mut end = 0;
    for sample in 0..lengths.len() {
        if sample.is_multiple_of(CHECK_EVERY) {
            check(cancel)?;
        }
        let elements = lengths.get(sample);
        let found = if stride.is_across { elements } else { shape.count(elements) };
        let is_read = if stride.is_across { shape.reaches(all, end, end + elements) } else { found > 0 };
        report.left_out.samples += usize::from(!is_read && elements > 0);
        if !stride.is_across {
            report.placed += shape.covered(found);
        }
        end += found;
        ends.push(end);
    }
    let count = if stride.is_across { all } else { end };
    if stride.is_across {
        report.placed = shape.covered(all);
    }
    report.batches = usize::try_from(count).unwrap_or(usize::MAX);
    report.room = count.saturating_mul(shape.length);
    report.repeated = report.room - report.placed;
    report.left_out.elements = report.given.elements - report.placed;
    Ok(Plan { items: Items::Windows(Windows { count: report.batches, length, stride, ends }), report })
}

/// The arithmetic of windows over consecutive elements.
struct Shape {
    length: u64,
    stride: u64,
}

impl Shape {
    /// The windows in `elements`.
    fn count(&self, elements: u64) -> u64 {
        elements.checked_sub(self.length).map_or(0, |rest| rest / self.stride + 1)
    }

    /// The elements in at least one of `count` windows.
    fn covered(&self, count: u64) -> u64 {
        count.checked_sub(1).map_or(0, |others| self.length + others * self.stride.min(self.length))
    }

    /// Whether one of `count` windows has an element from `start` to before `end`.
    fn reaches(&self, count: u64, start: u64, end: u64) -> bool {
        // The first window that ends behind `start`.
        let first = start.checked_sub(self.length).map_or(0, |before| before / self.stride + 1);
        start < end && first < count && first * self.stride < end
    }
}
