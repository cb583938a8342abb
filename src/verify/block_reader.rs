//! Reading files piece by piece, without mapping them: a file that is cut short meanwhile is an error, not a signal.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::error::Result;
use crate::io::untrusted::{open_member, read_at, skip_hole};

/// Bytes that are read at once.
pub(super) const BLOCK: usize = 256 << 10;

/// A file that is read from its beginning to its end, mostly.
pub(super) struct BlockReader {
    file: File,
    buffer: Vec<u8>,
    /// What the buffer holds.
    held: Range<u64>,
}

impl BlockReader {
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { file: open_member(path, false)?, buffer: Vec::new(), held: 0..0 })
    }

    /// The bytes in `range`, which must be at most [`BLOCK`] long, and end at `limit` or before.
    pub fn bytes(&mut self, range: Range<u64>, limit: u64) -> io::Result<&[u8]> {
        if range.start < self.held.start || range.end > self.held.end {
            self.fill(&range, limit)?;
        }
        let start = usize::try_from(range.start - self.held.start).unwrap_or(usize::MAX);
        let len = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        self.buffer.get(start..start.saturating_add(len)).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads ahead where the last bytes are left behind; no more than is asked for where they are jumped over.
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

    /// The 8-byte value at `row`, of a file of `rows`.
    pub fn value(&mut self, row: u64, rows: u64) -> io::Result<i64> {
        let bytes = self.bytes(row * 8..row * 8 + 8, rows * 8)?;
        Ok(bytes.try_into().map_or(0, i64::from_le_bytes))
    }

    /// The first byte from `offset` on that is not known to be zero.
    pub fn skip_hole(&self, offset: u64) -> u64 {
        skip_hole(&self.file, offset)
    }
}
