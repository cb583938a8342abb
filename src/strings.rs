//! UTF-8 strings, optionally compressed.

mod encode;
mod gathered;
mod index;
mod view;
#[cfg(feature = "python")]
mod whole;

use std::borrow::Cow;
use std::ops::{Bound, RangeBounds};
use std::path::Path;

pub(crate) use encode::{Append, Packed, Payload};
pub use index::{write_index, write_index_with};
pub(crate) use view::{NO_UTF8, View};

use crate::batch::Gathered;
use crate::batch::cast::Cast;
use crate::batch::gather::{arrow_offsets, concatenate, init_vec, total_len};
use crate::compression::Compression;
use crate::error::{Error, Result};
use crate::format::DATA;
use crate::io::advice::PrefetchPolicy;
use crate::io::mapping::{Access, Mode};
use crate::memory;
use crate::options::Options;
use crate::paths::absolute;
use crate::schema::no_dataset;
use crate::selection::{MappedFile, check_indices, for_each_block};
use crate::txn::{self, Writer};

/// UTF-8 strings in a directory.
///
/// ```
/// use mmap_ninja::{Mode, Strings};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("texts");
/// Strings::create(&path, None, &["one", "zwei"])?;
/// let mut texts = Strings::open(&path, Mode::ReadOnly)?;
/// texts.append(&["três"])?;
/// assert_eq!(texts.len(), 3);
/// assert_eq!(texts.get(2)?, "três");
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
#[derive(Debug)]
pub struct Strings {
    pub(crate) view: View,
    pub(crate) options: Options,
    writer: Writer,
}

/// A closed handle.
impl Default for Strings {
    fn default() -> Self {
        Self { view: View::closed(Path::new("")), options: Options::default(), writer: Writer::default() }
    }
}

impl Strings {
    /// Opens the strings in `dir`. A directory that does not exist, or is empty, holds no strings and can be appended to.
    /// `mode` governs assignment.
    ///
    /// # Errors
    /// [`Error::Argument`] for [`Mode::CopyOnWrite`], which strings do not have; [`Error::WrongKind`]; [`Error::Corrupt`] where the files contradict each other; [`Error::Io`].
    pub fn open(dir: impl AsRef<Path>, mode: Mode) -> Result<Self> {
        Self::open_with(dir, Options::from(mode))
    }

