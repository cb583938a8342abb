//! Strings on their way into the files.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use super::View;
use crate::commit::Source;
use crate::compression::Codec;
use crate::error::Result;
use crate::prefetch::When;

/// Strings whose offsets are in memory at once while data sets are joined.
const JOINED_AT_ONCE: usize = 1 << 20;
/// Their bytes, where they must be decompressed or compressed anew for it. A longer string is alone.
const RECODED_AT_ONCE: i64 = 16 << 20;

/// What is stored of strings.
pub struct Frames<'a> {
    /// One after another, in pieces of any size.
    pub bytes: Vec<Cow<'a, [u8]>>,
    pub lengths: Vec<i64>,
    /// Where all of them lie already, if they do.
    pub source: Option<Source<'a>>,
}

impl<'a> From<Vec<Cow<'a, [u8]>>> for Frames<'a> {
    /// One piece a string.
    fn from(bytes: Vec<Cow<'a, [u8]>>) -> Self {
        Self { lengths: bytes.iter().map(|frame| frame.len() as i64).collect(), bytes, source: None }
    }
}

impl Frames<'_> {
    pub fn compressed<S: AsRef<[u8]>>(codec: &Codec, dir: &Path, strings: &[S]) -> Result<Self> {
        let strings: Vec<&[u8]> = strings.iter().map(AsRef::as_ref).collect();
        let parts = codec.compress(dir, &strings)?;
        let lengths = parts.iter().flat_map(|part| &part.lengths).copied().collect();
        Ok(Self { bytes: parts.into_iter().map(|part| Cow::Owned(part.bytes)).collect(), lengths, source: None })
    }
}

/// UTF-8 strings one after another.
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
    /// As they are.
    Strings(&'a [&'a [u8]]),
    /// Some after others.
    Packed(&'a [Packed<'a>]),
    /// Those of another data set, whose `data.ninja` may be open in `file`.
    Stored { view: &'a View, indices: &'a [usize], file: Option<&'a File> },
}

impl Payload<'_> {
    /// The strings themselves.
    pub fn strings(&self) -> Result<Vec<Cow<'_, [u8]>>> {
        match self {
            Self::Strings(strings) => Ok(strings.iter().map(|string| Cow::Borrowed(*string)).collect()),
            Self::Packed(parts) => Ok(parts.iter().flat_map(Packed::strings).map(Cow::Borrowed).collect()),
            Self::Stored { view, indices, .. } => view.gather(indices),
        }
    }

    /// What is to be stored beside the strings that `target` shows.
    pub fn frames(&self, target: &View) -> Result<Frames<'_>> {
        if let Self::Stored { view, indices, file } = self
            && view.is_stored_like(target)
        {
            let stored = view.batch(indices, When::IfCold)?;
            let source = file.zip(view.contiguous(indices)).map(|(file, offset)| Source { file, offset });
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

/// Where the strings of `other` end that are joined at once to those that `view` shows, from `start` on.
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
    use crate::layout::Layout;
    use crate::mapping::Mode;
    use crate::strings::Strings;

    fn strings(dir: &Path, level: Option<i32>, lengths: &[usize]) -> Strings {
        let strings: Vec<String> = lengths.iter().map(|&len| "x".repeat(len)).collect();
        let compression = level.map(|level| Compression { level, dict_size: None });
        Strings::create(dir, &Layout::default(), compression, &strings).unwrap();
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
