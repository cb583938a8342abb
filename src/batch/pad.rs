//! Copies samples into blocks of one shape. It knows only bytes and item sizes, so that no dtype needs code of its own.

use std::mem::MaybeUninit;

use super::cast::Cast;
use super::gather::{PREFETCH_DISTANCE, job_size, prefetch_lines, threads_for};
use super::{Out, copy_into};
use crate::sample::Sample;
use crate::threads;

/// On which side samples are padded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaddingSide {
    /// The padding follows the elements, along every axis.
    #[default]
    Right,
    /// The padding precedes the elements, along every axis.
    Left,
}

/// How samples are padded and cropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Padding<'a> {
    /// The element to pad with, in the dtype of the batch.
    pub value: &'a [u8],
    /// Where the padding goes.
    pub side: PaddingSide,
    /// The most entries of each axis that are kept; `None` keeps all.
    pub max_length: Option<usize>,
    /// The first entry of each axis that is kept, of all samples one after another; empty where that is 0 everywhere.
    pub starts: &'a [usize],
}

impl<'a> Padding<'a> {
    fn max_len(&self) -> usize {
        self.max_length.unwrap_or(usize::MAX)
    }

    /// The starts of the sample at a position of the batch.
    fn starts_of(&self, position: usize, rank: usize) -> &'a [usize] {
        self.starts.get(position * rank..(position + 1) * rank).unwrap_or_default()
    }
}

/// The shape of a padded batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaddedPlan {
    /// The shape of one sample's block: the maximum of each axis.
    pub shape: Vec<usize>,
    /// The shapes of all samples after cropping, one after another.
    pub lengths: Vec<i64>,
}

impl PaddedPlan {
    /// The plan for samples of `rank` axes. `lengths` is an empty vector with room for all axes.
    ///
    /// # Errors
    /// The position of the first sample that has another number of axes.
    pub fn new(samples: &[Sample], rank: usize, padding: &Padding, lengths: Vec<i64>) -> Result<Self, usize> {
        let max_len = padding.max_length.map_or(i64::MAX, |max| i64::try_from(max).unwrap_or(i64::MAX));
        let mut plan = Self { shape: vec![0; rank], lengths };
        for (position, sample) in samples.iter().enumerate() {
            if sample.shape.len() != rank {
                return Err(position);
            }
            let mut starts = padding.starts_of(position, rank).iter();
            for (longest, &axis) in plan.shape.iter_mut().zip(sample.shape) {
                let start = starts.next().map_or(0, |&start| i64::try_from(start).unwrap_or(i64::MAX));
                let length = axis.saturating_sub(start).clamp(0, max_len);
                *longest = usize::try_from(length).unwrap_or(0).max(*longest);
                plan.lengths.push(length);
            }
        }
        Ok(plan)
    }
}

/// Copies samples of the same rank into blocks of `shape`, cropped where they are larger. `out` has one block per sample.
pub(crate) fn pad(samples: &[Sample], shape: &[usize], padding: &Padding, cast: Cast, out: &mut Out) {
    if out.is_empty() {
        return;
    }
    let block = out.len() / samples.len();
    let (threads, cast) = (threads_for(out.len()), cast.suited_to(out));
    let blocks = Blocks { shape, padding, cast };
    if threads == 1 {
        return blocks.fill(0, samples, out);
    }
    let count = job_size(out.len(), threads).div_ceil(block);
    let jobs = samples.chunks(count).zip(out.chunks_mut(count * block)).enumerate().collect();
    threads::for_each(jobs, threads, |(job, (samples, out))| blocks.fill(job * count, samples, out));
}

/// The blocks of a batch.
#[derive(Clone, Copy)]
struct Blocks<'a> {
    shape: &'a [usize],
    padding: &'a Padding<'a>,
    cast: Cast,
}

