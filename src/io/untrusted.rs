//! Reading the members of a directory that may come from a stranger: regular files only, capped texts, no
//! symbolic links below the directory itself.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::{At, Error, Result};

/// Texts of the format are a few bytes; the `descr` of a structured dtype may be longer.
const MAX_TEXT: u64 = 64 * 1024;

/// A member that was opened once, so that its size and its bytes are those of one file.
pub(crate) struct Member {
    pub path: PathBuf,
    pub file: File,
    pub size: u64,
    pub identity: FileId,
}

impl Member {
    /// Opens a regular file, following no symbolic link and waiting for nobody.
    pub fn open(path: &Path, write: bool) -> Result<Self> {
        let file = open_file(path, write)?;
        let found = file.metadata().at(path)?;
        if !found.is_file() {
            return Err(Error::corrupt(path, "this is not a regular file"));
        }
        Ok(Self { path: path.to_owned(), file, size: found.len(), identity: FileId::from(&found) })
    }
}

fn open_file(path: &Path, write: bool) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(write);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    options.open(path).map_err(|error| not_regular(path, error))
}

/// The file of a member.
pub(crate) fn open_member(path: &Path, write: bool) -> Result<File> {
    Member::open(path, write).map(|member| member.file)
}

/// A refused link is damage, not an I/O error.
fn not_regular(path: &Path, source: io::Error) -> Error {
    let is_there = source.kind() != io::ErrorKind::NotFound;
    if is_there && path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
        return Error::corrupt(path, "this is not a regular file");
    }
    Error::Io { path: path.to_owned(), source }
}

/// The whole of a small member. An opening reads many of them, so each is read by one call where it is as small as
/// texts are. That call wants a position, which pipes, terminals and directories refuse: no other is needed to tell
/// that this is a regular file.
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

/// The whole of a member that is expected to have at most `cap` bytes.
pub(crate) fn read_at_most(path: &Path, cap: u64) -> Result<Vec<u8>> {
    let member = Member::open(path, false)?;
    if member.size > cap {
        return Err(Error::corrupt(path, format!("the file has more than {cap} bytes")));
    }
    // What the file gains meanwhile is left out.
    let mut bytes = Vec::with_capacity(usize::try_from(member.size).unwrap_or_default());
    member.file.take(member.size).read_to_end(&mut bytes).at(path)?;
    Ok(bytes)
}

/// The same, `None` where the member is not there.
pub(crate) fn read_optional(path: &Path, cap: u64) -> Result<Option<Vec<u8>>> {
    match read_at_most(path, cap) {
        Err(error) if error.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}

/// Fills `bytes` from `offset` on.
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

/// The first byte from `offset` on that takes space on the disk; all before it are zeros. A stranger's file may claim
/// more zeros than can be read in a lifetime.
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

/// The size of a regular file in bytes.
pub(crate) fn size_of_member(path: &Path) -> Result<u64> {
    let metadata = path.symlink_metadata().at(path)?;
    if metadata.is_file() { Ok(metadata.len()) } else { Err(Error::corrupt(path, "this is not a regular file")) }
}

/// Refuses a member directory that is a link or no directory.
pub(crate) fn check_directory(path: &Path) -> Result<()> {
    if path.symlink_metadata().at(path)?.is_dir() {
        return Ok(());
    }
    Err(Error::corrupt(path, "this is not a directory"))
}

/// Which directory a path leads to, to notice that it was exchanged for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    /// `None` where there is nothing.
    pub fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().as_ref().map(Self::from)
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
