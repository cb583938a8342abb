//! zstd for strings: every string is a frame of its own (RFC 8878) that states its size. A dictionary trained on the
//! first batch is optional.

use std::fmt;
use std::hint::spin_loop;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, compress_bound, get_frame_content_size};

use crate::error::{At, Error, Result};
use crate::format::{ZSTD_DICT, ZSTD_LEVEL};
use crate::io::untrusted::{read_optional, read_text};
use crate::{memory, threads};

/// The largest string, which bounds the memory that a frame can ask for.
const MAX_STRING: usize = 1 << 30;
/// The largest ratio of zstd: a block expands 4 bytes to at most 128 KiB.
const MAX_RATIO: usize = 1 << 15;
/// The largest dictionary; useful ones have some hundred KB.
const MAX_DICT: usize = 4 << 20;
/// A dictionary is trained on this many times its size, and on at least this many strings. Training on more takes
/// longer, and makes frames smaller by less than a hundredth.
const TRAINING_RATIO: usize = 32;
const MIN_TRAINING_STRINGS: usize = 256;
/// Below this many bytes, a second thread costs more time than it saves.
const MIN_PER_THREAD: usize = 64 * 1024;

/// The most zstd contexts that a pool keeps.
const MAX_POOLED: usize = 64;
/// Attempts to lock a pool before a context is made without it, which is slower.
const LOCK_ATTEMPTS: u32 = 100;

/// How to compress strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// The level of zstd: 1 to 22, negative for faster, 0 for its default.
    pub level: i32,
    /// The size in bytes of a dictionary to train on the first batch.
    pub dict_size: Option<usize>,
}

/// Compresses and decompresses the strings of one dataset.
pub(crate) struct Codec {
    level: i32,
    dict: Vec<u8>,
    /// Contexts that have digested the dictionary.
    compressors: ContextPool<Compressor<'static>>,
    decompressors: ContextPool<Decompressor<'static>>,
}

/// Frames one after another, and the bytes of each.
#[derive(Default)]
pub(crate) struct Compressed {
    pub bytes: Vec<u8>,
    pub lengths: Vec<i64>,
}

/// zstd contexts that threads take and give back. No thread waits long for the lock: in a child process that was forked
/// while another thread held it, it is never released. Such a child makes a context for each use.
struct ContextPool<T>(Mutex<Vec<T>>);

impl<T> ContextPool<T> {
    fn take(&self) -> Option<T> {
        self.lock()?.pop()
    }

