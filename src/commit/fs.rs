//! The file operations that change something. All writing of the crate goes through this seam.

#[cfg(unix)]
use std::fs::Permissions;
use std::fs::{self, File, Metadata, OpenOptions};
use std::path::{Path, PathBuf};

use super::Source;
#[cfg(test)]
use super::trace;
use crate::error::{At, Error, Result};
use crate::storage::open_member;

/// Pieces below this size are gathered into one write.
const BUFFER: usize = 1 << 20;

/// Lets a test's fault happen; `true` where only half of a write is to be done.
#[cfg_attr(not(test), expect(clippy::unnecessary_wraps, reason = "nothing happens but in tests"))]
fn gate(path: &Path) -> Result<bool> {
    #[cfg(test)]
    let is_half = super::fault::gate().at(path)? == super::fault::Extent::Half;
    #[cfg(not(test))]
    let (is_half, _) = (false, path);
    Ok(is_half)
}

/// What a fault leaves of an operation that writes no bytes: nothing.
fn pass(path: &Path) -> Result<()> {
    if gate(path)? { Err(std::io::Error::other("cut short")).at(path) } else { Ok(()) }
}

/// Writes `chunks` one after another, from `offset` on.
pub(super) fn write_chunks(file: &File, path: &Path, mut offset: u64, chunks: &[&[u8]]) -> Result<()> {
    let mut buffer = Vec::new();
    for chunk in chunks {
        if buffer.len() + chunk.len() > BUFFER {
            offset = write_at(file, path, offset, &buffer)?;
            buffer.clear();
        }
        if chunk.len() >= BUFFER / 4 {
            offset = write_at(file, path, offset, &buffer)?;
            buffer.clear();
            offset = write_at(file, path, offset, chunk)?;
        } else {
            buffer.extend_from_slice(chunk);
        }
    }
    write_at(file, path, offset, &buffer).map(drop)
}

/// Copies bytes from file to file inside the kernel, which shares them where the file system can; `false` where it
/// cannot do so, and some or all are still to be written.
#[cfg(target_os = "linux")]
pub(super) fn copy_range(source: Source, target: &File, mut at: u64, mut len: u64) -> bool {
    if !matches!(gate(Path::new("")), Ok(false)) {
        return false;
    }
    let mut from = source.offset;
    while len > 0 {
        let step = usize::try_from(len).unwrap_or(usize::MAX).min(1 << 30);
        match rustix::fs::copy_file_range(source.file, Some(&mut from), target, Some(&mut at), step) {
            Ok(copied) if copied > 0 => {
                len -= copied as u64;
                #[cfg(test)]
                trace::copied(target, at, copied);
            }
            _ => return false,
        }
    }
    true
}

#[cfg(not(target_os = "linux"))]
pub(super) fn copy_range(_source: Source, _target: &File, _at: u64, _len: u64) -> bool {
    false
}

/// Writes all of `bytes` at `offset`; returns the end.
pub(super) fn write_at(file: &File, path: &Path, offset: u64, bytes: &[u8]) -> Result<u64> {
    if gate(path)? {
        write_whole(file, path, offset, &bytes[..bytes.len() / 2])?;
        return Err(std::io::Error::other("cut short")).at(path);
    }
    write_whole(file, path, offset, bytes)?;
    Ok(offset + bytes.len() as u64)
}

fn write_whole(file: &File, path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
    #[cfg(unix)]
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset).at(path)?;
    #[cfg(windows)]
    {
        use std::io::{Seek, SeekFrom, Write};
        let mut file = file;
        file.seek(SeekFrom::Start(offset)).at(path)?;
        file.write_all(bytes).at(path)?;
    }
    #[cfg(test)]
    trace::wrote(file, offset, bytes);
    Ok(())
}

/// The count that a `shape.ninja` begins with.
pub(super) fn read_rows(shape: &File) -> Option<u64> {
    let mut rows = [0; 8];
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(shape, &mut rows, 0).ok()?;
    #[cfg(windows)]
    {
        use std::io::{Read, Seek, SeekFrom};
        let mut shape = shape;
        shape.seek(SeekFrom::Start(0)).ok()?;
        shape.read_exact(&mut rows).ok()?;
    }
    Some(u64::from_le_bytes(rows))
}

/// Overwrites committed bytes of a file in place.
pub(crate) fn overwrite(path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
    write_at(&open_member(path, true)?, path, offset, bytes).map(drop)
}

/// Creates a file that is not there yet.
pub(super) fn create_new(path: &Path) -> Result<File> {
    pass(path)?;
    let file = OpenOptions::new().write(true).create_new(true).open(path).at(path)?;
    #[cfg(test)]
    trace::entered(path);
    Ok(file)
}

/// Puts a file of `bytes` in the place of `path`, in one step and safe from a loss of power.
pub(crate) fn write_whole_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let _ = fs::remove_file(&beside);
    let written = create_new(&beside).and_then(|file| {
        write_at(&file, &beside, 0, bytes)?;
        sync(&file, &beside)?;
        pass(path)?;
        fs::rename(&beside, path).at(path)
    });
    if written.is_err() {
        let _ = remove_file(&beside);
    }
    written?;
    path.parent().map_or(Ok(()), sync_directory)
}

