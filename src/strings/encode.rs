//! Strings on their way into the files.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use super::View;
use crate::compression::{Codec, Compression};
use crate::error::Result;
use crate::extents::{ends_of, starts_of};
use crate::io::advice::PrefetchPolicy;
use crate::options::Options;
use crate::schema::{MemberNames, Role, Schema, no_dataset};
use crate::txn::{Chunk, DataAppend, MemberAppend, NewData, NewMember, Plan, Planner, Source, check_exclusive};

/// Strings whose offsets are in memory at once while data sets are joined.
const JOINED_AT_ONCE: usize = 1 << 20;
/// Bytes of strings that are decompressed or compressed at once while datasets are joined. A longer string is alone.
const RECODED_AT_ONCE: i64 = 16 << 20;

/// What is stored of strings.
struct Frames<'a> {
    /// One after another, in pieces of any size.
    bytes: Vec<Cow<'a, [u8]>>,
    lengths: Vec<i64>,
    /// Where all of them lie already, if they do.
    source: Option<Source<'a>>,
}

impl<'a> From<Vec<Cow<'a, [u8]>>> for Frames<'a> {
    /// One piece a string.
    fn from(bytes: Vec<Cow<'a, [u8]>>) -> Self {
        Self { lengths: bytes.iter().map(|frame| frame.len() as i64).collect(), bytes, source: None }
    }
}

impl Frames<'_> {
    fn compressed<S: AsRef<[u8]>>(codec: &Codec, dir: &Path, strings: &[S]) -> Result<Self> {
        let strings: Vec<&[u8]> = strings.iter().map(AsRef::as_ref).collect();
        let parts = codec.compress(dir, &strings)?;
        let lengths = parts.iter().flat_map(|part| &part.lengths).copied().collect();
        Ok(Self { bytes: parts.into_iter().map(|part| Cow::Owned(part.bytes)).collect(), lengths, source: None })
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
    /// Those of another dataset, whose `data.ninja` may be open in `file`.
    Stored {
        view: &'a View,
        indices: &'a [usize],
        file: Option<&'a File>,
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
        if let Self::Stored { view, indices, file } = self
            && view.is_stored_like(target)
        {
            let stored = view.stored_batch(indices, PrefetchPolicy::IfCold)?;
            let range = indices.first().zip(indices.last()).map(|(&first, &last)| first..last + 1);
            let bytes = range.and_then(|range| view.extents.contiguous(range, 1));
            let source = file.zip(bytes).map(|(file, bytes)| Source { file, offset: bytes.start as u64 });
            return Ok(Frames { source, ..Frames::from(stored.into_iter().map(Cow::Borrowed).collect::<Vec<_>>()) });
        }
        match (target.codec.as_deref(), self) {
            (Some(codec), _) => Frames::compressed(codec, &target.dir, &self.strings()?),
            (None, Self::Packed(parts)) => Ok(Frames {
                bytes: parts.iter().map(|part| Cow::Borrowed(part.bytes)).collect(),
                lengths: parts.iter().flat_map(|part| part.lengths).copied().collect(),
                source: None,
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
        let (Frames { bytes, lengths, mut source }, schema) = (self.payload.frames(view)?, Schema::strings(names));
        let mut chunks: Vec<_> = bytes.into_iter().map(Chunk::Bytes).collect();
        let append = |&role: &Role| {
            let member = schema.path(role);
            let (rows, offset) = (view.len as u64, view.end().cast_unsigned());
            if role == Role::Data {
                let (chunks, source) = (std::mem::take(&mut chunks), source.take());
                return MemberAppend { member, rows: None, data: Some(DataAppend { offset, chunks, source }) };
            }
            let chunks = vec![Chunk::Values(column(role, view.end(), &lengths).into())];
            let rows = [rows, rows + lengths.len() as u64];
            let data = DataAppend { offset: rows[0] * 8, chunks, source: None };
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
    let Frames { bytes, lengths, .. } = match codec {
        None => strings.iter().map(|&string| Cow::Borrowed(string)).collect::<Vec<_>>().into(),
        Some(codec) => Frames::compressed(codec, dir, strings)?,
    };
    let schema = Schema::strings(names);
    let mut chunks: Vec<_> = bytes.into_iter().map(Chunk::Bytes).collect();
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

/// The end of the part of `other`, from `start` on, that is appended at once to the strings that `view` shows.
pub fn end_of_part(view: &View, other: &View, start: usize) -> Result<usize> {
    let most = other.len.min(start + JOINED_AT_ONCE);
    if other.is_stored_like(view) {
        return Ok(most);
    }
    let mut bytes = 0;
    for index in start..most {
        bytes += other.length(index)?;
        if bytes > RECODED_AT_ONCE && index > start {
            return Ok(index);
        }
    }
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::Compression;
    use crate::io::mapping::Mode;
    use crate::strings::Strings;

    fn strings(dir: &Path, level: Option<i32>, lengths: &[usize]) -> Strings {
        let strings: Vec<String> = lengths.iter().map(|&len| "x".repeat(len)).collect();
        let compression = level.map(|level| Compression { level, dict_size: None });
        Strings::create(dir, compression, &strings).unwrap();
        Strings::open(dir, Mode::ReadOnly).unwrap()
    }

    #[test]
    fn strings_that_are_decompressed_to_be_joined_are_few_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut plain = strings(&dir.path().join("plain"), None, &[1]);
        let mut lengths = vec![1 << 20; 20];
        lengths.extend([40 << 20, 1]);
        let packed = strings(&dir.path().join("packed"), Some(1), &lengths);
        let end = |start| end_of_part(&plain.view, &packed.view, start).unwrap();
        assert_eq!([end(0), end(16), end(20), end(21)], [16, 20, 21, 22]);
        assert_eq!(end_of_part(&packed.view, &packed.view, 0).unwrap(), 22);
        plain.join(&packed).unwrap();
        assert_eq!(plain.lengths().unwrap()[1..], lengths.iter().map(|&len| len as i64).collect::<Vec<_>>());
    }
}
