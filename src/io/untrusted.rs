//! Opening the members of an untrusted directory: only regular files, and only texts below a cap. Symbolic links to regular
//! files, which hubs put in place of the files themselves, are followed for reading, and never written through.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{At, Error, Result};
use crate::memory;

/// The largest text file. Most have a few bytes, but the `descr` of a structured dtype may be long.
const MAX_TEXT: u64 = 64 * 1024;

/// A file of a dataset that was opened once, so that its size and its bytes belong to the same file.
pub(crate) struct Member {
    pub path: PathBuf,
    pub file: File,
    pub size: u64,
    pub identity: FileId,
}

impl Member {
    /// Opens a regular file, or, for reading, one behind a symbolic link. It does not wait for the other end of a pipe.
    ///
    /// # Errors
    /// [`Error::Linked`]; [`Error::Corrupt`] for anything but a regular file; [`Error::Io`].
    pub fn open(path: &Path, write: bool) -> Result<Self> {
        let file = open_file(path, write)?;
        let found = file.metadata().at(path)?;
        if !found.is_file() {
            return Err(Error::corrupt(path, "this is not a regular file"));
        }
        Ok(Self { path: path.to_owned(), file, size: found.len(), identity: FileId::from(&found) })
    }
}

#[cfg(unix)]
fn open_file(path: &Path, write: bool) -> Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.read(true).write(write).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let source = match options.open(path) {
        Ok(file) => return Ok(file),
        Err(source) => source,
    };
    let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
    match (is_link, write) {
        (false, _) => Err(not_regular(path, source)),
        (true, true) => Err(Error::Linked { path: path.to_owned() }),
        (true, false) => {
            options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
            follow(options.open(path)).ok_or_else(|| {
                Error::corrupt(path, "this is a symbolic link, and not to a regular file that can be read")
            })
        }
    }
}

/// The file behind a link, if it is a regular one.
#[cfg(unix)]
fn follow(opened: io::Result<File>) -> Option<File> {
    opened.ok().filter(|file| file.metadata().is_ok_and(|found| found.is_file()))
}

#[cfg(not(unix))]
fn open_file(path: &Path, write: bool) -> Result<File> {
    OpenOptions::new().read(true).write(write).open(path).map_err(|error| not_regular(path, error))
}

/// Opens a regular file, as [`Member::open`].
pub(crate) fn open_member(path: &Path, write: bool) -> Result<File> {
    Member::open(path, write).map(|member| member.file)
}

/// Turns the error of a directory, a pipe or a socket into damage.
fn not_regular(path: &Path, source: io::Error) -> Error {
    let is_there = source.kind() != io::ErrorKind::NotFound;
    if is_there && path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
        return Error::corrupt(path, "this is not a regular file");
    }
    Error::Io { path: path.to_owned(), source }
}

/// Reads a text file. Since opening a dataset reads many of them, a short one takes a single system call: `pread` fails
/// on pipes, terminals and directories, so that no call is needed to check for a regular file.
#[cfg(unix)]
pub(crate) fn read_text(path: &Path) -> Result<Vec<u8>> {
    let mut text = [0; 128];
    let file = open_file(path, false)?;
    let read = rustix::io::pread(&file, &mut text, 0);
    let len = read.map_err(|error| not_regular(path, error.into()))?;
    if len < text.len() { Ok(text[..len].to_vec()) } else { read_at_most(path, MAX_TEXT) }
}

#[cfg(not(unix))]
pub(crate) fn read_text(path: &Path) -> Result<Vec<u8>> {
    read_at_most(path, MAX_TEXT)
}

/// Reads a file that may have at most `cap` bytes.
pub(crate) fn read_at_most(path: &Path, cap: u64) -> Result<Vec<u8>> {
    let member = Member::open(path, false)?;
    if member.size > cap {
        return Err(Error::corrupt(path, format!("the file has {} bytes, expected at most {cap}", member.size)));
    }
    // The file may grow while it is read.
    let mut bytes = memory::with_room(path, usize::try_from(member.size).unwrap_or_default())?;
    member.file.take(member.size).read_to_end(&mut bytes).at(path)?;
    Ok(bytes)
}

/// As [`read_at_most`]; `None` where the file does not exist.
pub(crate) fn read_optional(path: &Path, cap: u64) -> Result<Option<Vec<u8>>> {
    match read_at_most(path, cap) {
        Err(error) if error.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}

/// Fills `bytes` with those of the file from `offset` on.
pub(crate) fn read_at(file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)?;
    #[cfg(windows)]
    {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)?;
    }
    Ok(())
}

/// The first byte from `offset` on that is not in a hole; all before it are zeros. An untrusted file may claim a hole
/// that would take years to read.
#[cfg(target_os = "linux")]
pub(crate) fn skip_hole(file: &File, offset: u64) -> u64 {
    use rustix::fs::{SeekFrom, seek};
    match seek(file, SeekFrom::Data(offset)) {
        Ok(found) => found,
        Err(rustix::io::Errno::NXIO) => u64::MAX,
        Err(_) => offset,
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn skip_hole(_file: &File, offset: u64) -> u64 {
    offset
}

/// The size in bytes of a regular file, or of one behind a symbolic link.
pub(crate) fn size_of_member(path: &Path) -> Result<u64> {
    let own = path.symlink_metadata().at(path)?;
    let metadata = if own.is_symlink() { path.metadata().unwrap_or(own) } else { own };
    if metadata.is_file() { Ok(metadata.len()) } else { Err(Error::corrupt(path, "this is not a regular file")) }
}

/// Refuses a member's directory that is a symbolic link, or not a directory.
pub(crate) fn check_directory(path: &Path) -> Result<()> {
    if path.symlink_metadata().at(path)?.is_dir() {
        return Ok(());
    }
    Err(Error::corrupt(path, "this is not a directory"))
}

/// Identifies a file or directory, to notice that another has replaced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    /// `None` where `path` does not exist.
    pub fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().as_ref().map(Self::from)
    }
}

/// Tells a file from another that has replaced it, even if that got the number of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp(FileId, u64, Option<SystemTime>);

impl FileStamp {
    /// `None` where `path` does not exist.
    pub fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|found| Self(FileId::from(&found), found.len(), found.modified().ok()))
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

impl From<&Metadata> for FileId {
    #[cfg(unix)]
    fn from(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    #[cfg(not(unix))]
    fn from(metadata: &Metadata) -> Self {
        let created = metadata.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Self(0, created.map_or(0, |since| since.as_nanos() as u64))
    }
}

#[cfg(all(test, unix))]
mod tests;
