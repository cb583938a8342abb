//! `checksums.json`: a CRC-32 of every block of every file, up to the bytes that were committed when it was written. It
//! begins with a CRC-32 of its own text.
//!
//! Appends do not change covered bytes, but for the counts at the beginning of every `shape.ninja`. Those are recorded
//! as numbers, which a count may not fall below.

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
use super::inspect::{Inspection, MemberState};
use crate::error::{At, Error, Result};
use crate::format::{CHECKSUMS, framed};
use crate::io::untrusted::{open_member, read_at, read_optional, skip_hole};
use crate::schema::{Content, Schema, portable_name};

const VERSION: u32 = 1;
/// The largest `checksums.json`, which covers 8 TiB.
const MAX_BYTES: u64 = 256 << 20;
/// More files than any dataset has.
const MAX_FILES: usize = 64;

/// The covered bytes of one file, and their checksums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Coverage {
    /// The first covered byte: those before it are a count.
    pub start: u64,
    /// One past the last covered byte.
    pub end: u64,
    /// The count.
    pub rows: Option<u64>,
    /// Eight hexadecimal digits per block.
    pub crc32: String,
}

/// The content of `checksums.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksums {
    version: u32,
    block: u64,
    /// Samples that were committed.
    pub samples: u64,
    /// By path, relative to the dataset's directory.
    #[serde(deserialize_with = "at_most_max_files")]
    pub files: BTreeMap<String, Coverage>,
}

/// Stops at [`MAX_FILES`], since an untrusted text may name any number of files.
fn at_most_max_files<'de, D: Deserializer<'de>>(text: D) -> std::result::Result<BTreeMap<String, Coverage>, D::Error> {
    struct Files;

    impl<'de> Visitor<'de> for Files {
        type Value = BTreeMap<String, Coverage>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("files by their paths")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Self::Value, A::Error> {
            let mut files = BTreeMap::new();
            while let Some((name, coverage)) = entries.next_entry()? {
                if files.len() == MAX_FILES {
                    return Err(A::Error::custom("too many files"));
                }
                files.insert(name, coverage);
            }
            Ok(files)
        }
    }

    text.deserialize_map(Files)
}

impl Checksums {
    /// Reads the checksums of the dataset in `dir`; `None` where there are none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the file itself is damaged, or was written by a release that is not compatible.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(CHECKSUMS);
        let Some(text) = read_optional(&path, MAX_BYTES)? else { return Ok(None) };
        let found = framed::parse::<Self>(&text)
            .ok_or_else(|| Error::corrupt(&path, "the checksums are themselves damaged"))?;
        if (found.version, found.block) == (VERSION, BLOCK as u64) {
            return Ok(Some(found));
        }
        Err(Error::corrupt(
            path,
            format!("checksums of version {} cannot be read; write the checksums again", found.version),
        ))
    }

    pub fn encode(&self) -> Vec<u8> {
        framed::encode(self)
    }

    /// Computes the checksums of all committed bytes. `advance` is called with the number of bytes that were read.
    ///
    /// # Errors
    /// [`Error::Io`]; the errors of `advance`.
    pub fn compute(
        dir: &Path,
        schema: Schema,
        inspection: &Inspection,
        mut advance: impl FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        let mut files = BTreeMap::new();
        for file in files_of(dir, schema, inspection) {
            let path = dir.join(&file.path);
            let opened = open_member(&path, false)?;
            let range = file.covered(opened.metadata().at(&path)?.len());
            let (start, end, rows) = (range.start, range.end, file.rows());
            let sums = blocks(range).map(|block| {
                let sum = sum_of(&opened, &block).at(&path)?;
                advance(block.end - block.start)?;
                Ok(format!("{sum:08x}"))
            });
            let crc32 = sums.collect::<Result<String>>()?;
            files.insert(portable_name(&file.path), Coverage { start, end, rows, crc32 });
        }
        Ok(Self { version: VERSION, block: BLOCK as u64, samples: inspection.samples, files })
    }
}

impl Coverage {
    /// The checksum of a block; `None` where the block has none.
    pub fn sum(&self, block: usize) -> Option<u32> {
        let digits = self.crc32.get(block * 8..block * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// One file of a dataset.
pub(super) struct MemberFile<'a> {
    /// Relative to the dataset's directory.
    pub path: PathBuf,
    pub member: &'a MemberState,
    pub content: Content,
}

impl MemberFile<'_> {
    /// The bytes to cover of a file of `size`.
    fn covered(&self, size: u64) -> Range<u64> {
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
pub(super) fn files_of<'a>(dir: &Path, schema: Schema, inspection: &'a Inspection) -> Vec<MemberFile<'a>> {
    let mut all = Vec::new();
    for member in &inspection.members {
        let optional = schema.optional_files(member.role).iter();
        let optional = optional.filter(|name| dir.join(member.file(name)).symlink_metadata().is_ok());
        let files = schema.files(member.role).into_iter().chain(optional.map(|&name| (name, Content::Text)));
        all.extend(files.map(|(name, content)| MemberFile { path: member.file(name), member, content }));
    }
    all
}

/// The blocks of a range.
pub(super) fn blocks(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    range.step_by(BLOCK).map(move |start| start..end.min(start.saturating_add(BLOCK as u64)))
}

/// The checksum of a block.
pub(super) fn sum_of(file: &File, block: &Range<u64>) -> io::Result<u32> {
    let len = usize::try_from(block.end - block.start).unwrap_or(0);
    // A block beyond the end of the file is not a hole: reading it must fail.
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

/// The checksum of a block in a hole. It is computed once, since an untrusted file may claim a hole of any size.
static SUM_OF_ZEROS: LazyLock<u32> = LazyLock::new(|| crc32fast::hash(&[0; BLOCK]));
