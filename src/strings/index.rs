//! Finding texts by an index in a mapped file, which is never relied on further than it proves itself.
//!
//! - That a text is at a position is known because it is compared.
//! - That a text is absent is known if the page where it would be is whole, states that it covers the hash, and no
//!   covered text has changed since the index was written. The last is known while the time of the data is that of the
//!   index's stamp; otherwise, for instance in a copy, the covered bytes are read once and compared with their checksums.
//!
//! Where one of these fails, the texts themselves are searched.

mod build;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::{fmt, fs};

pub use build::{write_index, write_index_with};
use siphasher::sip::SipHasher13;

use super::View;
use crate::batch::gather::prefetch_lines;
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use crate::format::index::{Entry, Header, PAGE, Page, stamp_of};
use crate::format::{DATA, INDEX};
use crate::io::mapping::{Access, Mode, Region};
use crate::io::untrusted::{FileId, Member};
use crate::txn::{is_tick_over, time_of};

/// The hash of a text is SipHash-1-3 with a random key, so that nobody can prepare texts whose hashes collide. A file with
/// more different texts of one hash than this was not written by this crate.
const MAX_COLLISIONS: usize = 16;
/// Texts that are compared one by one rather than looked up.
const FEW: usize = 16;
/// Texts that are compared, and bytes that are read, between two checks for a cancellation.
const TEXTS_AT_ONCE: usize = 1 << 18;
const BYTES_AT_ONCE: usize = 64 << 20;

fn hash_of(key: [u64; 2], text: &[u8]) -> u64 {
    SipHasher13::new_with_keys(key[0], key[1]).hash(text)
}

/// An index of the texts that a view shows.
struct Index {
    header: Header,
    region: Region,
    file: FileId,
    /// The data of the texts, whose time tells when they were last written.
    data: fs::File,
    /// Times of the data at which the covered bytes were found to match their checksums, or not to.
    matched: AtomicU64,
    differed: AtomicU64,
}

/// What an index knows about a text.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Found(usize),
    /// It is not among the covered texts.
    Absent,
    /// The index is damaged.
    Unknown,
}

impl Index {
    /// The index beside the data that `view` shows; `None` where there is none, or it cannot be one of these texts.
    fn open(view: &View) -> Option<Self> {
        let member = Member::open(&view.dir.join(INDEX), false).ok()?;
        let data = view.extents.data.reopen(&view.dir.join(DATA))?;
        let region = Region::open(&member, Mode::ReadOnly, usize::try_from(member.size).ok()?).ok()?;
        let header = Header::parse(region.bytes().get(..PAGE)?)?;
        if header.file_size() != Some(member.size) {
            return None;
        }
        region.advise(Access::Random);
        let [matched, differed] = [0, 0].map(AtomicU64::new);
        Some(Self { header, region, file: member.identity, data, matched, differed })
    }

    /// Texts that are covered: the first ones.
    fn texts(&self) -> usize {
        usize::try_from(self.header.texts).unwrap_or(usize::MAX)
    }

    /// Whether nobody has written to the data since the index was written, but appends that have renewed its stamp.
    fn is_stamped(&self) -> bool {
        let stamp = stamp_of(self.region.bytes());
        stamp != 0 && time_of(&self.data) == Some(stamp)
    }

    /// Whether the covered bytes are those that were indexed. They are read at most once for each time of the data.
    fn matches(&self, view: &View, cancel: &Cancellation) -> Result<bool> {
        let Some(time) = time_of(&self.data) else { return Ok(false) };
        if time == self.matched.load(Ordering::Relaxed) {
            return Ok(true);
        }
        if time == self.differed.load(Ordering::Relaxed) {
            return Ok(false);
        }
        // Programs that have mapped the file for writing change its time only where pages were written before.
        let _ = self.data.sync_data();
        let is_match = covered_sums(view, self.texts(), cancel)? == Some((self.header.bytes, self.header.sums));
        let is_unchanged = time_of(&self.data) == Some(time);
        if is_unchanged && is_tick_over(time) {
            let seen = if is_match { &self.matched } else { &self.differed };
            seen.store(time, Ordering::Relaxed);
        }
        Ok(is_match && is_unchanged)
    }

