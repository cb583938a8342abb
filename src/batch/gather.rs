//! Copies many samples into one array. It knows only bytes and item sizes, so that no dtype needs code of its own.

use std::mem::MaybeUninit;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use crate::error::Result;
use crate::sample::Sample;
use crate::{memory, threads};

/// Bytes that are worth another thread.
const MIN_PER_THREAD: usize = 4 << 20;

/// How many samples ahead of the copy the processor prefetches.
const PREFETCH_DISTANCE: usize = 6;
/// Cache lines that it prefetches of each sample.
const PREFETCH_LINES: usize = 8;

/// The uninitialized memory of a batch.
pub(crate) type Out = [MaybeUninit<u8>];

/// On which side samples are padded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaddingSide {
    /// The padding follows the elements, along every axis.
    #[default]
    Right,
    /// The padding precedes the elements, along every axis.
    Left,
}

/// How samples are padded and truncated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Padding<'a> {
    /// The element to pad with.
    pub value: &'a [u8],
    pub side: PaddingSide,
    /// The most entries of each axis that are kept.
    pub max_len: usize,
}

/// The shape of a padded batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaddedPlan {
    /// The shape of one sample's block: the maximum of each axis.
    pub shape: Vec<usize>,
    /// The shapes of all samples after truncation, one after another.
    pub lengths: Vec<i64>,
}

impl PaddedPlan {
    /// The plan for samples of `rank` axes, each of which is truncated to `max_length`. `lengths` is an empty vector with room
    /// for all axes.
    ///
    /// # Errors
    /// The position of the first sample that has another number of axes.
    pub fn new(samples: &[Sample], rank: usize, max_length: Option<usize>, lengths: Vec<i64>) -> Result<Self, usize> {
        let max_len = max_length.map_or(i64::MAX, |max| i64::try_from(max).unwrap_or(i64::MAX));
        let mut plan = Self { shape: vec![0; rank], lengths };
        for (position, sample) in samples.iter().enumerate() {
            if sample.shape.len() != rank {
                return Err(position);
            }
            for (longest, &axis) in plan.shape.iter_mut().zip(sample.shape) {
                let length = axis.clamp(0, max_len);
                *longest = usize::try_from(length).unwrap_or(0).max(*longest);
                plan.lengths.push(length);
            }
        }
        Ok(plan)
    }
}

/// The Arrow offsets of pieces: 0, and where each of them ends.
pub(crate) fn arrow_offsets(dir: &Path, lengths: impl ExactSizeIterator<Item = usize>) -> Result<Vec<i64>> {
    let mut offsets = memory::with_room(dir, lengths.len() + 1)?;
    offsets.push(0);
    let mut end = 0;
    offsets.extend(lengths.map(|length| {
        end += length as i64;
        end
    }));
    Ok(offsets)
}

/// The bytes of all pieces; `None` where they cannot fit into memory. The samples of an untrusted file may overlap any
/// number of times.
pub(crate) fn total_len(mut lengths: impl Iterator<Item = usize>) -> Option<usize> {
    lengths.try_fold(0_usize, usize::checked_add).filter(|&total| isize::try_from(total).is_ok())
}

/// Allocates `len` bytes, and lets `write` initialize all of them.
///
/// # Errors
/// [`Error::Io`] where `len` is `None`, or the memory cannot be allocated.
pub(crate) fn init_vec(dir: &Path, len: Option<usize>, write: impl FnOnce(&mut Out)) -> Result<Vec<u8>> {
    let len = len.ok_or_else(|| memory::refused(dir))?;
    let mut bytes = memory::with_room(dir, len)?;
    write(&mut bytes.spare_capacity_mut()[..len]);
    // SAFETY: `len` bytes were reserved, and `write` has initialized all of them.
    unsafe { bytes.set_len(len) };
    Ok(bytes)
}

/// Copies `pieces` one after another into `out`, which has their total length.
pub(crate) fn concatenate(pieces: &[&[u8]], out: &mut Out) {
    let share = out.len().div_ceil(threads_for(out.len())).max(1);
    let (mut pieces, mut out, mut jobs) = (pieces, out, Vec::new());
    while out.len() > share {
        let (count, bytes) = take_share(pieces, share);
        let (mine, others) = pieces.split_at(count);
        let (target, rest) = out.split_at_mut(bytes);
        jobs.push((mine, target));
        (pieces, out) = (others, rest);
    }
    if jobs.is_empty() {
        return concatenate_here(pieces, out);
    }
    jobs.push((pieces, out));
    threads::for_each(jobs, |(pieces, target)| concatenate_here(pieces, target));
}

fn concatenate_here(pieces: &[&[u8]], mut out: &mut Out) {
    for (index, piece) in pieces.iter().enumerate() {
        if let Some(next) = pieces.get(index + PREFETCH_DISTANCE) {
            prefetch_lines(next);
        }
        let (target, rest) = out.split_at_mut(piece.len());
        copy_into(target, piece);
        out = rest;
    }
}

/// The number of pieces that make up at least `share` bytes, and their size.
fn take_share(pieces: &[&[u8]], share: usize) -> (usize, usize) {
    let mut bytes = 0;
    for (count, piece) in pieces.iter().enumerate() {
        bytes += piece.len();
        if bytes >= share {
            return (count + 1, bytes);
        }
    }
    (pieces.len(), bytes)
}

/// Copies samples of the same rank into blocks of `shape`, truncated where they are larger. `out` has one block per
/// sample.
pub(crate) fn pad(samples: &[Sample], shape: &[usize], padding: Padding, out: &mut Out) {
    if out.is_empty() {
        return;
    }
    let block = out.len() / samples.len();
    let count = samples.len().div_ceil(threads_for(out.len())).max(1);
    if count == samples.len() {
        return pad_here(samples, shape, padding, out);
    }
    let jobs = samples.chunks(count).zip(out.chunks_mut(count * block)).collect();
    threads::for_each(jobs, |(samples, out)| pad_here(samples, shape, padding, out));
}