    fn give_back(&self, context: T) {
        if let Some(mut pooled) = self.lock()
            && pooled.len() < MAX_POOLED
        {
            pooled.push(context);
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, Vec<T>>> {
        (0..LOCK_ATTEMPTS).find_map(|_| self.0.try_lock().map_err(|_| spin_loop()).ok())
    }
}

impl Codec {
    /// The codec that the files in `dir` state; `None` where strings are not compressed.
    pub fn open(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(ZSTD_LEVEL);
        let text = match read_text(&path) {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let level = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
        let level = level.ok_or_else(|| Error::corrupt(path, "this is not a zstd level"))?;
        let dict = read_optional(&dir.join(ZSTD_DICT), MAX_DICT as u64)?.unwrap_or_default();
        Ok(Some(Self::new(level, dict)))
    }

    /// A codec for new strings, with a dictionary trained on them if `compression` asks for one.
    pub fn train(dir: &Path, compression: Compression, strings: &[&[u8]]) -> Result<Self> {
        let range = zstd::compression_level_range();
        if !range.contains(&compression.level) {
            let what = format!("zstd_level must be between {} and {}", range.start(), range.end());
            return Err(Error::Argument { what: format!("{what}, not {}", compression.level) });
        }
        let dict = match compression.dict_size {
            None => Vec::new(),
            Some(size) if size > MAX_DICT => {
                let what = format!("{}: a dictionary can have at most {MAX_DICT} bytes, not {size}", dir.display());
                return Err(Error::Argument { what });
            }
            Some(size) => train_dict(strings, size).map_err(|error| Error::Argument {
                what: format!(
                    "{}: no dictionary of {size} bytes could be trained on the first batch, of {} strings: {error}; \
                     give a larger batch or leave the dictionary out",
                    dir.display(),
                    strings.len()
                ),
            })?,
        };
        Ok(Self::new(compression.level, dict))
    }

    fn new(level: i32, dict: Vec<u8>) -> Self {
        let (compressors, decompressors) = (ContextPool(Mutex::default()), ContextPool(Mutex::default()));
        Self { level, dict, compressors, decompressors }
    }

    /// The level of new frames.
    pub fn level(&self) -> i32 {
        self.level
    }

    /// The dictionary; empty where there is none.
    pub fn dict(&self) -> &[u8] {
        &self.dict
    }

    /// The text files that state how the strings are compressed.
    pub fn texts(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut texts = vec![(ZSTD_LEVEL, self.level.to_string().into_bytes())];
        if !self.dict.is_empty() {
            texts.push((ZSTD_DICT, self.dict.clone()));
        }
        texts
    }

    /// Refuses a dictionary that zstd does not accept.
    pub fn check_dict(&self, dir: &Path) -> Result<()> {
        let accepted = Compressor::with_dictionary(self.level, &self.dict).map(drop);
        let accepted = accepted.and_then(|()| Decompressor::with_dictionary(&self.dict).map(drop));
        accepted.map_err(|error| Error::corrupt(dir.join(ZSTD_DICT), format!("this is not a zstd dictionary: {error}")))
    }

    /// Compresses each string to one frame, on all cores; returns what each of them made.
    pub fn compress(&self, dir: &Path, strings: &[&[u8]]) -> Result<Vec<Compressed>> {
        if let Some(index) = strings.iter().position(|string| string.len() > MAX_STRING) {
            let what = format!("{}: string {index} of the batch has more than {MAX_STRING} bytes", dir.display());
            return Err(Error::Argument { what });
        }
        let threads = threads::available().min(total(strings) / MIN_PER_THREAD + 1);
        let share = strings.len().div_ceil(threads).max(1);
        let mut parts: Vec<_> = strings.chunks(share).map(|part| (part, Ok(Compressed::default()))).collect();
        threads::for_each(parts.iter_mut().collect(), threads, |(part, made)| *made = self.compress_part(part));
        let compressed: io::Result<_> = parts.into_iter().map(|(_, made)| made).collect();
        compressed.or_else(|error| {
            if self.is_refused(&error) {
                return Err(memory::refused(dir));
            }
            self.check_dict(dir)?;
            Err(error).at(dir)
        })
    }

    fn compress_part(&self, strings: &[&[u8]]) -> io::Result<Compressed> {
        let mut compressor = self.compressors.take().map_or_else(|| self.compressor(), Ok)?;
        let (mut compressed, mut frame) = (Compressed::default(), Vec::new());
        for string in strings {
            frame.clear();
            frame.try_reserve(compress_bound(string.len()))?;
            let len = compressor.compress_to_buffer(string, &mut frame)?;
            compressed.bytes.try_reserve(len)?;
            compressed.bytes.extend_from_slice(&frame);
            compressed.lengths.push(len as i64);
        }
        self.compressors.give_back(compressor);
        Ok(compressed)
    }

    fn compressor(&self) -> io::Result<Compressor<'static>> {
        let mut compressor = Compressor::with_dictionary(self.level, &self.dict)?;
        // Otherwise, a dictionary that was truncated or replaced would silently give other texts.
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(compressor)
    }

    /// The size that the beginning of a frame states.
    pub fn stated_size(frame: &[u8]) -> Option<usize> {
        usize::try_from(get_frame_content_size(frame).ok()??).ok()
    }

    /// The size that a frame states, if zstd can have compressed that much to it.
    pub fn size_of(frame: &[u8]) -> Option<usize> {
        let size = Self::stated_size(frame)?;
        (size <= MAX_STRING && size <= frame.len().saturating_mul(MAX_RATIO)).then_some(size)
    }

    /// The string in a frame; `None` where it is not a frame, or states no size or an absurd one.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`].
    pub fn decompress(&self, frame: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let Some(size) = Self::size_of(frame) else { return Ok(None) };
        let mut string = Vec::new();
        string.try_reserve_exact(size)?;
        match self.decompress_to(frame, &mut string) {
            Ok(written) => Ok((written == size).then_some(string)),
            Err(error) if self.is_refused(&error) => Err(io::ErrorKind::OutOfMemory.into()),
            Err(_) => Ok(None),
        }
    }

    /// Whether memory was refused. zstd says so, too, of a dictionary that it cannot digest.
    fn is_refused(&self, error: &io::Error) -> bool {
        let works = |codec: &Self| codec.check_dict(Path::new("")).is_ok();
        let is_dict_at_fault = || !works(self) && works(&Self::new(self.level, Vec::new()));
        error.kind() == io::ErrorKind::OutOfMemory || (memory::is_refused(error) && !is_dict_at_fault())
    }

    fn decompress_to(&self, frame: &[u8], string: &mut Vec<u8>) -> io::Result<usize> {
        let pooled = self.decompressors.take();
        let mut decompressor = pooled.map_or_else(|| Decompressor::with_dictionary(&self.dict), Ok)?;
        let written = decompressor.decompress_to_buffer(frame, string)?;
        self.decompressors.give_back(decompressor);
        Ok(written)
    }
}

/// A dictionary trained on a sample of `strings`, or on all of them where the sample does not suffice.
fn train_dict(strings: &[&[u8]], size: usize) -> io::Result<Vec<u8>> {
    let enough = size.saturating_mul(TRAINING_RATIO).max(1);
    let step = total(strings).div_ceil(enough).min(strings.len() / MIN_TRAINING_STRINGS).max(1);
    let sample: Vec<&[u8]> = strings.iter().step_by(step).copied().collect();
    zstd::dict::from_samples(&sample, size).or_else(|_| zstd::dict::from_samples(strings, size))
}

fn total(strings: &[&[u8]]) -> usize {
    strings.iter().map(|string| string.len()).sum()
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("level", &self.level)
            .field("dict_bytes", &self.dict.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_never_released_does_not_block_the_codec() -> Result<()> {
        let codec = Codec::new(3, Vec::new());
        let _held = (codec.compressors.0.lock(), codec.decompressors.0.lock());
        let made = codec.compress(Path::new("text"), &[b"some text"])?;
        assert_eq!(codec.decompress(&made[0].bytes).unwrap().as_deref(), Some(&b"some text"[..]));
        Ok(())
    }

    #[test]
    fn pooled_contexts_do_not_pile_up() {
        let pool = ContextPool(Mutex::default());
        (0..2 * MAX_POOLED).for_each(|context| pool.give_back(context));
        assert_eq!((0..2 * MAX_POOLED).filter_map(|_| pool.take()).count(), MAX_POOLED);
    }
}
