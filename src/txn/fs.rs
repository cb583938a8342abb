//! The seam through which every change to the file system passes, so that tests can let any of them fail, write half, or be
//! the last one of its process.

#[cfg(unix)]
use std::fs::Permissions;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::plan::{Chunk, Source};
use crate::error::{At, Error, Result};
use crate::io::untrusted::{open_member, read_at};

/// Small pieces are gathered into writes of at most this size.
const BUFFER: usize = 1 << 20;
/// Pieces of this size are written by themselves.
const LARGE: usize = BUFFER / 4;
/// Mapped pieces of this size are copied in the kernel. Below it, gathering them is faster. Tests let it copy all.
const COPIED: usize = if cfg!(test) { 1 } else { 64 << 10 };

/// A change to the file system.
#[cfg_attr(not(test), expect(dead_code, reason = "tests of faults and power failures look at what is changed"))]
pub(super) enum Change<'a> {
    Write {
        file: &'a File,
        offset: u64,
        bytes: &'a [u8],
    },
    /// Bytes are copied in the kernel.
    Copy {
        file: &'a File,
        offset: u64,
        len: u64,
    },
    SetLen {
        file: &'a File,
        len: u64,
    },
    Sync {
        file: &'a File,
    },
    SyncDirectory {
        path: &'a Path,
    },
    /// A new file, or another name of one.
    Create {
        path: &'a Path,
    },
    CreateDirectories {
        path: &'a Path,
    },
    Remove {
        path: &'a Path,
    },
    RemoveTree {
        path: &'a Path,
    },
    Rename {
        from: &'a Path,
        to: &'a Path,
    },
    Exchange {
        left: &'a Path,
        right: &'a Path,
    },
    /// Owner or mode.
    Permissions,
}

/// Carries out one change.
#[cfg(not(test))]
fn perform<T>(_change: &Change, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    act()
}

#[cfg(test)]
use super::testing::seam::perform;

/// Writes `chunks` one after another, from `offset` on.
pub(super) fn write_chunks(file: &File, path: &Path, mut offset: u64, chunks: &[Chunk]) -> Result<()> {
    let (mut buffer, mut computed) = (Vec::new(), Vec::new());
    for chunk in chunks {
        if matches!(chunk, Chunk::Computed(_)) && computed.is_empty() {
            computed.resize(BUFFER / 32, 0);
        }
        let is_alone = chunk.len() >= LARGE || (matches!(chunk, Chunk::Mapped { .. }) && chunk.len() >= COPIED);
        if is_alone || buffer.len() + chunk.len() > BUFFER {
            write_next(file, path, &mut offset, &buffer)?;
            buffer.clear();
        }
        if let Chunk::Mapped { source, .. } = chunk
            && is_alone
            && copy_range(*source, file, offset, chunk.len() as u64)
        {
            offset += chunk.len() as u64;
            continue;
        }
        chunk.write_to(&mut computed, |bytes| {
            if is_alone {
                return write_next(file, path, &mut offset, bytes);
            }
            buffer.extend_from_slice(bytes);
            Ok(())
        })?;
    }
    write_at(file, path, offset, &buffer)
}

fn write_next(file: &File, path: &Path, offset: &mut u64, bytes: &[u8]) -> Result<()> {
    write_at(file, path, *offset, bytes)?;
    *offset += bytes.len() as u64;
    Ok(())
}

/// Writes all of `bytes` at `offset`.
pub(super) fn write_at(file: &File, path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
    perform(&Change::Write { file, offset, bytes }, || write_all_at(file, offset, bytes)).at(path)
}

pub(super) fn write_all_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    #[cfg(windows)]
    {
        use std::io::{Seek, SeekFrom, Write};
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }
}