fn pad_here(samples: &[Sample], shape: &[usize], padding: Padding, out: &mut Out) {
    let block = out.len() / samples.len();
    for (index, (sample, target)) in samples.iter().zip(out.chunks_exact_mut(block)).enumerate() {
        if let Some(next) = samples.get(index + PREFETCH_DISTANCE) {
            prefetch_lines(next.bytes);
        }
        pad_axis(sample.bytes, sample.shape, shape, padding, target);
    }
}

/// Copies one axis of one sample: the rows that fit, each padded along the inner axes, and rows of padding.
fn pad_axis(bytes: &[u8], axes: &[i64], shape: &[usize], padding: Padding, out: &mut Out) {
    let (Some((&length, inner_axes)), Some((&room, inner_shape))) = (axes.split_first(), shape.split_first()) else {
        return copy_into(out, bytes);
    };
    let rows = usize::try_from(length).unwrap_or(0);
    let (kept, row_size) = (rows.min(room).min(padding.max_len), out.len() / room);
    let source_size = bytes.len().checked_div(rows).unwrap_or(0);
    let gap = (room - kept) * row_size;
    let (elements, rest) = match padding.side {
        PaddingSide::Right => out.split_at_mut(kept * row_size),
        PaddingSide::Left => {
            let (before, after) = out.split_at_mut(gap);
            (after, before)
        }
    };
    fill(rest, padding.value);
    if is_contiguous(inner_axes, inner_shape, padding.max_len) {
        copy_into(elements, &bytes[..elements.len()]);
    } else if kept > 0 {
        for (row, target) in elements.chunks_exact_mut(row_size).enumerate() {
            let source = &bytes[row * source_size..(row + 1) * source_size];
            pad_axis(source, inner_axes, inner_shape, padding, target);
        }
    }
}

/// Whether the inner axes are neither padded nor truncated, so that their elements are contiguous in both arrays.
fn is_contiguous(axes: &[i64], shape: &[usize], max_len: usize) -> bool {
    axes.iter().zip(shape).all(|(&axis, &room)| usize::try_from(axis) == Ok(room) && room <= max_len)
}

/// Fills `out` with one element.
fn fill(out: &mut Out, value: &[u8]) {
    if let Some((&first, rest)) = value.split_first()
        && rest.iter().all(|&byte| byte == first)
    {
        return out.fill(MaybeUninit::new(first));
    }
    for element in out.chunks_exact_mut(value.len()) {
        copy_into(element, value);
    }
}

/// Lets the processor prefetch the beginning of `bytes`; its own prefetcher follows with the rest.
#[inline]
fn prefetch_lines(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64).take(PREFETCH_LINES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect that a program can observe, and the line is that of a valid slice.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Copies `bytes` into `out`, which has the same length.
fn copy_into(out: &mut Out, bytes: &[u8]) {
    assert_eq!(out.len(), bytes.len());
    // SAFETY: both are `bytes.len()` long, and a mutable reference overlaps nothing.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.as_mut_ptr().cast(), bytes.len()) }
}

/// The number of threads to copy `bytes` with. Every batch starts its own, since a thread pool would not survive the
/// fork of a data loader's workers.
fn threads_for(bytes: usize) -> usize {
    let useful = bytes / MIN_PER_THREAD;
    if useful < 2 { 1 } else { thread::available_parallelism().map_or(1, NonZero::get).min(useful) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(len: usize, write: impl FnOnce(&mut Out)) -> Vec<u8> {
        let mut out = vec![MaybeUninit::new(0xAA); len];
        write(&mut out);
        // SAFETY: every byte was given a value above.
        out.into_iter().map(|byte| unsafe { byte.assume_init() }).collect()
    }

    #[test]
    fn pieces_are_concatenated_in_order_also_by_several_threads() {
        let pieces: Vec<Vec<u8>> = (0..50_u8).map(|i| vec![i; usize::from(i) * 9_973]).collect();
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let len = pieces.iter().map(|piece| piece.len()).sum();
        assert!(threads_for(len) <= len / MIN_PER_THREAD + 1);
        assert_eq!(collect(len, |out| concatenate(&pieces, out)), pieces.concat());
    }

    #[test]
    fn axes_are_padded_on_the_given_side_and_truncated() {
        let samples = [Sample { bytes: &[1, 2, 3, 4, 5, 6], shape: &[2, 3] }, Sample { bytes: &[7], shape: &[1, 1] }];
        let right = Padding { value: &[0], side: PaddingSide::Right, max_len: 9 };
        let out = collect(12, |out| pad(&samples, &[3, 2], right, out));
        assert_eq!(out, [1, 2, 4, 5, 0, 0, 7, 0, 0, 0, 0, 0]);
        let left = Padding { value: &[9], side: PaddingSide::Left, max_len: 9 };
        let out = collect(12, |out| pad(&samples, &[2, 3], left, out));
        assert_eq!(out, [1, 2, 3, 4, 5, 6, 9, 9, 9, 9, 9, 7]);
    }

    #[test]
    fn a_sample_without_elements_is_all_padding() {
        let samples = [Sample { bytes: &[], shape: &[0, 2] }, Sample { bytes: &[], shape: &[2, 0] }];
        let padding = Padding { value: &[1, 2], side: PaddingSide::Left, max_len: 9 };
        assert_eq!(collect(8, |out| pad(&samples, &[1, 2], padding, out)), [1, 2, 1, 2, 1, 2, 1, 2]);
    }
}
