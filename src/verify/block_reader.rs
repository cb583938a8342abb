//! Reads files block by block, without mapping them: if another program truncates the file, the read fails with an
//! error instead of `SIGBUS`.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::error::Result;
use crate::io::untrusted::{open_member, read_at, skip_hole};

/// The bytes of a block.
pub(super) const BLOCK: usize = 256 << 10;

/// A file that is read mostly from its beginning to its end.
pub(super) struct BlockReader {
    file: File,
    buffer: Vec<u8>,
    /// The range of the file that the buffer holds.
    held: Range<u64>,
}

impl BlockReader {
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { file: open_member(path, false)?, buffer: Vec::new(), held: 0..0 })
    }

    /// The bytes in `range`, which has at most [`BLOCK`] bytes and does not reach beyond `limit`.
    pub fn bytes(&mut self, range: Range<u64>, limit: u64) -> io::Result<&[u8]> {
        if range.start < self.held.start || range.end > self.held.end {
            self.fill(&range, limit)?;
        }
        let start = usize::try_from(range.start - self.held.start).unwrap_or(usize::MAX);
        let len = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        self.buffer.get(start..start.saturating_add(len)).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads a whole block if the range follows the last one, and only the range otherwise.
    fn fill(&mut self, range: &Range<u64>, limit: u64) -> io::Result<()> {
        let follows = (self.held.start..=self.held.end).contains(&range.start);
        let end = if follows { limit.min(range.start.saturating_add(BLOCK as u64)) } else { range.end };
        let end = end.max(range.end);
        self.buffer.resize(usize::try_from(end - range.start).unwrap_or(0).min(BLOCK), 0);
        self.held = 0..0;
        read_at(&self.file, range.start, &mut self.buffer)?;
        self.held = range.start..range.start + self.buffer.len() as u64;
        Ok(())
    }

    /// The 8-byte value at `row` of a file that has `rows`.
    pub fn value(&mut self, row: u64, rows: u64) -> io::Result<i64> {
        let bytes = self.bytes(row * 8..row * 8 + 8, rows * 8)?;
        Ok(bytes.try_into().map_or(0, i64::from_le_bytes))
    }

    /// The first byte from `offset` on that is not in a hole.
    pub fn skip_hole(&self, offset: u64) -> u64 {
        skip_hole(&self.file, offset)
    }
}
