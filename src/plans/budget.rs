//! Batches of samples of like length, whose padded size stays within a budget.

use super::groups::Groups;
use super::lengths::{Integers, Lengths};
use super::order::descending;
use super::report::Report;
use super::{Items, Plan, check, check_positive, push};
use crate::cancel::Cancellation;
use crate::error::{Error, Result};

/// Batches of samples of like length, longest first. The padded size of a batch, its longest sample rounded up to
/// `multiple_of` times its number of samples, is at most `max_elements`.
///
/// # Errors
/// [`Error::Argument`] if a sample exceeds the budget alone, or a number is 0; [`Error::Interrupted`]; [`Error::Io`] where
/// memory is refused.
pub fn budget(lengths: Lengths, max_elements: usize, multiple_of: usize, cancel: &Cancellation) -> Result<Plan> {
    check_positive("max_elements", max_elements)?;
    check_positive("multiple_of", multiple_of)?;
    let padded = |length: u64| length.div_ceil(multiple_of as u64).saturating_mul(multiple_of as u64);
    let limit = max_elements as u64;
    if padded(lengths.longest) > limit {
        return Err(too_long(&lengths, |length| padded(length) > limit, max_elements));
    }
    // One more, so that samples without elements have a key, too.
    let samples = descending(&lengths, lengths.longest + 1, |length| length + 1, cancel)?.samples;
    let (mut offsets, mut room) = (Vec::new(), 0_u64);
    let (mut start, len) = (0, samples.len());
    while start < len {
        if offsets.len().is_multiple_of(1 << 12) {
            check(cancel)?;
        }
        push(&mut offsets, start as u64)?;
        // The first sample is the longest. If it has no elements, neither have those behind it.
        let width = padded(lengths.get(samples.index(start)));
        let most = limit.checked_div(width).and_then(|most| usize::try_from(most).ok()).unwrap_or(len);
        let count = most.min(len - start);
        room = room.saturating_add(width.saturating_mul(count as u64));
        start += count;
    }
    push(&mut offsets, len as u64)?;
    let report = Report {
        batches: offsets.len() - 1,
        given: lengths.given,
        placed: lengths.given.elements,
        room,
        ..Report::default()
    };
    let groups = Groups {
        lengths: lengths.values,
        samples,
        offsets: Integers::Wide(offsets),
        row: usize::MAX,
        long: Integers::Narrow(Vec::new()),
        long_rows: Integers::Narrow(Vec::new()),
    };
    Ok(Plan { items: Items::Groups(groups), report })
}

/// The error for the first sample that is longer than a batch.
#[cold]
fn too_long(lengths: &Lengths, is_long: impl Fn(u64) -> bool, max_elements: usize) -> Error {
    let sample = (0..lengths.len()).find(|&sample| is_long(lengths.get(sample))).unwrap_or(0);
    let what = format!(
        "sample {sample}: its {} elements, padded, exceed the budget of {max_elements} for a batch; raise max_elements, or \
         leave the sample out",
        lengths.get(sample)
    );
    Error::Argument { what }
}
