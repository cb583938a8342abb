//! Plans: what a store wants to be done to a directory, for the transaction layer to do whole or not at all.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// Values that are computed while they are written, so that a column of any length takes no memory.
    Computed(Computed<'a>),
}

/// As many values as `len`.
#[derive(Clone)]
pub(crate) struct Computed<'a> {
    len: usize,
    fill: Fill<'a>,
}

/// Sets all values of a slice, of which the first has the given position in the column.
type Fill<'a> = Arc<dyn Fn(usize, &mut [i64]) + Send + Sync + 'a>;

impl<'a> Chunk<'a> {
    /// As many values as `len`, computed by `fill`; see [`Fill`].
    pub fn computed(len: usize, fill: impl Fn(usize, &mut [i64]) + Send + Sync + 'a) -> Self {
        Self::Computed(Computed { len, fill: Arc::new(fill) })
    }

    /// Bytes of the piece.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Values(values) => size_of_val::<[i64]>(values),
            Self::Mapped { bytes, .. } => bytes.len(),
            Self::Computed(values) => values.len * 8,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same bytes, for as long as this chunk holds them.
    pub fn reborrow(&self) -> Chunk<'_> {
        match self {
            Self::Bytes(bytes) => Chunk::Bytes(Cow::Borrowed(bytes)),
            Self::Values(values) => Chunk::Values(Cow::Borrowed(values)),
            Self::Mapped { bytes, source } => Chunk::Mapped { bytes, source: *source },
            Self::Computed(values) => Chunk::Computed(values.clone()),
        }
    }

    /// Passes all bytes to `write`, those that are computed through the memory of `buffer`.
    pub fn write_to<E>(&self, buffer: &mut [i64], mut write: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Bytes(bytes) => write(bytes),
            Self::Values(values) => write(bytemuck::cast_slice(values)),
            Self::Mapped { bytes, .. } => write(bytes),
            Self::Computed(values) => {
                for start in (0..values.len).step_by(buffer.len()) {
                    let len = buffer.len().min(values.len - start);
                    let part = &mut buffer[..len];
                    (values.fill)(start, part);
                    write(bytemuck::cast_slice(part))?;
                }
                Ok(())
            }
        }
    }

    /// The bytes of pieces one after another.
    pub fn concat(chunks: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for chunk in chunks {
            let Ok(()) = chunk.write_to::<Infallible>(&mut [0; 64], |part| {
                bytes.extend_from_slice(part);
                Ok(())
            });
        }
        bytes
    }

    fn into_owned(self) -> Chunk<'static> {
        match self {
            Self::Bytes(bytes) => Chunk::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Values(values) => Chunk::Values(Cow::Owned(values.into_owned())),
            Self::Mapped { bytes, .. } => Chunk::Bytes(Cow::Owned(bytes.to_vec())),
            Self::Computed(Computed { len, fill }) => {
                let mut values = vec![0; len];
                fill(0, &mut values);
                Chunk::Values(Cow::Owned(values))
            }
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
