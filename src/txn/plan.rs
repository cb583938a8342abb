//! Plans: what a store wants to be done to a directory, for the transaction layer to do whole or not at all.

use std::borrow::Cow;
use std::fs::File;
use std::ops::Deref;
use std::path::PathBuf;

/// What an append does to a dataset.
pub(crate) enum Plan<'a> {
    /// Adds rows to the members that are there. The last one is the commit point.
    Append(Vec<MemberAppend<'a>>),
    /// Puts a whole dataset in place of what is there, or of nothing.
    Create(Vec<NewMember<'a>>),
    /// Replaces these members and keeps the others, after which the append is planned again.
    Restructure(Vec<NewMember<'a>>),
}

/// What an append adds to one member: a directory with a `data.ninja`, whose rows a `shape.ninja` counts.
pub(crate) struct MemberAppend<'a> {
    /// The member's directory, relative to the dataset's.
    pub member: PathBuf,
    /// Rows before and after; `None` for a member without a `shape.ninja`.
    pub rows: Option<[u64; 2]>,
    /// The new bytes; `None` for a member without a `data.ninja`.
    pub data: Option<DataAppend<'a>>,
}

/// What an append adds to a `data.ninja`.
pub(crate) struct DataAppend<'a> {
    /// The committed end, in bytes.
    pub offset: u64,
    /// The new bytes, in pieces one after another.
    pub chunks: Vec<Chunk<'a>>,
}

/// One directory of a new dataset.
pub(crate) struct NewMember<'a> {
    /// Relative to the dataset's directory.
    pub member: PathBuf,
    /// The small files: name and content.
    pub texts: Vec<(&'static str, Vec<u8>)>,
    pub data: NewData<'a>,
    /// Whether a `shape.ninja` counts its rows.
    pub is_counted: bool,
}

impl NewMember<'_> {
    /// The same with bytes of its own.
    pub fn into_owned(self) -> NewMember<'static> {
        let data = match self.data {
            NewData::Absent => NewData::Absent,
            NewData::Zeros(size) => NewData::Zeros(size),
            NewData::Chunks(chunks) => NewData::Chunks(chunks.into_iter().map(Chunk::into_owned).collect()),
        };
        NewMember { member: self.member, texts: self.texts, data, is_counted: self.is_counted }
    }
}

/// What a new `data.ninja` holds.
pub(crate) enum NewData<'a> {
    /// There is no such file.
    Absent,
    /// Pieces one after another.
    Chunks(Vec<Chunk<'a>>),
    /// So many zeros, which take no space on disk.
    Zeros(u64),
}

/// A piece of the bytes of a member.
pub(crate) enum Chunk<'a> {
    Bytes(Cow<'a, [u8]>),
    Values(Cow<'a, [i64]>),
    /// Mapped bytes, which the kernel can copy from their file.
    Mapped {
        bytes: &'a [u8],
        source: Source<'a>,
    },
}

impl Chunk<'_> {
    /// The same bytes, for as long as this chunk holds them.
    pub fn reborrow(&self) -> Chunk<'_> {
        match self {
            Self::Bytes(bytes) => Chunk::Bytes(Cow::Borrowed(bytes)),
            Self::Values(values) => Chunk::Values(Cow::Borrowed(values)),
            Self::Mapped { bytes, source } => Chunk::Mapped { bytes, source: *source },
        }
    }

    fn into_owned(self) -> Chunk<'static> {
        match self {
            Self::Bytes(bytes) => Chunk::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Values(values) => Chunk::Values(Cow::Owned(values.into_owned())),
            Self::Mapped { bytes, .. } => Chunk::Bytes(Cow::Owned(bytes.to_vec())),
        }
    }
}

impl Deref for Chunk<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Values(values) => bytemuck::cast_slice(values),
            Self::Mapped { bytes, .. } => bytes,
        }
    }
}

impl<'a> From<&'a [u8]> for Chunk<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

/// Where bytes lie in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub file: &'a File,
    pub offset: u64,
}

impl DataAppend<'_> {
    /// Bytes before and after.
    pub fn bytes(&self) -> [u64; 2] {
        [self.offset, self.offset + self.chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>()]
    }
}

impl MemberAppend<'_> {
    /// The size of the `data.ninja` after the append, in bytes.
    pub fn end(&self) -> u64 {
        self.data.as_ref().map_or(0, |data| data.bytes()[1])
    }
}
