//! Copies many samples one after another. It knows only bytes and item sizes, so that no dtype needs code of its own.

use std::path::Path;

use super::Out;
use super::cast::Cast;
use crate::error::Result;
use crate::io::advice::prefetch_line;
use crate::{memory, threads};

/// Bytes of a batch that are worth another thread. Measured on two cores: two threads take 0.95 of the time of one for 5 MB,
/// 0.75 for 9 MB, 0.55 for 37 MB, and, where other processes use both cores, 1.2 for 5 MB, 1.0 from 18 MB on.
const MIN_PER_THREAD: usize = 4 << 20;
/// The fewest bytes that a thread copies before it takes the next ones.
const MIN_JOB: usize = 1 << 20;
/// The jobs of each thread: where the system gives some threads less time, others do more.
const JOBS_PER_THREAD: usize = 4;

/// How many samples ahead of the copy the processor prefetches.
pub(super) const PREFETCH_DISTANCE: usize = 6;
/// Cache lines that it prefetches of each sample.
const PREFETCH_LINES: usize = 8;

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

/// The bytes of all pieces after a cast; `None` where they cannot fit into memory. The samples of an untrusted file may
/// overlap any number of times.
pub(crate) fn total_len(mut lengths: impl Iterator<Item = usize>, cast: Cast) -> Option<usize> {
    let total = cast.size_of(lengths.try_fold(0_usize, usize::checked_add)?)?;
    (isize::try_from(total).is_ok()).then_some(total)
}

/// Allocates `len` bytes, and lets `write` initialize all of them.
///
/// # Errors
/// [`Error::Io`] where `len` is `None`, or the memory cannot be allocated.
pub(crate) fn init_vec(dir: &Path, len: Option<usize>, write: impl FnOnce(&mut Out)) -> Result<Vec<u8>> {
    let len = len.ok_or_else(|| memory::refused(dir))?;
    let mut bytes = memory::with_room(dir, len)?;
    memory::request_huge_pages(bytes.spare_capacity_mut());
    write(&mut bytes.spare_capacity_mut()[..len]);
    // SAFETY: `len` bytes were reserved, and `write` has initialized all of them.
    unsafe { bytes.set_len(len) };
    Ok(bytes)
}

/// Copies `pieces` one after another into `out`, which has their total length after the cast.
pub(crate) fn concatenate(pieces: &[&[u8]], cast: Cast, out: &mut Out) {
    let (threads, cast) = (threads_for(out.len()), cast.suited_to(out));
    if threads == 1 {
        return concatenate_here(pieces, cast, out);
    }
    let job = job_size(out.len(), threads);
    let (mut pieces, mut out, mut jobs) = (pieces, out, Vec::new());
    while out.len() > job {
        let (count, bytes) = take_share(pieces, cast.source_size(job));
        let (mine, others) = pieces.split_at(count);
        let (target, rest) = out.split_at_mut(cast.size_of(bytes).unwrap_or(usize::MAX));
        jobs.push((mine, target));
        (pieces, out) = (others, rest);
    }
    jobs.push((pieces, out));
    threads::for_each(jobs, threads, |(pieces, target)| concatenate_here(pieces, cast, target));
}

fn concatenate_here(pieces: &[&[u8]], cast: Cast, mut out: &mut Out) {
    for (index, piece) in pieces.iter().enumerate() {
        if let Some(next) = pieces.get(index + PREFETCH_DISTANCE) {
            prefetch_lines(next);
        }
        let (target, rest) = out.split_at_mut(cast.size_of(piece.len()).unwrap_or(usize::MAX));
        cast.copy(target, piece);
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

/// Lets the processor prefetch the beginning of `bytes`; its own prefetcher follows with the rest.
#[inline]
pub(crate) fn prefetch_lines(bytes: &[u8]) {
    bytes.chunks(64).take(PREFETCH_LINES).for_each(|line| prefetch_line(line.as_ptr()));
}

/// The number of threads to copy `bytes` with. Every batch starts its own, since a thread pool would not survive the
/// fork of a data loader's workers.
pub(super) fn threads_for(bytes: usize) -> usize {
    let useful = bytes / MIN_PER_THREAD;
    if useful < 2 { 1 } else { threads::available().min(useful) }
}

/// The bytes to copy in one job. Jobs grow with the batch, so that threads write far from each other: of two that touch one
/// fresh huge page at the same time, both clear one.
pub(super) fn job_size(bytes: usize, threads: usize) -> usize {
    MIN_JOB.max(bytes / (threads * JOBS_PER_THREAD))
}

#[cfg(test)]
pub(super) mod tests {
    use std::mem::MaybeUninit;

    use super::*;

    pub(in crate::batch) fn collect(len: usize, write: impl FnOnce(&mut Out)) -> Vec<u8> {
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
        assert_eq!(collect(len, |out| concatenate(&pieces, Cast::none(1), out)), pieces.concat());
    }
}
