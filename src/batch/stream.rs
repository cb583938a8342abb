//! Copies past the caches, for batches that do not fit into them: an ordinary store first reads the line that it writes to.

use super::{Out, copy_into};
use crate::io::mapping::is_resident;

/// Batches that few caches keep until somebody reads them. Measured: images of 150 kB into 38 MB take 0.45 of the time of
/// `memcpy` for each on one thread, 0.55 on two.
const MIN_BATCH: usize = 32 << 20;
/// Copies that are worth the fence at their end.
#[cfg(target_arch = "x86_64")]
const MIN_COPY: usize = 4096;

/// Whether a batch in `out` is copied past the caches. Fresh pages do not gain by it: the kernel has just cleared them, so their
/// lines are in the caches.
pub(super) fn pays(out: &Out) -> bool {
    cfg!(target_arch = "x86_64") && out.len() >= MIN_BATCH && is_resident(&out[out.len() / 2..])
}

/// Copies `bytes` into `out`, which has the same length.
#[cfg(target_arch = "x86_64")]
#[expect(clippy::cast_ptr_alignment, reason = "loads may be unaligned, and the stores are aligned")]
pub(super) fn copy_streaming(out: &mut Out, bytes: &[u8]) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
    /// A line of the cache.
    const LINE: usize = 64;

    assert_eq!(out.len(), bytes.len());
    if out.len() < MIN_COPY {
        return copy_into(out, bytes);
    }
    let head = out.as_ptr().align_offset(LINE);
    let ((first_out, out), (first, bytes)) = (out.split_at_mut(head), bytes.split_at(head));
    copy_into(first_out, first);
    let (mut lines, mut line_outs) = (bytes.chunks_exact(LINE), out.chunks_exact_mut(LINE));
    for (line, line_out) in lines.by_ref().zip(line_outs.by_ref()) {
        let (from, to) = (line.as_ptr().cast::<__m128i>(), line_out.as_mut_ptr().cast::<__m128i>());
        for part in 0..LINE / size_of::<__m128i>() {
            // SAFETY: both lines have room for all parts, and `to` begins where a line of the cache does.
            unsafe { _mm_stream_si128(to.add(part), _mm_loadu_si128(from.add(part))) }
        }
    }
    copy_into(line_outs.into_remainder(), lines.remainder());
    // SAFETY: every x86-64 has it. It orders these stores before those that tell another thread of them.
    unsafe { _mm_sfence() }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn copy_streaming(out: &mut Out, bytes: &[u8]) {
    copy_into(out, bytes);
}

#[cfg(test)]
mod tests {
    use super::super::gather::tests::collect;
    use super::*;

    #[test]
    fn every_byte_is_copied_at_every_alignment() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|byte| (byte % 251) as u8).collect();
        for (start, len) in (0..70).flat_map(|start| [0, 1, 4095, 4096, 4097, 9000].map(|len| (start, len))) {
            let source = &bytes[start..start + len];
            let mut expected = vec![0xAA; start];
            expected.extend_from_slice(source);
            assert_eq!(collect(start + len, |out| copy_streaming(&mut out[start..], source)), expected);
        }
    }
}