    /// The page of entries at `at`, which is less than the number of pages.
    fn page(&self, at: u64) -> Option<Page<'_>> {
        let start = usize::try_from(at).ok()?.checked_add(1)?.checked_mul(PAGE)?;
        self.header.page(self.region.bytes().get(start..start + PAGE)?, at)
    }

    /// The page where a hash would be if hashes were spread evenly.
    fn even_page(&self, hash: u64) -> u64 {
        ((u128::from(hash) * u128::from(self.header.pages())) >> 64) as u64
    }

    /// Lets the processor prefetch the page at `at`, if there is one.
    fn prefetch(&self, at: u64) {
        if let Some(page) = self.page(at) {
            prefetch_lines(page.bytes());
        }
    }

    /// The entry of `text` at `start`, with which a lookup begins. The first page that it looks at is prefetched.
    fn target(&self, text: &[u8], start: usize) -> Entry {
        let hash = hash_of(self.header.key, text);
        self.prefetch(self.even_page(hash));
        (hash, start as u64)
    }

    /// The first page whose last entry is not before `target`, or the last page. Its guess, where a uniform hash would be,
    /// is nearly right; whatever the file holds, it looks at some 2 log2(n) pages at most.
    fn page_of(&self, target: Entry) -> u64 {
        let pages = self.header.pages();
        let last = |at| self.page(at).map_or((u64::MAX, u64::MAX), Page::last);
        let mut guess = self.even_page(target.0);
        // Two steps of the secant method: the first one is off by a page or two, the second one hardly ever.
        for _ in 0..2 {
            guess = (guess + self.even_page(target.0)).saturating_sub(self.even_page(last(guess).0)).min(pages - 1);
            for at in guess.saturating_sub(1)..=guess + 1 {
                self.prefetch(at);
            }
        }
        let is_before = |at| last(at) < target;
        let (mut low, mut high, mut step) = (0, pages, 1);
        if is_before(guess) {
            low = guess + 1;
            while low < high && guess + step < pages {
                if !is_before(guess + step) {
                    high = guess + step;
                    break;
                }
                low = guess + step + 1;
                step *= 2;
            }
        } else {
            high = guess;
            while high > 0 {
                let probe = guess.saturating_sub(step);
                if is_before(probe) {
                    low = probe + 1;
                    break;
                }
                high = probe;
                step *= 2;
            }
        }
        while low < high {
            let middle = low.midpoint(high);
            if is_before(middle) { low = middle + 1 } else { high = middle }
        }
        low.min(pages - 1)
    }

    /// The page in which `target` is, or nowhere, if the file proves it.
    fn proven_page(&self, at: u64, target: Entry) -> Option<Page<'_>> {
        let page = self.page(at)?;
        let is_covered = at == 0 || page.before() < target;
        let is_end = at + 1 == self.header.pages() || target <= page.last();
        (self.header.is_whole(page) && is_covered && is_end).then_some(page)
    }

    /// The position that was found. Where the text is not among the covered ones, `range` becomes the rest.
    fn narrow(&self, answer: Answer, range: &mut Range<usize>) -> Option<usize> {
        match answer {
            Answer::Found(position) => return Some(position),
            Answer::Absent => range.start = range.start.max(self.texts()).min(range.end),
            Answer::Unknown => {}
        }
        None
    }

    /// The first position of the text of `target` before `end`, as far as it is covered.
    fn find(&self, view: &View, text: &[u8], target: Entry, end: usize) -> Result<Answer> {
        if target.1 >= self.header.texts {
            return Ok(Answer::Absent);
        }
        let mut at = self.page_of(target);
        // Its row is read from memory while the checksum of the page is computed.
        if let Some((_, position)) = self.page(at).and_then(|page| page.entries_from(target).next()) {
            view.extents.prefetch_row(usize::try_from(position).unwrap_or(usize::MAX));
        }
        let Some(mut page) = self.proven_page(at, target) else { return Ok(Answer::Unknown) };
        let mut collisions = 0;
        loop {
            for (found, position) in page.entries_from(target) {
                if found != target.0 || position >= end as u64 {
                    return Ok(Answer::Absent);
                }
                let position = usize::try_from(position).unwrap_or(usize::MAX);
                if view.is_at(position, text)? {
                    return Ok(Answer::Found(position));
                }
                collisions += 1;
                if collisions > MAX_COLLISIONS {
                    return Ok(Answer::Unknown);
                }
            }
            at += 1;
            if at == self.header.pages() {
                return Ok(Answer::Absent);
            }
            let last = page.last();
            match self.page(at).filter(|next| self.header.is_whole(*next) && next.before() == last) {
                Some(next) => page = next,
                None => return Ok(Answer::Unknown),
            }
        }
    }
}

