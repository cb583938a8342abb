//! Rows of a fixed length, packed with samples.

use super::best_fit::{Step, best_fit};
use super::groups::Groups;
use super::lengths::{Integers, Lengths};
use super::order::descending;
use super::report::Report;
use super::{CHECK_EVERY, Items, Plan, check, check_positive, push, zeros};
use crate::cancel::Cancellation;
use crate::error::{Error, Result};

/// What to do with samples that are longer than a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Long {
    /// It is an error.
    #[default]
    Error,
    /// Pieces of the length of a row fill rows by themselves; the rest is packed like any sample.
    Split,
    /// The first elements are kept, as many as a row has.
    Cut,
    /// The sample is in no row.
    Drop,
}

/// Packs samples into rows of `row` elements, best-fit decreasing. Samples without elements are in no row.
///
/// # Errors
/// [`Error::Argument`] if a sample is longer than a row and `long` is [`Long::Error`], or `row` is 0;
/// [`Error::Interrupted`]; [`Error::Io`] where memory is refused.
pub fn pack(mut lengths: Lengths, row: usize, long: Long, cancel: &Cancellation) -> Result<Plan> {
    check_positive("length", row)?;
    let mut report = Report { given: lengths.given, ..Report::default() };
    let (long_samples, long_rows) = long_pieces(&mut lengths, row as u64, long, &mut report, cancel)?;
    let key = |length: u64| key(length, row as u64, long);
    let order = descending(&lengths, lengths.longest.min(row as u64), key, cancel)?;
    let (rows, steps) = best_fit(&order.runs, row as u64, cancel)?;
    let (samples, offsets) = laid_out(&order.samples, rows, &steps, cancel)?;
    let groups = Groups { lengths: lengths.values, samples, offsets, row, long: long_samples, long_rows };
    report.batches = groups.len();
    report.placed = report.given.elements - report.cut.elements - report.dropped.elements;
    report.room = (groups.len() as u64).saturating_mul(row as u64);
    Ok(Plan { items: Items::Groups(groups), report })
}

/// The elements of a sample that are packed.
fn key(length: u64, row: u64, long: Long) -> u64 {
    match long {
        _ if length <= row => length,
        Long::Split => length % row,
        Long::Cut => row,
        Long::Error | Long::Drop => 0,
    }
}

/// Counts the long samples and cuts them if asked to. Returns those that fill rows by themselves, and how many rows each of
/// them and those before it fill.
fn long_pieces(
    lengths: &mut Lengths,
    row: u64,
    long: Long,
    report: &mut Report,
    cancel: &Cancellation,
) -> Result<(Integers, Integers)> {
    let (mut samples, mut rows, mut filled) = (Vec::new(), Vec::new(), 0);
    let len = if lengths.longest > row { lengths.len() } else { 0 };
    for sample in 0..len {
        if sample.is_multiple_of(CHECK_EVERY) {
            check(cancel)?;
        }
        let length = lengths.get(sample);
        if length <= row {
            continue;
        }
        match long {
            Long::Error => return Err(too_long(sample, length, row)),
            Long::Drop => report.dropped.add(length),
            Long::Cut => {
                report.cut.add(length - row);
                lengths.values.set(sample, row);
            }
            Long::Split => {
                report.split.add(length);
                filled += length / row;
                push(&mut samples, sample as u64)?;
                push(&mut rows, filled)?;
            }
        }
    }
    Ok((Integers::Wide(samples), Integers::Wide(rows)))
}

#[cold]
fn too_long(sample: usize, length: u64, row: u64) -> Error {
    let what = format!(
        "sample {sample}: its {length} elements exceed a row of {row}; pass long='split', 'cut' or 'drop', or longer rows"
    );
    Error::Argument { what }
}

/// The samples of all rows, one after another, and where each row starts. The steps take samples in the given order.
fn laid_out(order: &Integers, rows: usize, steps: &[Step], cancel: &Cancellation) -> Result<(Integers, Integers)> {
    let mut next = offsets(rows, steps)?;
    let mut offsets = Integers::with_room(rows + 1, order.len() as i64)?;
    for &offset in &next {
        offsets.push(offset as u64);
    }
    let samples = match order {
        Integers::Narrow(order) => Integers::Narrow(placed(order, &mut next, steps, cancel)?),
        Integers::Wide(order) => Integers::Wide(placed(order, &mut next, steps, cancel)?),
    };
    Ok((samples, offsets))
}

/// Where each row starts among the samples of all rows, and the end of the last one.
fn offsets(rows: usize, steps: &[Step]) -> Result<Vec<usize>> {
    let mut offsets: Vec<usize> = zeros(rows + 1)?;
    for step in steps {
        offsets[step.rows.clone()].iter_mut().for_each(|count| *count += step.each);
    }
    let mut total = 0;
    for count in &mut offsets {
        total += std::mem::replace(count, total);
    }
    Ok(offsets)
}

/// The samples in the order of their rows; `next` is where the next sample of each row goes.
fn placed<T: Copy + Default>(
    mut order: &[T],
    next: &mut [usize],
    steps: &[Step],
    cancel: &Cancellation,
) -> Result<Vec<T>> {
    let mut samples = zeros(order.len())?;
    for (index, step) in steps.iter().enumerate() {
        if index.is_multiple_of(1 << 10) {
            check(cancel)?;
        }
        for next in &mut next[step.rows.clone()] {
            let (taken, rest) = order.split_at(step.each);
            samples[*next..*next + step.each].copy_from_slice(taken);
            *next += step.each;
            order = rest;
        }
    }
    Ok(samples)
}
