//! `checksums.json`: a CRC-32 of every block of every member, as far as was committed when it was written.
//!
//! Appends leave what is covered as it was, but for the counts, which a `shape.ninja` begins with: those are kept as
//! numbers, below which no count may fall. Its first bytes are a CRC-32 of all that follows them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::block_reader::BLOCK;
use super::inspect::{Inspection, Member};
use crate::error::{At, Error, Result};
use crate::format::{CHECKSUMS, framed};
use crate::io::untrusted::{open_member, read_at, read_optional, skip_hole};
use crate::schema::{Content, Schema};

const VERSION: u32 = 1;
/// Enough for 8 TiB.
const MAX_BYTES: u64 = 256 << 20;
/// No data set has so many files.
const MAX_FILES: usize = 64;

/// What is covered of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The first byte that is covered: those before are a count.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// The count.
    pub rows: Option<u64>,
    /// Eight hexadecimal digits a block.
    pub crc32: String,
}

/// The content of `checksums.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksums {
    version: u32,
    block: u64,
    /// Samples that were committed.
    pub samples: u64,
    /// By path, relative to the data set's directory.
    #[serde(deserialize_with = "some_files")]
    pub files: BTreeMap<String, Entry>,
}

/// The files of a text that may name any number of them.
fn some_files<'de, D: Deserializer<'de>>(text: D) -> std::result::Result<BTreeMap<String, Entry>, D::Error> {
    struct Files;

    impl<'de> Visitor<'de> for Files {
        type Value = BTreeMap<String, Entry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("files by their paths")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Self::Value, A::Error> {
            let mut files = BTreeMap::new();
            while let Some((name, entry)) = entries.next_entry()? {
                if files.len() == MAX_FILES {
                    return Err(A::Error::custom("too many files"));
                }
                files.insert(name, entry);
            }
            Ok(files)
        }
    }

    text.deserialize_map(Files)
}

impl Checksums {
    /// `None` where the data set has none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the file itself is damaged, or another release's.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(CHECKSUMS);
        let Some(text) = read_optional(&path, MAX_BYTES)? else { return Ok(None) };
        let found = framed::parse::<Self>(&text)
            .ok_or_else(|| Error::corrupt(&path, "the checksums are themselves damaged"))?;
        if (found.version, found.block) == (VERSION, BLOCK as u64) {
            return Ok(Some(found));
        }
        Err(Error::corrupt(path, format!("checksums of version {} are not known", found.version)))
    }

    pub fn encode(&self) -> Vec<u8> {
        framed::encode(self)
    }

    /// Checksums of all that is committed. `pass` is told of bytes that were read.
    ///
    /// # Errors
    /// [`Error::Io`]; what `pass` returns.
    pub fn compute(
        dir: &Path,
        schema: Schema,
        inspection: &Inspection,
        mut pass: impl FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        let mut files = BTreeMap::new();
        for place in files_of(dir, schema, inspection) {
            let path = dir.join(&place.file);
            let file = open_member(&path, false)?;
            let range = place.range(file.metadata().at(&path)?.len());
            let (start, end, rows) = (range.start, range.end, place.rows());
            let sums = blocks(range).map(|block| {
                let sum = sum_of(&file, &block).at(&path)?;
                pass(block.end - block.start)?;
                Ok(format!("{sum:08x}"))
            });
            let crc32 = sums.collect::<Result<String>>()?;
            files.insert(name_of(&place.file), Entry { start, end, rows, crc32 });
        }
        Ok(Self { version: VERSION, block: BLOCK as u64, samples: inspection.samples, files })
    }
}

impl Entry {
    /// The checksum of a block; `None` where there is none.
    pub fn sum(&self, block: usize) -> Option<u32> {
        let digits = self.crc32.get(block * 8..block * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// One file of a data set.
pub(super) struct Place<'a> {
    pub file: PathBuf,
    pub member: &'a Member,
    pub content: Content,
}

impl Place<'_> {
    /// What is to be covered of a file of `size`.
    fn range(&self, size: u64) -> Range<u64> {
        match self.content {
            Content::Text => 0..size,
            Content::Shape => 8.min(size)..size,
            Content::Data => 0..self.member.needed(),
        }
    }

    /// The count in a `shape.ninja`.
    pub fn rows(&self) -> Option<u64> {
        if self.content == Content::Shape {
            self.member.shape.as_ref()?.first().map(|_| self.member.rows)
        } else {
            None
        }
    }
}

/// Every file of a dataset.
pub(super) fn files_of<'a>(dir: &Path, schema: Schema, inspection: &'a Inspection) -> Vec<Place<'a>> {
    let mut places = Vec::new();
    for member in &inspection.members {
        let optional = schema.optional_files(member.role).iter();
        let optional = optional.filter(|name| dir.join(member.file(name)).symlink_metadata().is_ok());
        let files = schema.files(member.role).into_iter().chain(optional.map(|&name| (name, Content::Text)));
        places.extend(files.map(|(name, content)| Place { file: member.file(name), member, content }));
    }
    places
}

/// How `checksums.json` names a file, on every system.
pub(super) fn name_of(file: &Path) -> String {
    file.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The blocks of a range.
pub(super) fn blocks(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    range.step_by(BLOCK).map(move |start| start..end.min(start.saturating_add(BLOCK as u64)))
}

/// The checksum of a block.
pub(super) fn sum_of(file: &File, block: &Range<u64>) -> io::Result<u32> {
    let len = usize::try_from(block.end - block.start).unwrap_or(0);
    // Bytes beyond the end of the file are no zeros, but an error.
    let is_hole = skip_hole(file, block.start) >= block.end && file.metadata()?.len() >= block.end;
    if is_hole && len == BLOCK {
        return Ok(*SUM_OF_ZEROS);
    }
    let mut bytes = vec![0; len];
    if !is_hole {
        read_at(file, block.start, &mut bytes)?;
    }
    Ok(crc32fast::hash(&bytes))
}

/// A stranger's file may have holes without end.
static SUM_OF_ZEROS: LazyLock<u32> = LazyLock::new(|| crc32fast::hash(&[0; BLOCK]));
