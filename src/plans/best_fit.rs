//! Best-fit decreasing: from the longest item to the shortest, each goes into the fullest row that has room for it (D. S.
//! Johnson, "Near-optimal bin packing algorithms", 1973). Rows that have taken the same lengths are kept as one group, and
//! all items of one length are placed at once, so that the time depends on the number of different lengths.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{check, push};
use crate::cancel::Cancellation;
use crate::error::Result;

/// Rows that take the same number of items of one length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub rows: Range<usize>,
    /// Items that each of the rows takes.
    pub each: usize,
}

/// Rows of a fixed length, some of which have room left.
#[derive(Default)]
struct Rows {
    len: usize,
    /// By the room that is left, groups of rows with that room.
    open: BTreeMap<u64, Vec<Range<usize>>>,
}

impl Rows {
    /// The fullest group of rows with room for an item of `length`, and its room.
    fn take(&mut self, length: u64) -> Option<(u64, Range<usize>)> {
        let mut found = self.open.range_mut(length..);
        let (&room, groups) = found.next()?;
        let group = groups.pop();
        if groups.is_empty() {
            self.open.remove(&room);
        }
        group.map(|group| (room, group))
    }

    fn put(&mut self, room: u64, group: Range<usize>) {
        if room > 0 && !group.is_empty() {
            self.open.entry(room).or_default().push(group);
        }
    }

    fn add(&mut self, count: usize) -> Range<usize> {
        self.len += count;
        self.len - count..self.len
    }
}

/// Packs `runs` of items of equal length, `(length, count)`, in descending order and of at least one element, into rows of
/// `row` elements. Returns the number of rows, and the steps, which take the items in their order.
pub(super) fn best_fit(runs: &[(u64, usize)], row: u64, cancel: &Cancellation) -> Result<(usize, Vec<Step>)> {
    let (mut rows, mut steps) = (Rows::default(), Vec::new());
    for (index, &(length, count)) in runs.iter().enumerate() {
        if index.is_multiple_of(1 << 12) {
            check(cancel)?;
        }
        place(&mut rows, &mut steps, length, count, row)?;
    }
    Ok((rows.len, steps))
}

fn place(rows: &mut Rows, steps: &mut Vec<Step>, length: u64, mut count: usize, row: u64) -> Result<()> {
    while count > 0 {
        let (room, group) = rows.take(length).unwrap_or_else(|| {
            let each = usize::try_from(row / length).unwrap_or(usize::MAX);
            (row, rows.add(count.div_ceil(each)))
        });
        // A row that has taken an item is the fullest one, so it takes as many as it can hold.
        let each = usize::try_from(room / length).unwrap_or(usize::MAX);
        let full = group.len().min(count / each);
        let (full, rest) = (group.start..group.start + full, group.start + full..group.end);
        if !full.is_empty() {
            count -= full.len() * each;
            push(steps, Step { rows: full.clone(), each })?;
            rows.put(room - length * each as u64, full);
        }
        let (mut last, mut rest) = (0..0, rest);
        if count > 0 && !rest.is_empty() {
            last = rest.start..rest.start + 1;
            rest.start += 1;
            push(steps, Step { rows: last.clone(), each: count })?;
        }
        rows.put(room, rest);
        if !last.is_empty() {
            rows.put(room - length * count as u64, last);
            count = 0;
        }
    }
    Ok(())
}