/// Copies bytes from file to file inside the kernel, which shares them where the file system can. Returns false where it
/// cannot, and some or all of them are still to be written.
#[cfg(target_os = "linux")]
fn copy_range(source: Source, target: &File, offset: u64, len: u64) -> bool {
    let (mut from, mut to) = (source.offset, offset);
    let copied = perform(&Change::Copy { file: target, offset, len }, || {
        while to < offset + len {
            let step = usize::try_from(offset + len - to).unwrap_or(usize::MAX).min(1 << 30);
            if rustix::fs::copy_file_range(source.file, Some(&mut from), target, Some(&mut to), step)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    });
    copied.is_ok()
}

#[cfg(not(target_os = "linux"))]
fn copy_range(_source: Source, _target: &File, _offset: u64, _len: u64) -> bool {
    false
}

/// The count at the beginning of a `shape.ninja`.
pub(super) fn read_rows(shape: &File) -> Option<u64> {
    let mut rows = [0; 8];
    read_at(shape, 0, &mut rows).ok()?;
    Some(u64::from_le_bytes(rows))
}

/// Overwrites committed bytes of a file in place.
pub(crate) fn overwrite(path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
    write_at(&open_member(path, true)?, path, offset, bytes)
}

/// Creates a file that does not exist yet.
pub(super) fn create_new(path: &Path) -> Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).open(path);
    perform(&Change::Create { path }, create).at(path)
}

/// A new file that will take the place of another.
pub(crate) struct StagedFile {
    file: File,
    path: PathBuf,
    end: u64,
}

impl StagedFile {
    /// Writes `bytes` behind those that were appended before.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        write_at(&self.file, &self.path, self.end, bytes)?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// Puts a file of `bytes` in the place of `path`, in one step that survives a power failure.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_file_with(path, |staged| staged.append(bytes))
}

/// Puts the file that `write` writes in the place of `path`, in one step that survives a power failure.
pub(crate) fn replace_file_with(path: &Path, write: impl FnOnce(&mut StagedFile) -> Result<()>) -> Result<()> {
    let mut staged = path.to_owned().into_os_string();
    staged.push(".new");
    let staged = PathBuf::from(staged);
    let _ = fs::remove_file(&staged);
    let written = create_new(&staged).and_then(|file| {
        let mut new = StagedFile { file, path: staged.clone(), end: 0 };
        write(&mut new)?;
        sync(&new.file, &staged)?;
        drop(new);
        rename_over(&staged, path)
    });
    if written.is_err() {
        let _ = remove_file(&staged);
    }
    written?;
    path.parent().map_or(Ok(()), sync_directory)
}

pub(super) fn truncate(file: &File, path: &Path, len: u64) -> Result<()> {
    perform(&Change::SetLen { file, len }, || file.set_len(len)).at(path)
}

pub(super) fn sync(file: &File, path: &Path) -> Result<()> {
    perform(&Change::Sync { file }, || file.sync_data()).at(path)
}

/// Makes the entries of a directory durable, where its file system can.
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    let sync = || match File::open(path)?.sync_all() {
        // CIFS and some FUSE file systems cannot sync a directory, and have no other way to make its entries durable.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    };
    perform(&Change::SyncDirectory { path }, || if cfg!(unix) { sync() } else { Ok(()) }).at(path)
}

pub(super) fn create_directories(path: &Path) -> Result<()> {
    perform(&Change::CreateDirectories { path }, || fs::create_dir_all(path)).at(path)
}

/// Creates a directory, for its owner alone if it is `private`.
pub(super) fn create_directory(path: &Path, is_private: bool) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    if is_private {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    perform(&Change::CreateDirectories { path }, || builder.create(path)).at(path)
}

pub(super) fn remove_file(path: &Path) -> Result<()> {
    perform(&Change::Remove { path }, || fs::remove_file(path)).at(path)
}

/// Removes an empty directory.
pub(super) fn remove_directory(path: &Path) -> Result<()> {
    perform(&Change::Remove { path }, || fs::remove_dir(path)).at(path)
}