    /// As [`Strings::open`], with options.
    ///
    /// # Errors
    /// As [`Strings::open`]; [`Error::Argument`] where the names are not valid.
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        if options.mode == Mode::CopyOnWrite {
            return Err(Error::Argument { what: "strings cannot be opened copy-on-write".to_owned() });
        }
        options.names.check()?;
        let dir = absolute(dir.as_ref())?;
        let view = txn::retry_without_kept_files(|| View::open(&dir, &options, None))?;
        Ok(Self::of_view(view, options))
    }

    /// A handle that shows `view`.
    pub(crate) fn of_view(view: View, options: Options) -> Self {
        Self { view, options, writer: Writer::default() }
    }

    /// Writes new strings in place of whatever dataset is in `dir`.
    ///
    /// # Errors
    /// [`Error::Argument`] where no dictionary can be trained on them; [`Error::Io`]. Then nothing has changed.
    pub fn create<S: AsRef<str>>(dir: impl AsRef<Path>, compression: Option<Compression>, strings: &[S]) -> Result<()> {
        Self::create_with(dir, &Options::default(), compression, strings)
    }

    /// As [`Strings::create`], with options, of which creating uses the names, the durability, the timeout and the
    /// cancellation.
    ///
    /// # Errors
    /// As [`Strings::create`]; [`Error::Busy`]; [`Error::Interrupted`].
    pub fn create_with<S: AsRef<str>>(
        dir: impl AsRef<Path>,
        options: &Options,
        compression: Option<Compression>,
        strings: &[S],
    ) -> Result<()> {
        options.names.check()?;
        let (dir, strings) = (absolute(dir.as_ref())?, bytes_of(strings));
        let payload = Payload::Strings(&strings);
        let codec = payload.codec(&dir, compression)?;
        if strings.is_empty() {
            // Without strings there is no dataset, as in a directory that does not exist.
            return txn::create(&dir, options, &[]);
        }
        txn::create(&dir, options, &payload.new_members(&dir, &options.names, codec.as_ref())?)
    }

    /// Writes new strings as those of `other` are written: uncompressed, or with its level and dictionary.
    ///
    /// # Errors
    /// [`Error::Io`]. Then nothing has changed.
    pub fn create_like<S: AsRef<str>>(dir: impl AsRef<Path>, other: &Self, strings: &[S]) -> Result<()> {
        let dir = absolute(dir.as_ref())?;
        let (options, codec, strings) = (&other.options, other.view.codec.as_deref(), bytes_of(strings));
        txn::create(&dir, options, &Payload::Strings(&strings).new_members(&dir, &options.names, codec)?)
    }

    /// Appends strings, all of them or none.
    ///
    /// # Errors
    /// [`Error::Closed`]; [`Error::Busy`]; [`Error::Interrupted`]; [`Error::Corrupt`]; [`Error::Io`]. Then nothing has
    /// changed.
    pub fn append<S: AsRef<str>>(&mut self, strings: &[S]) -> Result<()> {
        self.view.check_open()?;
        if strings.is_empty() { Ok(()) } else { self.append_payload(None, &Payload::Strings(&bytes_of(strings)), None) }
    }

    /// Appends strings of a build, which lie one after another, if no others are there than this handle shows. The first
    /// of all are stored with `compression`, and decide how the others are.
    pub(crate) fn append_packed(&mut self, compression: Option<Compression>, parts: &[Packed]) -> Result<()> {
        self.append_payload(compression, &Payload::Packed(parts), Some(self.len()))
    }

    fn append_payload(
        &mut self,
        compression: Option<Compression>,
        payload: &Payload,
        expected: Option<usize>,
    ) -> Result<()> {
        let dir = self.view.dir.clone();
        let append = Append { dir: &dir, options: &self.options, compression, payload, expected };
        self.view = self.writer.append(&append, &self.view, &dir, &self.options)?;
        Ok(())
    }

    /// Appends all strings of `other`. Where both are stored alike, the bytes are copied within the kernel.
    ///
    /// # Errors
    /// As [`Strings::append`]. Strings that were appended before the error stay.
    pub fn join(&mut self, other: &Self) -> Result<()> {
        self.extend_from(other, 0..other.len())
    }

    /// Appends the strings of `other` at `indices`, which may repeat, in that order. Where both are stored alike, bytes that
    /// are long, or lie one after another, are copied within the kernel. Without a dataset in this directory, one with the
    /// compression of `other` is created, even if there are no indices.
    ///
    /// ```
    /// use mmap_ninja::{Mode, Strings};
    /// # let dir = tempfile::tempdir().unwrap();
    /// Strings::create(dir.path().join("all"), None, &["one", "two", "three"])?;
    /// let mut chosen = Strings::open(dir.path().join("chosen"), Mode::ReadOnly)?;
    /// chosen.extend_from(&Strings::open(dir.path().join("all"), Mode::ReadOnly)?, 1..3)?;
    /// assert_eq!(chosen.get(0)?, "two");
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfRange`]. Then nothing has changed. As [`Strings::append`], after which strings that were appended
    /// before the error stay.
    pub fn extend_from(
        &mut self,
        other: &Self,
        indices: impl IntoIterator<Item = usize, IntoIter: Clone>,
    ) -> Result<()> {
        self.view.check_open()?;
        let (view, indices) = (&other.view, indices.into_iter());
        check_indices(indices.clone(), view.len, |index| view.out_of_range(index))?;
        if !self.view.exists && view.exists {
            let (dir, codec) = (self.view.dir.clone(), view.codec.as_deref());
            txn::create(&dir, &self.options, &Payload::Strings(&[]).new_members(&dir, &self.options.names, codec)?)?;
            self.refresh()?;
        }
        let data = MappedFile::open(&view.extents.data, &view.dir.join(DATA), other.options.mode);
        let is_copied = view.is_stored_like(&self.view);
        for_each_block(
            indices,
            |chosen| view.extents.prefetch_rows(chosen, &view.columns()),
            |index| {
                if is_copied { Ok(view.stored(index)?.len() as u64) } else { Ok(view.length(index)?.cast_unsigned()) }
            },
            |block| self.append_payload(None, &Payload::Stored { view, indices: block, data: &data }, None),
        )
    }

    /// Tells the kernel how the files will be read from now on, those that hold offsets and shapes included.
    pub fn advise(&self, access: Access) {
        self.view.advise(access);
    }

    /// Releases the files. Every later call is [`Error::Closed`].
    pub fn close(&mut self) {
        self.view = View::closed(&self.view.dir);
        self.writer = Writer::default();
    }

    /// Overwrites strings with others of as many bytes, after a check of all of them. An index of the strings is not used
    /// from then on.
    ///
    /// # Errors
    /// [`Error::Busy`]; [`Error::Interrupted`]; [`Error::ReadOnly`]; [`Error::Argument`] where the strings are compressed; [`Error::Shape`] where a string
    /// has another size; [`Error::OutOfRange`]; [`Error::Io`].
    pub fn set<S: AsRef<str>>(&mut self, changes: &[(usize, S)]) -> Result<()> {
        let dir = self.view.dir.clone();
        if !self.options.mode.is_writable() {
            return Err(Error::ReadOnly { path: dir.to_path_buf() });
        }
        if self.view.codec.is_some() {
            let what = format!("{}: compressed strings cannot be assigned to; append them instead", dir.display());
            return Err(Error::Argument { what });
        }
        for (index, string) in changes {
            check_size(&dir, *index, self.view.stored(*index)?.len(), string.as_ref().len())?;
        }
        let _lock = if changes.is_empty() { None } else { txn::revoke_stamp(&dir, &self.options)? };
        for (index, string) in changes {
            let offset = self.view.extents.starts.values()[*index].cast_unsigned();
            txn::overwrite(&dir.join(DATA), offset, string.as_ref().as_bytes())?;
        }
        Ok(())
    }

    /// The UTF-8 of the strings at `indices`, one after another, and the byte at which each begins.
    ///
    /// # Errors
    /// As [`Strings::get`]; [`Error::Io`] where no memory holds the batch.
    pub fn gather(&self, indices: &[usize]) -> Result<Gathered> {
        let strings = self.view.gather(indices, PrefetchPolicy::IfCold)?;
        let pieces: Vec<&[u8]> = memory::collect(&self.view.dir, strings.iter().map(AsRef::as_ref))?;
        let lengths = || pieces.iter().map(|piece| piece.len());
        let cast = Cast::none(1);
        let bytes = init_vec(&self.view.dir, total_len(lengths(), cast), |out| concatenate(&pieces, cast, out))?;
        Ok(Gathered { bytes, offsets: arrow_offsets(&self.view.dir, lengths())? })
    }

    /// Asks the kernel to read the strings at `indices` soon, without waiting for it.
    ///
    /// # Errors
    /// As [`Strings::get`].
    pub fn prefetch(&self, indices: &[usize]) -> Result<()> {
        self.view.stored_batch(indices, PrefetchPolicy::Always).map(drop)
    }

    /// Bytes of every string, as UTF-8.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a compressed string does not state its size.
    pub fn lengths(&self) -> Result<Vec<i64>> {
        self.view.lengths()
    }

    /// The first position of `text` in `range`; `None` where it is not there. After [`write_index`], only texts that were
    /// appended since are compared one by one. Before, all texts in `range` are.
    ///
    /// An index lists every text that it covers. It is used as long as nobody else writes to the texts. Where that is
    /// not certain, as in a copy of the dataset, the first call reads the covered bytes to compare their checksums.
    ///
    /// ```
    /// use mmap_ninja::{Mode, Strings};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("names");
    /// Strings::create(&path, None, &["a.jpg", "b.jpg", "a.jpg"])?;
    /// let names = Strings::open(&path, Mode::ReadOnly)?;
    /// assert_eq!(names.index_of("a.jpg", ..)?, Some(0));
    /// assert_eq!(names.index_of("a.jpg", 1..)?, Some(2));
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`]; [`Error::Interrupted`] if the cancellation of the options asks for it; [`Error::Corrupt`] where a
    /// text that is compared is damaged.
    pub fn index_of(&self, text: &str, range: impl RangeBounds<usize>) -> Result<Option<usize>> {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => usize::MAX,
        };
        let (view, text, mut range) = (&self.view, text.as_bytes(), start..end);
        match view.find_at_once(text, &mut range, false)? {
            None if !range.is_empty() => view.find_in_rest(text, range, &self.options.cancel),
            found => Ok(found),
        }
    }

    /// Reads again what is there, with what others have appended since.
    ///
    /// # Errors
    /// As [`Strings::open`]; [`Error::Io`] where the strings that this handle shows are gone.
    pub fn refresh(&mut self) -> Result<()> {
        self.view.check_open()?;
        let view = View::open(&self.view.dir, &self.options, None)?;
        if self.view.exists && !view.exists {
            return Err(no_dataset(&self.view.dir));
        }
        self.view = view;
        Ok(())
    }

    /// The number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.len
    }

    /// Whether there are no strings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The zstd level of compressed strings.
    #[must_use]
    pub fn level(&self) -> Option<i32> {
        self.view.codec.as_ref().map(|codec| codec.level())
    }

    /// The string at `index`: where it lies, or decompressed.
    ///
    /// # Errors
    /// [`Error::OutOfRange`]; [`Error::Corrupt`] where its offsets do not fit the data, or it is not UTF-8.
    pub fn get(&self, index: usize) -> Result<Cow<'_, str>> {
        let not_utf8 = || self.view.damaged(index, NO_UTF8);
        match self.view.item(index)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| not_utf8()),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| not_utf8()),
        }
    }
}

fn check_size(dir: &Path, index: usize, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let what = format!("{}: string {index} has {expected} bytes, the new one has {found}", dir.display());
    Err(Error::Shape { what })
}

fn bytes_of<S: AsRef<str>>(strings: &[S]) -> Vec<&[u8]> {
    strings.iter().map(|string| string.as_ref().as_bytes()).collect()
}
