//! UTF-8 strings, optionally compressed.

mod payload;
mod view;

pub(crate) use payload::Packed;
use payload::{Frames, Payload, end_of_part};
pub(crate) use view::View;

use std::borrow::Cow;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::batch::offsets;
use crate::column;
use crate::commit::{self, Build, DirLock, Growth, NewMember, Writer};
use crate::compression::{Codec, Compression};
use crate::error::{Error, Result};
use crate::format::{DATA, Kind, TYPE};
use crate::gather::{concatenate, offsets as batch_offsets, total, written};
use crate::layout::Layout;
use crate::mapping::Mode;
use crate::options::Options;
use crate::prefetch::When;
use crate::ragged::Gathered;
use crate::storage::Identity;

/// UTF-8 strings in a directory.
///
/// ```
/// use mmap_ninja::{Mode, Strings};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("texts");
/// Strings::create(&path, &Default::default(), None, &["one", "zwei"])?;
/// let mut texts = Strings::open(&path, Mode::ReadOnly)?;
/// texts.append(&["três"])?;
/// assert_eq!(texts.len(), 3);
/// assert_eq!(texts.get(2)?, "três");
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
#[derive(Debug)]
pub struct Strings {
    view: View,
    options: Options,
    writer: Option<(Identity, Writer)>,
}

impl Strings {
    /// Opens the strings in `dir`. A directory that is not there, or is empty, holds no strings and can be
    /// appended to. `mode` governs assignment; [`Mode::CopyOnWrite`] does not apply to strings.
    ///
    /// # Errors
    /// [`Error::WrongKind`], [`Error::Corrupt`] where the files contradict each other, [`Error::Io`].
    pub fn open(dir: impl AsRef<Path>, mode: Mode) -> Result<Self> {
        Self::open_with(dir, Options::from(mode))
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`Strings::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        if options.mode == Mode::CopyOnWrite {
            return Err(Error::Argument { what: "strings cannot be opened copy-on-write".to_owned() });
        }
        options.layout.check()?;
        let view = View::open(&crate::absolute(dir.as_ref())?, &options)?;
        Ok(Self { view, options, writer: None })
    }

    /// Writes new strings in place of whatever data set is in `dir`.
    ///
    /// # Errors
    /// [`Error::Argument`] where no dictionary can be trained on them; [`Error::Io`]. Then nothing has changed.
    pub fn create<S: AsRef<str>>(
        dir: impl AsRef<Path>,
        layout: &Layout,
        compression: Option<Compression>,
        strings: &[S],
    ) -> Result<()> {
        let options = Options { layout: layout.clone(), ..Options::default() };
        Self::create_with(dir, &options, compression, strings)
    }

    /// The same with options, of which a new data set heeds the layout, the durability and the timeout.
    ///
    /// # Errors
    /// As [`Strings::create`]; [`Error::Busy`].
    pub fn create_with<S: AsRef<str>>(
        dir: impl AsRef<Path>,
        options: &Options,
        compression: Option<Compression>,
        strings: &[S],
    ) -> Result<()> {
        options.layout.check()?;
        create(&crate::absolute(dir.as_ref())?, options, compression, &bytes_of(strings))
    }

    /// Writes new strings as those of `other` are written: not at all compressed, or with its level and dictionary.
    ///
    /// # Errors
    /// [`Error::Io`]. Then nothing has changed.
    pub fn create_like<S: AsRef<str>>(dir: impl AsRef<Path>, other: &Self, strings: &[S]) -> Result<()> {
        let dir = crate::absolute(dir.as_ref())?;
        let build = Build::beside(&dir)?;
        write_new(&build, &dir, &other.options.layout, other.view.codec.as_deref(), &bytes_of(strings))?;
        build.publish(&dir, &other.options)
    }

    /// Appends strings, all of them or none.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Corrupt`], [`Error::Io`]. Then nothing has changed.
    pub fn append<S: AsRef<str>>(&mut self, strings: &[S]) -> Result<()> {
        self.view.check_open()?;
        if strings.is_empty() { Ok(()) } else { self.append_payload(&Payload::Strings(&bytes_of(strings))) }
    }

