//! Strings on their way into the files.

use std::borrow::Cow;
use std::path::Path;

use super::View;
use crate::compression::{Codec, Compression};
use crate::error::Result;
use crate::extents::{ends_of, starts_of};
use crate::io::advice::PrefetchPolicy;
use crate::offsets::Offsets;
use crate::options::Options;
use crate::schema::{MemberNames, Role, Schema, no_dataset};
use crate::selection::MappedFile;
use crate::txn::{Chunk, DataAppend, MemberAppend, NewData, NewMember, Plan, Planner, check_exclusive};

/// What is stored of strings.
struct Frames<'a> {
    /// One after another, in pieces of any size.
    chunks: Vec<Chunk<'a>>,
    sizes: Sizes<'a>,
}

/// How many bytes are stored of each string.
enum Sizes<'a> {
    Lengths(Vec<i64>),
    Offsets(Offsets<'a>),
}

impl<'a> Sizes<'a> {
    fn len(&self) -> usize {
        match self {
            Self::Lengths(lengths) => lengths.len(),
            Self::Offsets(offsets) => offsets.len(),
        }
    }

    /// The values that a column gains, after strings that end at `end`.
    fn column(&self, role: Role, end: i64) -> Chunk<'a> {
        match (self, role) {
            (Self::Lengths(lengths), Role::Starts) => Chunk::Values(starts_of(end, lengths).into()),
            (Self::Lengths(lengths), _) => Chunk::Values(ends_of(end, lengths).into()),
            (Self::Offsets(offsets), Role::Starts) => offsets.starts(end),
            (Self::Offsets(offsets), _) => offsets.ends(end),
        }
    }
}

impl<'a> From<Vec<Cow<'a, [u8]>>> for Frames<'a> {
    /// One piece a string.
    fn from(bytes: Vec<Cow<'a, [u8]>>) -> Self {
        let lengths = bytes.iter().map(|frame| frame.len() as i64).collect();
        Self { chunks: bytes.into_iter().map(Chunk::Bytes).collect(), sizes: Sizes::Lengths(lengths) }
    }
}

impl Frames<'_> {
    fn compressed<S: AsRef<[u8]>>(codec: &Codec, dir: &Path, strings: &[S]) -> Result<Self> {
        let strings: Vec<&[u8]> = strings.iter().map(AsRef::as_ref).collect();
        let parts = codec.compress(dir, &strings)?;
        let lengths = parts.iter().flat_map(|part| &part.lengths).copied().collect();
        let chunks = parts.into_iter().map(|part| Chunk::Bytes(Cow::Owned(part.bytes))).collect();
        Ok(Self { chunks, sizes: Sizes::Lengths(lengths) })
    }
}

/// UTF-8 strings that lie one after another.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    pub bytes: &'a [u8],
    pub lengths: &'a [i64],
}

impl<'a> Packed<'a> {
    pub fn strings(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.bytes;
        self.lengths.iter().map_while(move |&len| {
            let (string, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            rest = after;
            Some(string)
        })
    }
}

/// Strings to append.
pub enum Payload<'a> {
    Strings(&'a [&'a [u8]]),
    Packed(&'a [Packed<'a>]),
    /// All that lie one after another in `bytes`, at these offsets.
    Gathered {
        bytes: &'a [u8],
        offsets: Offsets<'a>,
    },
    /// Those of another dataset, whose bytes are mapped by `data`.
    Stored {
        view: &'a View,
        indices: &'a [usize],
        data: &'a MappedFile,
    },
}