/// Where the first `texts` texts end in the data, and the checksums of their bytes, starts and ends; `None` where the view
/// does not show as many.
fn covered_sums(view: &View, texts: usize, cancel: &Cancellation) -> Result<Option<(u64, [u32; 3])>> {
    let extents = &view.extents;
    let ends = extents.ends.values().get(..texts).filter(|_| texts <= view.len);
    let (Some(starts), Some(ends)) = (extents.starts.values().get(..texts), ends) else { return Ok(None) };
    let end = ends.last().map_or(0, |&end| end);
    let data = usize::try_from(end).ok().and_then(|end| extents.data.bytes().get(..end));
    let Some(data) = data else { return Ok(None) };
    let mut sums = [0; 3];
    for (sum, bytes) in sums.iter_mut().zip([data, bytemuck::cast_slice(starts), bytemuck::cast_slice(ends)]) {
        let mut hasher = crc32fast::Hasher::new();
        for part in bytes.chunks(BYTES_AT_ONCE) {
            check(view, cancel)?;
            hasher.update(part);
        }
        *sum = hasher.finalize();
    }
    Ok(Some((end.cast_unsigned(), sums)))
}

fn check(view: &View, cancel: &Cancellation) -> Result<()> {
    if cancel.is_requested() { Err(Error::Interrupted { path: view.dir.to_path_buf() }) } else { Ok(()) }
}

/// The index of a view and those that it grows to, once it was needed. The lock is held for some instructions only, and
/// never waited for: in a child that was forked while another thread held it, it is never released.
#[derive(Default)]
pub(super) struct IndexCell(Mutex<Option<Arc<Index>>>);

impl fmt::Debug for IndexCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexCell")
    }
}

impl IndexCell {
    /// The index that was used last.
    fn known(&self) -> Option<Arc<Index>> {
        self.0.try_lock().ok()?.clone()
    }

    /// The index, if there is one that can be relied on.
    fn get(&self, view: &View, cancel: &Cancellation) -> Result<Option<Arc<Index>>> {
        let known = self.known();
        if known.as_ref().is_some_and(|index| index.texts() >= view.len && index.is_stamped()) {
            return Ok(known);
        }
        // Another, which covers more texts, may have been written since.
        let Some(file) = FileId::of(&view.dir.join(INDEX)) else { return Ok(None) };
        let index = match known.filter(|index| index.file == file) {
            Some(index) => index,
            None => match Index::open(view).map(Arc::new) {
                Some(index) => index,
                None => return Ok(None),
            },
        };
        if let Ok(mut known) = self.0.try_lock() {
            *known = Some(index.clone());
        }
        let is_reliable = index.is_stamped() || index.matches(view, cancel)?;
        Ok(is_reliable.then_some(index))
    }
}

impl View {
    /// The first position of `text` in `range`, or any if `is_any`, as far as some microseconds tell. If it returns `None`,
    /// `range` becomes where [`View::find_in_rest`] has to look.
    pub fn find_at_once(&self, text: &[u8], range: &mut Range<usize>, is_any: bool) -> Result<Option<usize>> {
        self.check_open()?;
        range.end = range.end.min(self.len);
        if range.len() <= FEW {
            return self.search(text, std::mem::take(range), &Cancellation::default());
        }
        let Some(index) = self.index.known() else { return Ok(None) };
        let target = index.target(text, range.start);
        // A text that was compared is there, whatever has become of others. The system call takes as long as a third of the
        // whole lookup.
        if !is_any && !index.is_stamped() {
            return Ok(None);
        }
        match index.find(self, text, target, range.end)? {
            Answer::Absent if is_any && !index.is_stamped() => Ok(None),
            answer => Ok(index.narrow(answer, range)),
        }
    }

    /// The first position of `text` in `range`, however long it takes.
    pub fn find_in_rest(&self, text: &[u8], mut range: Range<usize>, cancel: &Cancellation) -> Result<Option<usize>> {
        if range.len() > FEW
            && let Some(index) = self.index.get(self, cancel)?
        {
            let answer = index.find(self, text, index.target(text, range.start), range.end)?;
            if let Some(position) = index.narrow(answer, &mut range) {
                return Ok(Some(position));
            }
        }
        self.search(text, range, cancel)
    }

    /// Compares all texts in `range`.
    fn search(&self, text: &[u8], range: Range<usize>, cancel: &Cancellation) -> Result<Option<usize>> {
        for (done, position) in range.enumerate() {
            if done % TEXTS_AT_ONCE == TEXTS_AT_ONCE - 1 {
                check(self, cancel)?;
            }
            if self.is_at(position, text)? {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }
}
