//! Checks that strings are UTF-8, or zstd frames of UTF-8.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::block_reader::{BLOCK, BlockReader};
use super::report::{Flaw, UNREADABLE};
use crate::compression::Codec;
use crate::error::Result;
use crate::format::DATA;
use crate::memory;

/// An upper bound for the frame of the longest string.
const MAX_FRAME: u64 = (1 << 30) + (1 << 23);
/// Bytes that may be read again for overlapping strings, in addition to the size of the data.
const MAX_REREAD: u64 = 64 << 20;

const INVALID_FRAME: &str = "the string is not a zstd frame that decompresses to the size it states";

/// Reads and checks strings.
pub(super) struct StringChecker {
    input: BlockReader,
    codec: Option<Codec>,
    size: u64,
    /// The end of the bytes that were read.
    end: u64,
    /// Bytes that were read more than once.
    reread: u64,
}

impl StringChecker {
    /// A checker for the strings in `dir`, of `size` committed bytes.
    pub fn open(dir: &Path, codec: Option<Codec>, size: u64) -> Result<Self> {
        Ok(Self { input: BlockReader::open(&dir.join(DATA))?, codec, size, end: 0, reread: 0 })
    }

    /// Checks the string in `range`, and returns its flaw, if any.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where the memory for it was refused, which tells nothing about the string.
    pub fn check(&mut self, range: &Range<u64>) -> io::Result<Option<Flaw>> {
        let flaw =
            |offset, what, detail| Ok(Some(Flaw { file: PathBuf::from(DATA), offset: Some(offset), what, detail }));
        self.reread += range.end.min(self.end).saturating_sub(range.start);
        self.end = self.end.max(range.end);
        if self.reread > self.size.saturating_add(MAX_REREAD) {
            return flaw(range.start, "the string was not read, since too many strings overlap", String::new());
        }
        if self.codec.is_some() {
            let found = self.check_frame(range)?;
            return found.map_or(Ok(None), |(what, detail)| flaw(range.start, what, detail));
        }
        match self.find_invalid(range) {
            Ok(None) => Ok(None),
            Err(error) if memory::is_refused(&error) => Err(error),
            Ok(Some(offset)) => flaw(offset, "the string is not UTF-8", String::new()),
            Err(error) => flaw(range.start, UNREADABLE, error.to_string()),
        }
    }

    /// The offset of the first byte that is not UTF-8.
    fn find_invalid(&mut self, range: &Range<u64>) -> io::Result<Option<u64>> {
        let mut at = range.start;
        while at < range.end {
            if range.end - at > BLOCK as u64 {
                at = self.input.skip_hole(at).clamp(at, range.end);
            }
            let end = range.end.min(at + BLOCK as u64);
            let bytes = self.input.bytes(at..end, self.size)?;
            at = match std::str::from_utf8(bytes) {
                Ok(_) => end,
                Err(error) if error.error_len().is_none() && end < range.end => at + error.valid_up_to() as u64,
                Err(error) => return Ok(Some(at + error.valid_up_to() as u64)),
            };
        }
        Ok(None)
    }

    fn check_frame(&mut self, range: &Range<u64>) -> io::Result<Option<(&'static str, String)>> {
        let frame = match self.frame(range) {
            Ok(frame) => frame,
            Err(error) if memory::is_refused(&error) => return Err(error),
            Err(error) => return Ok(Some((UNREADABLE, error.to_string()))),
        };
        let decompressed = self.codec.as_ref().map_or(Ok(None), |codec| codec.decompress(&frame))?;
        let Some(string) = decompressed else { return Ok(Some((INVALID_FRAME, String::new()))) };
        let is_invalid = std::str::from_utf8(&string).is_err();
        Ok(is_invalid.then(|| ("the string decompresses to bytes that are not UTF-8", String::new())))
    }

    /// Reads a frame, or only its first block if that does not state a size.
    fn frame(&mut self, range: &Range<u64>) -> io::Result<Vec<u8>> {
        let len = range.end - range.start;
        if len > MAX_FRAME {
            return Err(io::Error::other("the frame is longer than that of any string"));
        }
        let mut frame = Vec::new();
        frame.try_reserve_exact(usize::try_from(len).unwrap_or(usize::MAX))?;
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min(at + BLOCK as u64);
            frame.extend_from_slice(self.input.bytes(at..end, self.size)?);
            if at == range.start && Codec::stated_size(&frame).is_none() {
                break;
            }
            at = end;
        }
        Ok(frame)
    }
}
