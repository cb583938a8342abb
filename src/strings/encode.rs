//! Strings on their way into the files.

use std::borrow::Cow;
use std::path::Path;

use super::View;
use crate::compression::{Codec, Compression};
use crate::error::Result;
use crate::extents::{ends_of, starts_of};
use crate::io::advice::PrefetchPolicy;
use crate::options::Options;
use crate::schema::{MemberNames, Role, Schema, no_dataset};
use crate::selection::MappedFile;
use crate::txn::{Chunk, DataAppend, MemberAppend, NewData, NewMember, Plan, Planner, check_exclusive};

/// What is stored of strings.
struct Frames<'a> {
    /// One after another, in pieces of any size.
    chunks: Vec<Chunk<'a>>,
    lengths: Vec<i64>,
}

impl<'a> From<Vec<Cow<'a, [u8]>>> for Frames<'a> {
    /// One piece a string.
    fn from(bytes: Vec<Cow<'a, [u8]>>) -> Self {
        let lengths = bytes.iter().map(|frame| frame.len() as i64).collect();
        Self { chunks: bytes.into_iter().map(Chunk::Bytes).collect(), lengths }
    }
}

impl Frames<'_> {
    fn compressed<S: AsRef<[u8]>>(codec: &Codec, dir: &Path, strings: &[S]) -> Result<Self> {
        let strings: Vec<&[u8]> = strings.iter().map(AsRef::as_ref).collect();
        let parts = codec.compress(dir, &strings)?;
        let lengths = parts.iter().flat_map(|part| &part.lengths).copied().collect();
        Ok(Self { chunks: parts.into_iter().map(|part| Chunk::Bytes(Cow::Owned(part.bytes))).collect(), lengths })
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
    /// Those of another dataset, whose bytes are mapped by `data`.
    Stored {
        view: &'a View,
        indices: &'a [usize],
        data: &'a MappedFile,
    },
}

impl Payload<'_> {
    /// The strings themselves, where they are in memory.
    pub fn in_memory(&self) -> Option<Vec<&[u8]>> {
        match self {
            Self::Strings(strings) => Some(strings.to_vec()),
            Self::Packed(parts) => Some(parts.iter().flat_map(Packed::strings).collect()),
            Self::Stored { .. } => None,
        }
    }

    /// The strings themselves.
    fn strings(&self) -> Result<Vec<Cow<'_, [u8]>>> {
        match self {
            Self::Stored { view, indices, .. } => view.gather(indices),
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
            return Ok(Frames { chunks: data.runs(stored.into_iter()), lengths });
        }
        match (target.codec.as_deref(), self) {
            (Some(codec), _) => Frames::compressed(codec, &target.dir, &self.strings()?),
            (None, Self::Packed(parts)) => Ok(Frames {
                chunks: parts.iter().map(|part| part.bytes.into()).collect(),
                lengths: parts.iter().flat_map(|part| part.lengths).copied().collect(),
            }),
            (None, _) => Ok(self.strings()?.into()),
        }
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
            let strings = self.payload.in_memory().ok_or_else(|| no_dataset(self.dir))?;
            let codec = self.compression.map(|wanted| Codec::train(self.dir, wanted, &strings)).transpose()?;
            return Ok(Plan::Create(new_members(self.dir, names, codec.as_ref(), &strings)?));
        }
        let (Frames { mut chunks, lengths }, schema) = (self.payload.frames(view)?, Schema::strings(names));
        let append = |&role: &Role| {
            let member = schema.path(role);
            let (rows, offset) = (view.len as u64, view.end().cast_unsigned());
            if role == Role::Data {
                let data = DataAppend { offset, chunks: std::mem::take(&mut chunks) };
                return MemberAppend { member, rows: None, data: Some(data) };
            }
            let chunks = vec![Chunk::Values(column(role, view.end(), &lengths).into())];
            let rows = [rows, rows + lengths.len() as u64];
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

/// The members of a dataset that holds these strings alone.
pub(crate) fn new_members<'a>(
    dir: &Path,
    names: &MemberNames,
    codec: Option<&Codec>,
    strings: &[&'a [u8]],
) -> Result<Vec<NewMember<'a>>> {
    let Frames { mut chunks, lengths } = match codec {
        None => strings.iter().map(|&string| Cow::Borrowed(string)).collect::<Vec<_>>().into(),
        Some(codec) => Frames::compressed(codec, dir, strings)?,
    };
    let schema = Schema::strings(names);
    let member = |&role: &Role| {
        let (member, rows) = (schema.path(role), lengths.len() as u64);
        if role == Role::Data {
            let mut texts = schema.texts(role, None);
            texts.extend(codec.into_iter().flat_map(Codec::texts));
            return NewMember { member, texts, data: NewData::Chunks(std::mem::take(&mut chunks)), is_counted: false };
        }
        let texts = schema.texts(role, Some(&schema.column_header(role, rows)));
        let data = NewData::Chunks(vec![Chunk::Values(column(role, 0, &lengths).into())]);
        NewMember { member, texts, data, is_counted: true }
    };
    Ok(schema.roles().iter().map(member).collect())
}

/// The values that a column gains, after strings that end at `end`.
fn column(role: Role, end: i64, lengths: &[i64]) -> Vec<i64> {
    if role == Role::Starts { starts_of(end, lengths) } else { ends_of(end, lengths) }
}