pub(super) fn truncate(file: &File, path: &Path, len: u64) -> Result<()> {
    pass(path)?;
    file.set_len(len).at(path)?;
    #[cfg(test)]
    trace::truncated(file, len);
    Ok(())
}

pub(super) fn sync(file: &File, path: &Path) -> Result<()> {
    pass(path)?;
    file.sync_data().at(path)?;
    #[cfg(test)]
    trace::synced(file);
    Ok(())
}

/// Makes the entries of a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    pass(path)?;
    if cfg!(unix) {
        let directory = File::open(path).at(path)?;
        directory.sync_all().at(path)?;
        #[cfg(test)]
        trace::synced(&directory);
    }
    Ok(())
}

pub(super) fn create_directories(path: &Path) -> Result<()> {
    pass(path)?;
    fs::create_dir_all(path).at(path)?;
    #[cfg(test)]
    trace::entered_all(path);
    Ok(())
}

pub(super) fn remove_file(path: &Path) -> Result<()> {
    pass(path)?;
    fs::remove_file(path).at(path)?;
    #[cfg(test)]
    trace::left(path);
    Ok(())
}

/// Removes an empty directory.
pub(super) fn remove_directory(path: &Path) -> Result<()> {
    pass(path)?;
    fs::remove_dir(path).at(path)?;
    #[cfg(test)]
    trace::left(path);
    Ok(())
}

/// Removes a directory and all it holds; nothing to do where it is not there.
pub(super) fn remove_tree(path: &Path) -> Result<()> {
    pass(path)?;
    #[cfg(test)]
    trace::leaving(path);
    match fs::remove_dir_all(path).at(path) {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

/// A second name for a file, or a copy where the file system has no such thing. A pipe has no copy.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    pass(to)?;
    fs::hard_link(from, to)
        .or_else(|error| if from.symlink_metadata()?.is_file() { fs::copy(from, to).map(drop) } else { Err(error) })
        .at(to)?;
    #[cfg(test)]
    trace::entered(to);
    Ok(())
}

/// Gives a path the owner, where that is allowed, and the permissions that another was `found` to have. Its maker keeps
/// what a maker may do.
#[cfg(unix)]
pub(super) fn set_permissions(path: &Path, found: &Metadata) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
    let now = path.symlink_metadata().at(path)?;
    if (now.uid(), now.gid()) != (found.uid(), found.gid()) {
        let _ = lchown(path, Some(found.uid()), Some(found.gid()));
    }
    let mode = found.mode() | now.mode() & 0o700;
    if now.file_type() != found.file_type() || now.mode() == mode {
        return Ok(());
    }
    pass(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode)).at(path)
}

#[cfg(not(unix))]
pub(super) fn set_permissions(_path: &Path, _found: &Metadata) -> Result<()> {
    Ok(())
}

/// Renames `from` to `to` if nothing (or an empty directory) is there; `false` where something is.
pub(super) fn rename_new(from: &Path, to: &Path) -> Result<bool> {
    pass(to)?;
    match fs::rename(from, to).map_err(explained).at(to) {
        Ok(()) => {
            #[cfg(test)]
            trace::renamed(from, to);
            Ok(true)
        }
        Err(Error::Io { source, .. }) if is_occupied(&source) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Renames a file, onto another if need be, or a directory.
pub(super) fn rename_over(from: &Path, to: &Path) -> Result<()> {
    pass(to)?;
    fs::rename(from, to).at(to)?;
    #[cfg(test)]
    trace::renamed(from, to);
    Ok(())
}

/// `rename` of a directory succeeds onto nothing and onto an empty directory, and says one of these otherwise.
fn is_occupied(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, PermissionDenied};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty) || (cfg!(windows) && error.kind() == PermissionDenied)
}

/// Swaps two directories in one step.
#[cfg(target_os = "linux")]
pub(super) fn exchange(left: &Path, right: &Path) -> Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    pass(right)?;
    match renameat_with(CWD, left, CWD, right, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => return exchange_by_renames(left, right),
        other => other.map_err(|error| explained(error.into())).at(right)?,
    }
    #[cfg(test)]
    trace::exchanged(left, right);
    Ok(())
}

/// What the system calls a link across devices when it moves a directory within one.
fn explained(error: std::io::Error) -> std::io::Error {
    use std::io::ErrorKind::CrossesDevices;
    if error.kind() != CrossesDevices {
        return error;
    }
    let what = "a directory in a lower layer of the file system cannot be moved; put a copy in its place, or remove it";
    std::io::Error::new(CrossesDevices, what)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn exchange(left: &Path, right: &Path) -> Result<()> {
    exchange_by_renames(left, right)
}

/// Where the system has no exchange: three renames, the first undone if the second fails.
fn exchange_by_renames(left: &Path, right: &Path) -> Result<()> {
    pass(right)?;
    let aside = left.with_extension("aside");
    fs::rename(right, &aside).at(right)?;
    if let Err(error) = fs::rename(left, right) {
        fs::rename(&aside, right).at(right)?;
        return Err(error).at(right);
    }
    fs::rename(&aside, left).at(left)
}