impl Payload<'_> {
    /// The strings themselves, where they are in memory.
    fn in_memory(&self) -> Option<Vec<&[u8]>> {
        match self {
            Self::Gathered { bytes, offsets } => {
                let bounds = offsets.within().zip(offsets.within().skip(1));
                Some(bounds.map(|(start, end)| bytes.get(start..end).unwrap_or_default()).collect())
            }
            Self::Strings(strings) => Some(strings.to_vec()),
            Self::Packed(parts) => Some(parts.iter().flat_map(Packed::strings).collect()),
            Self::Stored { .. } => None,
        }
    }

    /// The strings themselves.
    fn strings(&self) -> Result<Vec<Cow<'_, [u8]>>> {
        match self {
            Self::Stored { view, indices, .. } => view.gather(indices, PrefetchPolicy::IfCold),
            others => Ok(others.in_memory().unwrap_or_default().into_iter().map(Cow::Borrowed).collect()),
        }
    }

    /// What is stored of the strings in the dataset that `target` shows.
    fn frames(&self, target: &View) -> Result<Frames<'_>> {
        if let Self::Stored { view, indices, data } = self
            && view.is_stored_like(target)
        {
            let stored = view.stored_batch(indices, PrefetchPolicy::IfCold)?;
            let lengths = stored.iter().map(|bytes| bytes.len() as i64).collect();
            return Ok(Frames { chunks: data.runs(stored.into_iter()), sizes: Sizes::Lengths(lengths) });
        }
        self.frames_by(&target.dir, target.codec.as_deref())
    }

    /// What is stored of the strings with `codec`.
    fn frames_by(&self, dir: &Path, codec: Option<&Codec>) -> Result<Frames<'_>> {
        match (codec, self) {
            (Some(codec), _) => Frames::compressed(codec, dir, &self.strings()?),
            (None, Self::Packed(parts)) => {
                let lengths = parts.iter().flat_map(|part| part.lengths).copied().collect();
                let chunks = parts.iter().map(|part| part.bytes.into()).collect();
                Ok(Frames { chunks, sizes: Sizes::Lengths(lengths) })
            }
            (None, Self::Gathered { bytes, offsets }) => {
                Ok(Frames { chunks: vec![Chunk::from(*bytes)], sizes: Sizes::Offsets(*offsets) })
            }
            (None, _) => Ok(self.strings()?.into()),
        }
    }

    /// How the first strings of a dataset are compressed.
    pub fn codec(&self, dir: &Path, compression: Option<Compression>) -> Result<Option<Codec>> {
        let train = |wanted| Codec::train(dir, wanted, &self.in_memory().unwrap_or_default());
        compression.map(train).transpose()
    }

    /// The members of a dataset that holds these strings alone, stored with `codec`.
    pub fn new_members(&self, dir: &Path, names: &MemberNames, codec: Option<&Codec>) -> Result<Vec<NewMember<'_>>> {
        let Frames { mut chunks, sizes } = self.frames_by(dir, codec)?;
        let schema = Schema::strings(names);
        let member = |&role: &Role| {
            let (member, rows) = (schema.path(role), sizes.len() as u64);
            if role == Role::Data {
                let mut texts = schema.texts(role, None);
                texts.extend(codec.into_iter().flat_map(Codec::texts));
                let data = NewData::Chunks(std::mem::take(&mut chunks));
                return NewMember { member, texts, data, is_counted: false };
            }
            let texts = schema.texts(role, Some(&schema.column_header(role, rows)));
            let data = NewData::Chunks(vec![sizes.column(role, 0)]);
            NewMember { member, texts, data, is_counted: true }
        };
        Ok(schema.roles().iter().map(member).collect())
    }
}

/// The append of strings to a dataset.
pub(crate) struct Append<'a> {
    pub dir: &'a Path,
    pub options: &'a Options,
    /// How the first strings of all are compressed.
    pub compression: Option<Compression>,
    pub payload: &'a Payload<'a>,
    /// The strings that must be there, and no others: those of a build.
    pub expected: Option<usize>,
}

impl Planner for Append<'_> {
    type View = View;

    fn read(&self) -> Result<View> {
        View::open(self.dir, self.options, None)
    }

    fn plan<'a>(&'a self, view: &'a View) -> Result<Plan<'a>> {
        let names = &self.options.names;
        check_exclusive(self.dir, view.len, self.expected)?;
        if !view.exists {
            // Stored strings are appended to a dataset that was created before.
            if matches!(self.payload, Payload::Stored { .. }) {
                return Err(no_dataset(self.dir));
            }
            let codec = self.payload.codec(self.dir, self.compression)?;
            return Ok(Plan::Create(self.payload.new_members(self.dir, names, codec.as_ref())?));
        }
        let (Frames { mut chunks, sizes }, schema) = (self.payload.frames(view)?, Schema::strings(names));
        let append = |&role: &Role| {
            let member = schema.path(role);
            let (rows, offset) = (view.len as u64, view.end().cast_unsigned());
            if role == Role::Data {
                let data = DataAppend { offset, chunks: std::mem::take(&mut chunks) };
                return MemberAppend { member, rows: None, data: Some(data) };
            }
            let chunks = vec![sizes.column(role, view.end())];
            let rows = [rows, rows + sizes.len() as u64];
            let data = DataAppend { offset: rows[0] * 8, chunks };
            MemberAppend { member, rows: Some(rows), data: Some(data) }
        };
        Ok(Plan::Append(schema.roles().iter().map(append).collect()))
    }

    fn grown(&self, view: &View, appends: &[MemberAppend]) -> Result<View> {
        let end = appends.first().map_or(0, MemberAppend::end);
        let rows = appends.last().and_then(|starts| starts.rows).map_or(0, |[_, rows]| rows);
        let fit = |count| usize::try_from(count).unwrap_or(usize::MAX);
        view.grown(self.options, fit(rows), fit(end))
    }
}
