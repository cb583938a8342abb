//! Writing an index.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::Instant;

use super::{check, covered_sums, hash_of};
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use crate::format::index::{Entry, Header, PER_PAGE};
use crate::format::{DATA, INDEX};
use crate::io::mapping::Access;
use crate::io::untrusted::open_member;
use crate::memory;
use crate::options::Options;
use crate::paths::absolute;
use crate::schema::no_dataset;
use crate::strings::View;
use crate::txn::{DirLock, StagedFile, await_next_tick, replace_file_with, time_of};

/// Entries of 16 bytes that are sorted at once. More texts are read several times.
const ENTRIES_AT_ONCE: usize = 16 << 20;
/// Texts that are hashed between two checks for a cancellation.
const TEXTS_AT_ONCE: usize = 1 << 14;
/// Bytes of pages that are written at once.
const BYTES_AT_ONCE: usize = 1 << 20;

/// Writes `index.ninja` into the strings in `dir`: an index by which [`Strings::index_of`](crate::Strings::index_of) finds
/// a text, or that it is absent, by looking at a few pages, however many texts there are.
///
/// It takes 15.1 bytes a text on disk. Lookups map it, and hold nothing in memory. Building it takes at most 256 MiB of
/// memory; more than 16 million texts are read several times. Appends and assignments of this crate wait meanwhile.
///
/// Texts that are appended later are compared one by one until the index is written again. An assignment to a text ends
/// the use of the index, and rewriting the dataset removes it. What other programs write is noticed: an index that does not
/// fit the texts is not used.
///
/// ```
/// use mmap_ninja::{Mode, Strings};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("names");
/// Strings::create(&path, None, &["a.jpg", "b.jpg"])?;
/// mmap_ninja::write_index(&path)?;
/// assert_eq!(Strings::open(&path, Mode::ReadOnly)?.index_of("b.jpg", ..)?, Some(1));
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
///
/// # Errors
/// [`Error::WrongKind`]; [`Error::Corrupt`]; [`Error::Busy`] also where others overwrite texts meanwhile; [`Error::Io`],
/// also where there is no dataset. Then nothing has changed.
pub fn write_index(dir: impl AsRef<Path>) -> Result<()> {
    write_index_with(dir, &Options::default())
}

/// As [`write_index`], with options, of which it uses the names, the timeout, the locking and the cancellation.
///
/// # Errors
/// As [`write_index`]; [`Error::Interrupted`]; [`Error::Argument`] where the names are not valid.
pub fn write_index_with(dir: impl AsRef<Path>, options: &Options) -> Result<()> {
    write(dir.as_ref(), options, ENTRIES_AT_ONCE)
}

pub(super) fn write(dir: &Path, options: &Options, at_once: usize) -> Result<()> {
    options.names.check()?;
    let (dir, begun) = (absolute(dir)?, Instant::now());
    let _lock = DirLock::acquire(&dir, options)?.ok_or_else(|| no_dataset(&dir))?;
    let view = View::open(&dir, options, None)?;
    if !view.exists {
        return Err(no_dataset(&dir));
    }
    let changed = || Error::Busy { path: dir.clone(), waited: begun.elapsed() };
    let data = open_member(&dir.join(DATA), false)?;
    let stamp = await_next_tick(&data).ok_or_else(changed)?;
    view.advise(Access::Sequential);
    let builder = Builder { view: &view, key: random_key(), at_once, cancel: &options.cancel };
    replace_file_with(&dir.join(INDEX), |file| {
        let is_indexed = builder.write(file, stamp)? && time_of(&data) == Some(stamp);
        if is_indexed { Ok(()) } else { Err(changed()) }
    })
}

/// Numbers that nobody can foretell.
fn random_key() -> [u64; 2] {
    [0_u8, 1].map(|number| RandomState::new().hash_one(number))
}

struct Builder<'a> {
    view: &'a View,
    key: [u64; 2],
    at_once: usize,
    cancel: &'a Cancellation,
}

impl Builder<'_> {
    /// Writes the index of all texts; returns whether they stayed the same.
    fn write(&self, file: &mut StagedFile, stamp: u64) -> Result<bool> {
        let Some((bytes, sums)) = covered_sums(self.view, self.view.len, self.cancel)? else {
            return Err(Error::corrupt(self.view.dir.join(DATA), "the texts do not fit the data"));
        };
        let header = Header { key: self.key, texts: self.view.len as u64, bytes, sums };
        file.append(&header.encode(stamp))?;
        let (before, entries, encoded) = ((0, 0), Vec::new(), Vec::new());
        let mut pages = Pages { header: &header, file, before, entries, encoded };
        let (mut written, mut after) = (0, None);
        while written < self.view.len {
            let mut entries = self.smallest(after)?;
            entries.sort_unstable();
            // Whoever overwrites texts meanwhile changes their hashes from pass to pass.
            let Some(&last) = entries.last() else { return Ok(false) };
            (after, written) = (Some(last), written + entries.len());
            entries.into_iter().try_for_each(|entry| pages.push(entry))?;
        }
        pages.finish()?;
        Ok(written == self.view.len)
    }

    /// The smallest entries after `after`: all, or at least half as many as are sorted at once.
    fn smallest(&self, after: Option<Entry>) -> Result<Vec<Entry>> {
        let (view, mut below) = (self.view, None);
        let mut entries = memory::with_room(&view.dir, view.len.min(self.at_once))?;
        for position in 0..view.len {
            if position % TEXTS_AT_ONCE == 0 {
                check(view, self.cancel)?;
            }
            let entry = (hash_of(self.key, &view.bytes(position)?), position as u64);
            if after.is_some_and(|after| entry <= after) || below.is_some_and(|below| entry >= below) {
                continue;
            }
            if entries.len() == self.at_once {
                let (_, middle, _) = entries.select_nth_unstable(self.at_once / 2);
                below = Some(*middle);
                entries.truncate(self.at_once / 2);
                if below.is_some_and(|below| entry >= below) {
                    continue;
                }
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// Writes entries page by page.
struct Pages<'a> {
    header: &'a Header,
    file: &'a mut StagedFile,
    /// The last entry of the last page that was encoded.
    before: Entry,
    /// Entries that do not fill a page yet.
    entries: Vec<Entry>,
    /// Pages that are not written yet.
    encoded: Vec<u8>,
}

impl Pages<'_> {
    fn push(&mut self, entry: Entry) -> Result<()> {
        self.entries.push(entry);
        if self.entries.len() == PER_PAGE { self.encode() } else { Ok(()) }
    }

    fn encode(&mut self) -> Result<()> {
        self.encoded.extend(self.header.encode_page(self.before, &self.entries));
        self.before = self.entries.last().copied().unwrap_or(self.before);
        self.entries.clear();
        if self.encoded.len() < BYTES_AT_ONCE { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        self.file.append(&self.encoded)?;
        self.encoded.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        if !self.entries.is_empty() {
            self.encode()?;
        }
        self.write()
    }
}