    fn append_payload(&mut self, payload: &Payload) -> Result<()> {
        let dir = self.view.dir.clone();
        loop {
            if let Some(lock) = DirLock::acquire(&dir, self.options.timeout)? {
                return self.append_locked(payload, &lock);
            }
            if self.view.exists {
                // Strings that this handle shows are not there any more; beginning anew would hide that.
                return Err(Error::Io { path: dir.to_path_buf(), source: ErrorKind::NotFound.into() });
            }
            let build = Build::beside(&dir)?;
            write_new(&build, &dir, &self.options.layout, None, &payload.strings()?)?;
            if build.publish_new(&dir, self.options.durability)? {
                return self.refresh();
            }
        }
    }

    /// Appends a part of a long build, of which the first one settles how all are compressed.
    pub(crate) fn append_part(&mut self, compression: Option<Compression>, part: &[Packed]) -> Result<()> {
        if self.view.exists {
            return self.append_payload(&Payload::Packed(part));
        }
        let strings: Vec<&[u8]> = part.iter().flat_map(Packed::strings).collect();
        create(&self.view.dir, &self.options, compression, &strings)?;
        self.refresh()
    }

    fn append_locked(&mut self, payload: &Payload, lock: &DirLock) -> Result<()> {
        let dir = self.view.dir.clone();
        let last = self.writer.take().filter(|(identity, _)| *identity == lock.identity());
        if let Some((_, writer)) = last
            && self.grow(&self.view.clone(), payload, lock, Some(writer))?
        {
            return Ok(());
        }
        commit::recover(&dir, lock)?;
        let view = View::open(&dir, &self.options)?;
        if !view.exists {
            let build = Build::beside(&dir)?;
            write_new(&build, &dir, &self.options.layout, None, &payload.strings()?)?;
            build.replace(&dir, lock, self.options.durability)?;
            return self.refresh();
        }
        self.grow(&view, payload, lock, None).map(drop)
    }

    /// Appends to what `view` shows, with the files that are open already if nobody else has written since; `false`
    /// if somebody has.
    fn grow(&mut self, view: &View, payload: &Payload, lock: &DirLock, writer: Option<Writer>) -> Result<bool> {
        let Frames { bytes, lengths, source } = payload.frames(view)?;
        let (starts, ends) = offsets(view.end(), &lengths);
        let (rows, offset) = (view.len as u64, view.end().cast_unsigned());
        let chunks = bytes.iter().map(AsRef::as_ref).collect();
        let growths = [
            Growth { member: PathBuf::new(), rows: None, offset, chunks, source },
            column::growth(self.options.layout.ends.clone().into(), rows, &ends),
            column::growth(self.options.layout.starts.clone().into(), rows, &starts),
        ];
        let writer = match writer {
            Some(writer) if !writer.is_current(&growths) => return Ok(false),
            Some(writer) => writer,
            None => Writer::open(&view.dir, &growths)?,
        };
        self.view = writer.append(lock, &growths, self.options.durability, || view.grown(&self.options, &ends))?;
        self.writer = writer.kept().map(|writer| (lock.identity(), writer));
        Ok(true)
    }

    /// Appends all strings of `other`; where both are stored alike, their bytes are copied within the kernel.
    ///
    /// # Errors
    /// As [`Strings::append`]. Strings that were appended before the error stay.
    pub fn join(&mut self, other: &Self) -> Result<()> {
        if !self.view.exists && other.view.exists {
            let build = Build::beside(&self.view.dir)?;
            write_new::<&[u8]>(&build, &self.view.dir, &self.options.layout, other.view.codec.as_deref(), &[])?;
            build.publish(&self.view.dir, &self.options)?;
            self.refresh()?;
        }
        let data = other.view.data.reopen(&other.view.dir.join(DATA));
        let mut start = 0;
        while start < other.len() {
            let end = end_of_part(&self.view, &other.view, start)?;
            self.join_part(&other.view, &(start..end).collect::<Vec<_>>(), data.as_ref())?;
            start = end;
        }
        Ok(())
    }

    fn join_part(&mut self, other: &View, indices: &[usize], file: Option<&File>) -> Result<()> {
        let dir = self.view.dir.clone();
        let lock = DirLock::acquire(&dir, self.options.timeout)?;
        let lock = lock.ok_or_else(|| Error::corrupt(&*dir, "the directory went away while strings were appended"))?;
        self.append_locked(&Payload::Stored { view: other, indices, file }, &lock)
    }

