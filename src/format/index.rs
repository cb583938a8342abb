//! `index.ninja`: where the texts of a string dataset are, by their hashes. A page of 512 bytes is a header, and the
//! others hold the entries (hash, position) of all covered texts in ascending order, 34 a page.
//!
//! Each page has a checksum, and states the entry before its first one. So a page proves by itself that a hash between
//! that entry and its own last one is in it, or nowhere.

/// Bytes of a page.
pub const PAGE: usize = 512;
/// Entries of every page but the last one.
pub const PER_PAGE: usize = 34;
/// Where the stamp is. It alone is overwritten in place.
pub const STAMP: u64 = 8;

const MAGIC: &[u8; 8] = b"NINJAIDX";
const VERSION: u32 = 1;
/// The first byte that the checksum of the header covers.
const CHECKED: usize = 20;
const HASHES: usize = 24;
const POSITIONS: usize = HASHES + PER_PAGE * 8;
/// Bytes of a position.
const POSITION: usize = 6;

/// The hash of a text, and its position.
pub type Entry = (u64, u64);

/// The header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The key of the hash.
    pub key: [u64; 2],
    /// Texts that are covered: the first ones.
    pub texts: u64,
    /// Where the last of them ends in the data.
    pub bytes: u64,
    /// CRC-32 of the covered data, starts and ends.
    pub sums: [u32; 3],
}

impl Header {
    /// Pages with entries.
    pub const fn pages(&self) -> u64 {
        self.texts.div_ceil(PER_PAGE as u64)
    }

    /// Bytes of the whole file; `None` where no file has that many.
    pub fn file_size(&self) -> Option<u64> {
        (self.pages() + 1).checked_mul(PAGE as u64).filter(|&size| i64::try_from(size).is_ok())
    }

    /// The first page of a file.
    pub fn encode(&self, stamp: u64) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        let [data, starts, ends] = self.sums;
        page[..8].copy_from_slice(MAGIC);
        page[8..16].copy_from_slice(&stamp.to_le_bytes());
        for (at, value) in [(20, VERSION), (56, data), (60, starts), (64, ends)] {
            page[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        for (at, value) in [(24, self.key[0]), (32, self.key[1]), (40, self.texts), (48, self.bytes)] {
            page[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let sum = crc32fast::hash(&page[CHECKED..]);
        page[16..20].copy_from_slice(&sum.to_le_bytes());
        page
    }

    /// What the first page of a file states; `None` where it is damaged, or of another version.
    pub fn parse(page: &[u8]) -> Option<Self> {
        let is_whole =
            page.len() == PAGE && page[..8] == *MAGIC && crc32fast::hash(&page[CHECKED..]) == u32_at(page, 16);
        let header = Self {
            key: [u64_at(page, 24), u64_at(page, 32)],
            texts: u64_at(page, 40),
            bytes: u64_at(page, 48),
            sums: [u32_at(page, 56), u32_at(page, 60), u32_at(page, 64)],
        };
        (is_whole && u32_at(page, 20) == VERSION).then_some(header)
    }

    /// The checksum of a page with entries. It depends on the key, so that no page is taken for one of another index.
    fn sum(&self, page: &[u8]) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "some bits of the key are enough")]
        let mut hasher = crc32fast::Hasher::new_with_initial(self.key[0] as u32);
        hasher.update(page.get(4..).unwrap_or_default());
        hasher.finalize()
    }

    /// A page with `entries`, at most [`PER_PAGE`] in ascending order, which follow the entry `before`.
    pub fn encode_page(&self, before: Entry, entries: &[Entry]) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        page[8..16].copy_from_slice(&before.1.to_le_bytes());
        page[16..24].copy_from_slice(&before.0.to_le_bytes());
        for (slot, (hash, position)) in entries.iter().enumerate() {
            page[HASHES + slot * 8..][..8].copy_from_slice(&hash.to_le_bytes());
            page[POSITIONS + slot * POSITION..][..POSITION].copy_from_slice(&position.to_le_bytes()[..POSITION]);
        }
        let sum = self.sum(&page);
        page[..4].copy_from_slice(&sum.to_le_bytes());
        page
    }

    /// The page of entries in `bytes`, at `index`.
    pub fn page<'a>(&self, bytes: &'a [u8], index: u64) -> Option<Page<'a>> {
        let len = self.texts.checked_sub(index * PER_PAGE as u64)?.min(PER_PAGE as u64);
        Some(Page { bytes: bytes.try_into().ok()?, len: usize::try_from(len).ok().filter(|&len| len > 0)? })
    }

    /// Whether a page is as it was written.
    pub fn is_whole(&self, page: Page) -> bool {
        self.sum(page.bytes) == u32_at(page.bytes, 0)
    }
}

/// A page with entries.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    bytes: &'a [u8; PAGE],
    len: usize,
}

impl<'a> Page<'a> {
    /// The entry before the first one of this page; of the first page, (0, 0), which may be its own first entry.
    pub fn before(self) -> Entry {
        (u64_at(self.bytes, 16), u64_at(self.bytes, 8))
    }

    /// The entry in a slot, which is less than the number of entries.
    pub fn entry(self, slot: usize) -> Entry {
        let mut position = [0; 8];
        position[..POSITION].copy_from_slice(&self.bytes[POSITIONS + slot * POSITION..][..POSITION]);
        (u64_at(self.bytes, HASHES + slot * 8), u64::from_le_bytes(position))
    }

    /// The last entry.
    pub fn last(self) -> Entry {
        self.entry(self.len - 1)
    }

    /// All entries.
    pub fn entries(self) -> impl Iterator<Item = Entry> + use<'a> {
        self.entries_from((0, 0))
    }

    /// The entries from `target` on.
    pub fn entries_from(self, target: Entry) -> impl Iterator<Item = Entry> + use<'a> {
        // Counting takes no branch that the processor would have to guess.
        let hashes = self.bytes[HASHES..POSITIONS].as_chunks::<8>().0;
        let before = hashes[..self.len].iter().filter(|hash| u64::from_le_bytes(**hash) < target.0).count();
        (before..self.len).map(move |slot| self.entry(slot)).skip_while(move |entry| *entry < target)
    }

    /// All bytes.
    pub fn bytes(self) -> &'a [u8; PAGE] {
        self.bytes
    }
}

/// The stamp in the first page of a file.
pub fn stamp_of(page: &[u8]) -> u64 {
    u64_at(page, 8)
}

/// Whether a file begins as an index does.
pub fn is_index(page: &[u8]) -> bool {
    page.starts_with(MAGIC)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|found| found.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|found| found.try_into().ok()).map_or(0, u64::from_le_bytes)
}
