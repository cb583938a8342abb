//! UTF-8 bytes of many strings one after another, with their offsets: the layout of Arrow's strings.

use std::path::Path;
use std::str::from_utf8;

use super::Strings;
use super::encode::Payload;
use crate::compression::Compression;
use crate::error::{Error, Result};
use crate::offsets::Offsets;
use crate::options::Options;
use crate::paths::absolute;
use crate::txn;

impl Strings {
    /// Writes new strings, which lie one after another, in place of whatever dataset is in `dir`. For the arguments, see
    /// [`Strings::append_gathered`]; of the options, creating uses the names, the durability, the timeout and the
    /// cancellation.
    ///
    /// # Errors
    /// As [`Strings::append_gathered`]; [`Error::Argument`] where no dictionary can be trained on the strings.
    pub fn create_gathered(
        dir: impl AsRef<Path>,
        options: &Options,
        compression: Option<Compression>,
        bytes: &[u8],
        offsets: &[i64],
    ) -> Result<()> {
        options.names.check()?;
        let dir = absolute(dir.as_ref())?;
        let payload = Payload::gathered(&dir, 0, bytes, offsets)?;
        let codec = payload.codec(&dir, compression)?;
        txn::create(&dir, options, &payload.new_members(&dir, &options.names, codec.as_ref())?)
    }

    /// Appends strings that lie one after another, as [`Strings::gather`] gives them, all of them or none: string `k` has
    /// the UTF-8 `bytes[offsets[k]..offsets[k + 1]]`. This is the layout of Arrow's strings.
    ///
    /// ```
    /// use mmap_ninja::{Mode, Strings};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("texts");
    /// let mut texts = Strings::open(&path, Mode::ReadOnly)?;
    /// texts.append_gathered("onezwei".as_bytes(), &[0, 3, 7])?;
    /// assert_eq!(texts.get(1)?, "zwei");
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] where an offset is less than the one before it, or outside of the bytes, or a string is not
    /// UTF-8; otherwise as [`Strings::append`]. Then nothing has changed.
    pub fn append_gathered(&mut self, bytes: &[u8], offsets: &[i64]) -> Result<()> {
        self.view.check_open()?;
        let payload = Payload::gathered(&self.view.dir, self.view.len, bytes, offsets)?;
        let is_nothing = offsets.len() == 1 && self.view.exists;
        if is_nothing { Ok(()) } else { self.append_payload(None, &payload, None) }
    }
}

impl<'a> Payload<'a> {
    /// The strings at `offsets` in `bytes`, the first of which will have the index `first`, after a check of all.
    pub fn gathered(dir: &Path, first: usize, bytes: &'a [u8], offsets: &'a [i64]) -> Result<Self> {
        let offsets = Offsets::new(dir, offsets, bytes.len())?;
        let bytes = &bytes[offsets.range()];
        if let Some(index) = first_invalid(bytes, offsets) {
            return Err(Error::Argument { what: format!("{}: string {} is not UTF-8", dir.display(), first + index) });
        }
        Ok(Self::Gathered { bytes, offsets })
    }
}

/// The first string that is not UTF-8 among those that fill `bytes`. All are if all bytes together are, and no string
/// begins within a character.
pub(super) fn first_invalid(bytes: &[u8], offsets: Offsets) -> Option<usize> {
    let invalid = match from_utf8(bytes) {
        Err(error) => Some(error.valid_up_to()),
        Ok(text) => offsets.within().find(|&offset| !text.is_char_boundary(offset)).map(|offset| offset - 1),
    };
    invalid.map(|position| offsets.sample_at(position as i64 + offsets.first()))
}