/// Removes a directory and all it holds, if it is there.
pub(super) fn remove_tree(path: &Path) -> Result<()> {
    match perform(&Change::RemoveTree { path }, || fs::remove_dir_all(path)).at(path) {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

/// Hard-links a file, or copies it where the file system has no hard links. A pipe or device cannot be copied.
pub(super) fn link_or_copy_file(from: &Path, to: &Path) -> Result<()> {
    let copy = |error| if from.symlink_metadata()?.is_file() { fs::copy(from, to).map(drop) } else { Err(error) };
    perform(&Change::Create { path: to }, || fs::hard_link(from, to).or_else(copy)).at(to)
}

/// Gives `to` the mode of `from`, which was `found` to be what it is, and its owner, group, ACLs and extended attributes as
/// far as that is allowed. The owner can always read and write.
#[cfg(unix)]
pub(super) fn copy_permissions(from: &Path, found: &Metadata, to: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
    let now = to.symlink_metadata().at(to)?;
    if now.file_type() != found.file_type() {
        return Ok(());
    }
    if (now.uid(), now.gid()) != (found.uid(), found.gid()) {
        let _ = lchown(to, Some(found.uid()), Some(found.gid()));
    }
    copy_attributes(from, to);
    let mode = found.mode() | now.mode() & 0o700;
    if to.symlink_metadata().at(to)?.mode() == mode {
        return Ok(());
    }
    perform(&Change::Permissions, || fs::set_permissions(to, Permissions::from_mode(mode))).at(to)
}

#[cfg(not(unix))]
pub(super) fn copy_permissions(_from: &Path, _found: &Metadata, _to: &Path) -> Result<()> {
    Ok(())
}

/// Copies extended attributes, of which ACLs are some. What the system refuses stays behind.
#[cfg(target_os = "linux")]
fn copy_attributes(from: &Path, to: &Path) {
    use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};
    let mut names = vec![0; 1 << 16];
    let Ok(len) = llistxattr(from, &mut names) else { return };
    let mut value = vec![0; 1 << 16];
    for name in names[..len].split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        if let Ok(len) = lgetxattr(from, name, &mut value) {
            let _ = lsetxattr(to, name, &value[..len], XattrFlags::empty());
        }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn copy_attributes(_from: &Path, _to: &Path) {}

/// Renames `from` to `to` if nothing, or an empty directory, is there. Returns false where something is.
pub(super) fn rename_new(from: &Path, to: &Path) -> Result<bool> {
    match perform(&Change::Rename { from, to }, || fs::rename(from, to)).map_err(explain_overlay).at(to) {
        Ok(()) => Ok(true),
        Err(Error::Io { source, .. }) if is_occupied(&source) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Renames a file, replacing one that is there, or a directory.
pub(super) fn rename_over(from: &Path, to: &Path) -> Result<()> {
    perform(&Change::Rename { from, to }, || fs::rename(from, to)).at(to)
}

/// Fails where overlayfs refuses to rename or exchange `dir`, and changes nothing: `occupied` is a directory beside it that is
/// not empty, which no rename replaces, and overlayfs checks first whether it can rename `dir`.
#[cfg(target_os = "linux")]
pub(super) fn try_rename(dir: &Path, occupied: &Path) -> Result<()> {
    // There, and back should somebody have emptied that directory.
    let rename = || fs::rename(dir, occupied).and_then(|()| fs::rename(occupied, dir));
    match perform(&Change::Rename { from: dir, to: occupied }, rename) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Err(explain_overlay(error)).at(dir),
        _ => Ok(()),
    }
}

/// `rename` of a directory succeeds onto nothing and onto an empty directory, and otherwise fails with one of these.
fn is_occupied(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, PermissionDenied};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty) || (cfg!(windows) && error.kind() == PermissionDenied)
}

/// Swaps two directories, in one step where the system can.
pub(super) fn exchange(left: &Path, right: &Path) -> Result<()> {
    perform(&Change::Exchange { left, right }, || swap(left, right)).map_err(explain_overlay).at(right)
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn swap(left: &Path, right: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, left, CWD, right, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => swap_by_renames(left, right),
        other => Ok(other?),
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn swap(left: &Path, right: &Path) -> io::Result<()> {
    swap_by_renames(left, right)
}

/// Where the system has no exchange: three renames, of which the first is undone if the second fails.
fn swap_by_renames(left: &Path, right: &Path) -> io::Result<()> {
    let aside = left.with_extension("aside");
    fs::rename(right, &aside)?;
    if let Err(error) = fs::rename(left, right) {
        fs::rename(&aside, right)?;
        return Err(error);
    }
    fs::rename(&aside, left)
}

/// The system reports a link across devices when a directory in a lower layer of an overlay file system is renamed.
fn explain_overlay(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::CrossesDevices {
        return error;
    }
    let what = "cannot rename a directory in a lower overlayfs layer; copy it, and put the copy in its place";
    io::Error::new(io::ErrorKind::CrossesDevices, what)
}
