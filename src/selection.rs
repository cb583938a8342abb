//! Samples chosen from another dataset: in blocks, which bound the memory, and in runs of bytes, which the kernel copies.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use crate::error::{Error, Result};
use crate::io::advice::{PrefetchPolicy, advise_will_need};
use crate::io::mapping::{Mode, Region};
use crate::txn::{Chunk, Source};

/// Samples whose offsets are in memory at once.
const MAX_SAMPLES: usize = 1 << 16;
/// Bytes of samples that are prefetched, or converted, at once. A larger sample is alone.
const MAX_BYTES: u64 = 32 << 20;

/// Checks that all `indices` are those of `len` samples.
///
/// # Errors
/// What `absent` makes of the first that is not.
pub(crate) fn check_indices(
    mut indices: impl Iterator<Item = usize>,
    len: usize,
    absent: impl Fn(i64) -> Error,
) -> Result<()> {
    indices.find(|&index| index >= len).map_or(Ok(()), |index| Err(absent(index as i64)))
}

/// Calls `act` with one block of `indices` after another. `size` is the number of bytes of a sample; `prepare` is called
/// before the sizes of many samples are asked for.
pub(crate) fn for_each_block(
    indices: impl Iterator<Item = usize>,
    prepare: impl Fn(&[usize]),
    size: impl Fn(usize) -> Result<u64>,
    mut act: impl FnMut(&[usize]) -> Result<()>,
) -> Result<()> {
    let mut indices = indices.fuse();
    loop {
        let chosen: Vec<usize> = indices.by_ref().take(MAX_SAMPLES).collect();
        if chosen.is_empty() {
            return Ok(());
        }
        prepare(&chosen);
        let mut rest = &chosen[..];
        while !rest.is_empty() {
            let (block, others) = rest.split_at(len_of_block(rest, &size)?);
            act(block)?;
            rest = others;
        }
    }
}

/// The number of samples in the first block of `indices`.
fn len_of_block(indices: &[usize], size: impl Fn(usize) -> Result<u64>) -> Result<usize> {
    let mut bytes = 0_u64;
    for (place, &index) in indices.iter().enumerate() {
        bytes = bytes.saturating_add(size(index)?);
        if bytes > MAX_BYTES && place > 0 {
            return Ok(place);
        }
    }
    Ok(indices.len())
}

/// The mapped data of a dataset, and the file that holds it.
pub(crate) struct MappedFile {
    region: Region,
    file: Option<File>,
}

impl MappedFile {
    /// Opens the file at `path` that `region` shows. Without it, bytes are copied from memory: where another file has
    /// replaced it, or where `mode` allows changes that are in memory alone.
    pub fn open(region: &Region, path: &Path, mode: Mode) -> Self {
        let file = if mode == Mode::CopyOnWrite { None } else { region.reopen(path) };
        Self { region: region.clone(), file }
    }

    /// `pieces` of the region, one after another. Those that lie one after another in the file too are one chunk.
    pub fn runs<'a>(&'a self, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Chunk<'a>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for range in pieces.map(|piece| self.region.range_of(piece)).filter(|range| !range.is_empty()) {
            match runs.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => runs.push(range),
            }
        }
        let chunk = |range: Range<usize>| {
            let offset = range.start as u64;
            let bytes = &self.region.bytes()[range];
            self.file
                .as_ref()
                .map_or_else(|| bytes.into(), |file| Chunk::Mapped { bytes, source: Source { file, offset } })
        };
        runs.into_iter().map(chunk).collect()
    }

    /// Asks the kernel to read `pieces`, if they are not in memory.
    pub fn prefetch<'a>(&self, pieces: impl DoubleEndedIterator<Item = &'a [u8]> + Clone) {
        let last = || pieces.clone().next_back().map(|piece| self.region.range_of(piece));
        if PrefetchPolicy::IfCold.is_due(&self.region, last) {
            advise_will_need(&[self.region.bytes()], pieces.map(|piece| self.region.range_of(piece)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the blocks of samples of these sizes.
    fn blocks(sizes: &[u64]) -> Vec<usize> {
        let mut found = Vec::new();
        let act = |block: &[usize]| {
            found.push(block.len());
            Ok(())
        };
        for_each_block(0..sizes.len(), |_| (), |index| Ok(sizes[index]), act).unwrap();
        found
    }

    #[test]
    fn samples_are_few_at_once() {
        let mib = 1 << 20;
        let mut sizes = vec![mib; 40];
        sizes.extend([80 * mib, 1, u64::MAX, u64::MAX]);
        assert_eq!(blocks(&sizes), [32, 8, 1, 1, 1, 1]);
        assert_eq!(blocks(&vec![1; MAX_SAMPLES + 3]), [MAX_SAMPLES, 3]);
        assert_eq!(blocks(&[]), [0; 0]);
    }

    #[test]
    fn pieces_that_lie_one_after_another_are_one_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        std::fs::write(&path, b"0123456789").unwrap();
        let region = Region::open(&Mode::ReadOnly.open(&path).unwrap(), Mode::ReadOnly, 10).unwrap();
        for mode in [Mode::ReadOnly, Mode::CopyOnWrite] {
            let data = MappedFile::open(&region, &path, mode);
            let piece = |range: Range<usize>| &region.bytes()[range];
            let pieces = [piece(2..4), piece(4..4), piece(4..7), piece(7..8), piece(7..8), piece(0..1), piece(9..9)];
            let runs = data.runs(pieces.into_iter());
            let found: Vec<_> = runs.iter().map(|run| Chunk::concat(&[run.reborrow()])).collect();
            assert_eq!(found, [&b"234567"[..], b"7", b"0"]);
            let are_in_file = runs.iter().all(|run| matches!(run, Chunk::Mapped { .. }));
            assert_eq!(are_in_file, mode == Mode::ReadOnly);
        }
    }
}
