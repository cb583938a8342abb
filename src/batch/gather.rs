//! Batches: many samples copied into one array. Bytes and item sizes only, so that no dtype needs code of its own.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use crate::error::{Error, Result};
use crate::sample::Sample;

/// Bytes that make another thread worth starting.
const PER_THREAD: usize = 4 << 20;

/// The processor fetches the beginning of a sample while it copies so many before it.
const AHEAD: usize = 6;
/// Lines of the cache that it fetches of each.
const LINES: usize = 8;

/// Memory that a batch is written to.
pub(crate) type Out = [MaybeUninit<u8>];

/// Where a sample that is smaller than its place lies in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaddingSide {
    /// The padding comes after the elements of every axis.
    #[default]
    Right,
    /// The padding comes before them.
    Left,
}

/// What to fill the places of a batch with that no element goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Padding<'a> {
    /// One element.
    pub value: &'a [u8],
    pub side: PaddingSide,
    /// Entries of every axis that are kept at most.
    pub max_len: usize,
}

/// What a padded batch will look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaddedPlan {
    /// Axes of one sample's block: the longest of each.
    pub shape: Vec<usize>,
    /// Axes of every sample, one after another, as far as they fit.
    pub lengths: Vec<i64>,
}

impl PaddedPlan {
    /// The plan for samples that all have `rank` axes, none of which is to be longer than `max_length`.
    ///
    /// # Errors
    /// The place of the first sample that has another number of axes.
    pub fn new(samples: &[Sample], rank: usize, max_length: Option<usize>) -> Result<Self, usize> {
        let max_len = max_length.map_or(i64::MAX, |max| i64::try_from(max).unwrap_or(i64::MAX));
        let mut plan = Self { shape: vec![0; rank], lengths: Vec::with_capacity(samples.len() * rank) };
        for (place, sample) in samples.iter().enumerate() {
            if sample.shape.len() != rank {
                return Err(place);
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

/// Where the pieces of a batch begin and end: one more number than there are pieces, the first of them 0.
pub(crate) fn arrow_offsets(lengths: impl Iterator<Item = usize>) -> Vec<i64> {
    let ends = lengths.scan(0_i64, |end, length| {
        *end += length as i64;
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

/// Bytes of all pieces; `None` where no memory holds them: pieces of a stranger's file may overlap without end.
pub(crate) fn total_len(mut lengths: impl Iterator<Item = usize>) -> Option<usize> {
    lengths.try_fold(0_usize, usize::checked_add).filter(|&total| isize::try_from(total).is_ok())
}

/// `len` bytes, all of which `write` writes, or an error where no memory holds them.
pub(crate) fn init_vec(dir: &Path, len: Option<usize>, write: impl FnOnce(&mut Out)) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let reserved = len.is_some_and(|len| bytes.try_reserve_exact(len).is_ok());
    let Some(len) = len.filter(|_| reserved) else {
        return Err(Error::Io { path: dir.to_owned(), source: ErrorKind::OutOfMemory.into() });
    };
    write(&mut bytes.spare_capacity_mut()[..len]);
    // SAFETY: so many bytes have been reserved, and all of them were written.
    unsafe { bytes.set_len(len) };
    Ok(bytes)
}

/// Copies `pieces` one after another; `out` has the size of all of them.
pub(crate) fn concatenate(pieces: &[&[u8]], out: &mut Out) {
    let share = out.len().div_ceil(threads_for(out.len())).max(1);
    thread::scope(|scope| {
        let (mut pieces, mut out) = (pieces, out);
        while out.len() > share {
            let (count, bytes) = up_to(pieces, share);
            let (mine, others) = pieces.split_at(count);
            let (place, rest) = out.split_at_mut(bytes);
            scope.spawn(move || concatenate_here(mine, place));
            (pieces, out) = (others, rest);
        }
        concatenate_here(pieces, out);
    });
}

fn concatenate_here(pieces: &[&[u8]], mut out: &mut Out) {
    for (index, piece) in pieces.iter().enumerate() {
        if let Some(next) = pieces.get(index + AHEAD) {
            prefetch_lines(next);
        }
        let (place, rest) = out.split_at_mut(piece.len());
        copy_into(place, piece);
        out = rest;
    }
}

/// So many pieces as make up at least `share` bytes, and their size.
fn up_to(pieces: &[&[u8]], share: usize) -> (usize, usize) {
    let mut bytes = 0;
    for (count, piece) in pieces.iter().enumerate() {
        bytes += piece.len();
        if bytes >= share {
            return (count + 1, bytes);
        }
    }
    (pieces.len(), bytes)
}

/// Lays out samples of one rank in blocks of `shape`, cut where they are larger; `out` holds one block a sample.
pub(crate) fn pad(samples: &[Sample], shape: &[usize], padding: Padding, out: &mut Out) {
    if out.is_empty() {
        return;
    }
    let block = out.len() / samples.len();
    let count = samples.len().div_ceil(threads_for(out.len())).max(1);
    thread::scope(|scope| {
        let mut parts = samples.chunks(count).zip(out.chunks_mut(count * block));
        let first = parts.next();
        for (samples, out) in parts {
            scope.spawn(move || pad_here(samples, shape, padding, out));
        }
        if let Some((samples, out)) = first {
            pad_here(samples, shape, padding, out);
        }
    });
}

fn pad_here(samples: &[Sample], shape: &[usize], padding: Padding, out: &mut Out) {
    let block = out.len() / samples.len();
    for (index, (sample, place)) in samples.iter().zip(out.chunks_exact_mut(block)).enumerate() {
        if let Some(next) = samples.get(index + AHEAD) {
            prefetch_lines(next.bytes);
        }
        pad_axis(sample.bytes, sample.shape, shape, padding, place);
    }
}

/// One axis of one sample: as many of its rows as fit, each padded along the axes below, and rows of padding.
fn pad_axis(bytes: &[u8], axes: &[i64], shape: &[usize], padding: Padding, out: &mut Out) {
    let (Some((&length, inner_axes)), Some((&room, inner_shape))) = (axes.split_first(), shape.split_first()) else {
        return copy_into(out, bytes);
    };
    let rows = usize::try_from(length).unwrap_or(0);
    let (kept, place) = (rows.min(room).min(padding.max_len), out.len() / room);
    let source = bytes.len().checked_div(rows).unwrap_or(0);
    let gap = (room - kept) * place;
    let (elements, rest) = match padding.side {
        PaddingSide::Right => out.split_at_mut(kept * place),
        PaddingSide::Left => {
            let (before, after) = out.split_at_mut(gap);
            (after, before)
        }
    };
    fill(rest, padding.value);
    if is_whole(inner_axes, inner_shape, padding.max_len) {
        copy_into(elements, &bytes[..elements.len()]);
    } else if kept > 0 {
        for (row, place) in elements.chunks_exact_mut(place).enumerate() {
            pad_axis(&bytes[row * source..(row + 1) * source], inner_axes, inner_shape, padding, place);
        }
    }
}

/// Whether the axes below are as long as their places and lose nothing, so that their elements lie in a row in both.
fn is_whole(axes: &[i64], shape: &[usize], max_len: usize) -> bool {
    axes.iter().zip(shape).all(|(&axis, &room)| usize::try_from(axis) == Ok(room) && room <= max_len)
}

/// Repeats one element.
fn fill(out: &mut Out, value: &[u8]) {
    if let Some((&first, rest)) = value.split_first()
        && rest.iter().all(|&byte| byte == first)
    {
        return out.fill(MaybeUninit::new(first));
    }
    for place in out.chunks_exact_mut(value.len()) {
        copy_into(place, value);
    }
}

/// Lets the processor fetch the beginning of `bytes`, which lie anywhere in memory; it follows the rest by itself.
#[inline]
fn prefetch_lines(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64).take(LINES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: fetching a line into the cache has no effect that a program sees, and the line is there.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Copies `bytes` to a place of the same size.
fn copy_into(place: &mut Out, bytes: &[u8]) {
    assert_eq!(place.len(), bytes.len());
    // SAFETY: both are `bytes.len()` long, and a mutable reference overlaps nothing.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place.as_mut_ptr().cast(), bytes.len()) }
}

/// Threads that pay for copying so many bytes. They are started anew for each batch: a pool would not survive the
/// fork of a data loader's workers.
fn threads_for(bytes: usize) -> usize {
    let useful = bytes / PER_THREAD;
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
    fn a_large_batch_is_the_same_as_a_small_one() {
        let pieces: Vec<Vec<u8>> = (0..50_u8).map(|i| vec![i; usize::from(i) * 9_973]).collect();
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let len = pieces.iter().map(|piece| piece.len()).sum();
        assert!(threads_for(len) <= len / PER_THREAD + 1);
        assert_eq!(collect(len, |out| concatenate(&pieces, out)), pieces.concat());
    }

    #[test]
    fn axes_are_padded_and_cut_on_the_side_that_is_asked_for() {
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