impl Blocks<'_> {
    /// Fills the blocks of `samples`, the first of which is at position `first` of the batch.
    fn fill(&self, first: usize, samples: &[Sample], out: &mut Out) {
        let block = out.len() / samples.len();
        for (index, (sample, target)) in samples.iter().zip(out.chunks_exact_mut(block)).enumerate() {
            if let Some(next) = samples.get(index + PREFETCH_DISTANCE) {
                prefetch_lines(next.bytes);
            }
            let starts = self.padding.starts_of(first + index, self.shape.len());
            self.fill_axis(sample.bytes, sample.shape, starts, self.shape, target);
        }
    }

    /// Copies one axis of one sample: the rows that are kept, each padded along the inner axes, and rows of padding.
    fn fill_axis(&self, bytes: &[u8], axes: &[i64], starts: &[usize], shape: &[usize], out: &mut Out) {
        let (Some((&length, inner_axes)), Some((&room, inner_shape))) = (axes.split_first(), shape.split_first())
        else {
            return self.cast.copy(out, bytes);
        };
        let (start, inner_starts) = starts.split_first().map_or((0, &[][..]), |(&start, inner)| (start, inner));
        let rows = usize::try_from(length).unwrap_or(0);
        let skipped = start.min(rows);
        let (kept, row_size) = ((rows - skipped).min(room).min(self.padding.max_len()), out.len() / room);
        let source_size = bytes.len().checked_div(rows).unwrap_or(0);
        let bytes = &bytes[skipped * source_size..];
        let (elements, rest) = match self.padding.side {
            PaddingSide::Right => out.split_at_mut(kept * row_size),
            PaddingSide::Left => {
                let (before, after) = out.split_at_mut((room - kept) * row_size);
                (after, before)
            }
        };
        fill(rest, self.padding.value);
        if self.is_contiguous(inner_axes, inner_starts, inner_shape) {
            self.cast.copy(elements, &bytes[..kept * source_size]);
        } else if kept > 0 {
            for (row, target) in elements.chunks_exact_mut(row_size).enumerate() {
                let source = &bytes[row * source_size..(row + 1) * source_size];
                self.fill_axis(source, inner_axes, inner_starts, inner_shape, target);
            }
        }
    }

    /// Whether the inner axes are neither padded nor cropped, so that their elements are contiguous in both arrays.
    fn is_contiguous(&self, axes: &[i64], starts: &[usize], shape: &[usize]) -> bool {
        let is_whole = |(&axis, &room)| usize::try_from(axis) == Ok(room) && room <= self.padding.max_len();
        axes.iter().zip(shape).all(is_whole) && starts.iter().all(|&start| start == 0)
    }
}

/// Fills `out` with one element, twice as many with every copy.
fn fill(out: &mut Out, value: &[u8]) {
    if let Some((&first, rest)) = value.split_first()
        && rest.iter().all(|&byte| byte == first)
    {
        return out.fill(MaybeUninit::new(first));
    }
    let mut filled = value.len().min(out.len());
    copy_into(&mut out[..filled], &value[..filled]);
    while filled < out.len() {
        let (done, rest) = out.split_at_mut(filled);
        let count = filled.min(rest.len());
        rest[..count].copy_from_slice(&done[..count]);
        filled += count;
    }
}

#[cfg(test)]
mod tests {
    use super::super::gather::tests::collect;
    use super::*;

    /// The batch of two samples of bytes.
    fn padded(samples: &[Sample], shape: &[usize], padding: &Padding) -> Vec<u8> {
        let len = samples.len() * shape.iter().product::<usize>() * padding.value.len();
        collect(len, |out| pad(samples, shape, padding, Cast::none(padding.value.len()), out))
    }

    #[test]
    fn axes_are_padded_on_the_given_side_and_truncated() {
        let samples = [Sample { bytes: &[1, 2, 3, 4, 5, 6], shape: &[2, 3] }, Sample { bytes: &[7], shape: &[1, 1] }];
        let right = Padding { value: &[0], ..Padding::default() };
        assert_eq!(padded(&samples, &[3, 2], &right), [1, 2, 4, 5, 0, 0, 7, 0, 0, 0, 0, 0]);
        let left = Padding { value: &[9], side: PaddingSide::Left, ..Padding::default() };
        assert_eq!(padded(&samples, &[2, 3], &left), [1, 2, 3, 4, 5, 6, 9, 9, 9, 9, 9, 7]);
    }

    #[test]
    fn crops_begin_at_the_starts_of_each_axis() {
        let samples = [Sample { bytes: &[1, 2, 3, 4, 5, 6], shape: &[2, 3] }; 2];
        let padding = Padding { value: &[0], max_length: Some(2), starts: &[1, 0, 0, 1], ..Padding::default() };
        let plan = PaddedPlan::new(&samples, 2, &padding, Vec::new()).unwrap();
        assert_eq!((&plan.shape[..], &plan.lengths[..]), (&[2, 2][..], &[1, 2, 2, 2][..]));
        assert_eq!(padded(&samples, &plan.shape, &padding), [4, 5, 0, 0, 2, 3, 5, 6]);
    }

    #[test]
    fn a_sample_without_elements_is_all_padding() {
        let samples = [Sample { bytes: &[], shape: &[0, 2] }, Sample { bytes: &[], shape: &[2, 0] }];
        let padding = Padding { value: &[1, 2], side: PaddingSide::Left, ..Padding::default() };
        assert_eq!(padded(&samples, &[1, 2], &padding), [1, 2, 1, 2, 1, 2, 1, 2]);
    }
}