    /// Overwrites strings with others of as many bytes, after a check of all of them.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; [`Error::Argument`] where the strings are compressed; [`Error::Shape`] where a string
    /// has another size; [`Error::OutOfRange`]; [`Error::Io`].
    pub fn set<S: AsRef<str>>(&mut self, changes: &[(usize, S)]) -> Result<()> {
        let dir = self.view.dir.clone();
        if !self.options.mode.is_writable() {
            return Err(Error::ReadOnly { path: dir.to_path_buf() });
        }
        if self.view.codec.is_some() {
            let what = format!("{}: compressed strings cannot be assigned to; append them anew", dir.display());
            return Err(Error::Argument { what });
        }
        for (index, string) in changes {
            check_size(&dir, *index, self.view.stored(*index)?.len(), string.as_ref().len())?;
        }
        for (index, string) in changes {
            let offset = self.view.starts.values()[*index].cast_unsigned();
            commit::overwrite(&dir.join(DATA), offset, string.as_ref().as_bytes())?;
        }
        Ok(())
    }

    /// The UTF-8 of the strings at `indices`, one after another, and the byte at which each begins.
    ///
    /// # Errors
    /// As [`Strings::get`]; [`Error::Io`] where no memory holds the batch.
    pub fn gather(&self, indices: &[usize]) -> Result<Gathered> {
        let strings = self.view.gather(indices)?;
        let pieces: Vec<&[u8]> = strings.iter().map(AsRef::as_ref).collect();
        let lengths = || pieces.iter().map(|piece| piece.len());
        let bytes = written(&self.view.dir, total(lengths()), |out| concatenate(&pieces, out))?;
        Ok(Gathered { bytes, offsets: batch_offsets(lengths()) })
    }

    /// Asks the kernel to read the strings at `indices` soon, without waiting for it.
    ///
    /// # Errors
    /// As [`Strings::get`].
    pub fn prefetch(&self, indices: &[usize]) -> Result<()> {
        self.view.batch(indices, When::Always).map(drop)
    }

    /// Bytes of every string, as UTF-8.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a compressed string does not state its size.
    pub fn lengths(&self) -> Result<Vec<i64>> {
        self.view.lengths()
    }

    /// Reads again what is there, with what others have appended since.
    ///
    /// # Errors
    /// As [`Strings::open`].
    pub fn refresh(&mut self) -> Result<()> {
        self.view.check_open()?;
        self.view = View::open(&self.view.dir, &self.options)?;
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
        let not_utf8 = || self.view.damaged(index, "it is not UTF-8");
        match self.view.bytes(index)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| not_utf8()),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| not_utf8()),
        }
    }

    /// A handle to nothing, until it is opened.
    #[cfg(feature = "python")]
    pub(crate) fn closed() -> Self {
        Self { view: View::closed(Path::new("")), options: Options::default(), writer: None }
    }

    /// Lets go of the files.
    #[cfg(feature = "python")]
    pub(crate) fn close(&mut self) {
        self.view = View::closed(&self.view.dir);
        self.writer = None;
    }

    #[cfg(feature = "python")]
    pub(crate) fn layout(&self) -> &Layout {
        &self.options.layout
    }

    #[cfg(feature = "python")]
    pub(crate) fn view(&self) -> &View {
        &self.view
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

/// Writes new strings in place of whatever data set is in `dir`.
fn create(dir: &Path, options: &Options, compression: Option<Compression>, strings: &[&[u8]]) -> Result<()> {
    let codec = compression.map(|wanted| Codec::train(dir, wanted, strings)).transpose()?;
    let build = Build::beside(dir)?;
    // No strings are no data set yet, as in a directory that is not there.
    if !strings.is_empty() {
        write_new(&build, dir, &options.layout, codec.as_ref(), strings)?;
    }
    build.publish(dir, options)
}

/// Writes a data set that holds these strings alone.
fn write_new<S: AsRef<[u8]>>(
    build: &Build,
    dir: &Path,
    layout: &Layout,
    codec: Option<&Codec>,
    strings: &[S],
) -> Result<()> {
    let frames = match codec {
        None => strings.iter().map(|string| Cow::Borrowed(string.as_ref())).collect::<Vec<_>>().into(),
        Some(codec) => Frames::compressed(codec, dir, strings)?,
    };
    let (starts, ends) = offsets(0, &frames.lengths);
    let mut texts = vec![(TYPE, Kind::String.name().into())];
    texts.extend(codec.into_iter().flat_map(Codec::texts));
    let data = Some(frames.bytes.iter().map(AsRef::as_ref).collect());
    build.write(&NewMember { path: PathBuf::new(), texts, data, padded: false })?;
    build.write(&column::create(layout.starts.clone().into(), &starts, false))?;
    build.write(&column::create(layout.ends.clone().into(), &ends, false))
}
