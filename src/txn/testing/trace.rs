//! Records the file operations of this thread, for tests that replay them on a simulated disk.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::txn::fs::Change;

/// The inode number of a file or directory.
pub(crate) type Inode = u64;
/// An entry: the directory, and the name in it.
pub(crate) type DirEntry = (Inode, OsString);

/// A file operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Write {
        file: Inode,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: Inode,
        len: usize,
    },
    /// A new entry for a file or directory, which may itself be new.
    Link {
        at: DirEntry,
        inode: Inode,
        is_dir: bool,
    },
    Unlink {
        at: DirEntry,
    },
    Rename {
        from: DirEntry,
        to: DirEntry,
        inode: Inode,
    },
    /// Two entries, and the inode of each afterwards.
    Exchange {
        entries: [DirEntry; 2],
        inodes: [Inode; 2],
    },
    /// All earlier changes of this file or directory are durable.
    Sync {
        inode: Inode,
    },
}

impl Op {
    /// Whether a sync of this file or directory makes the operation durable.
    pub fn touches(&self, inode: Inode) -> bool {
        match self {
            Self::Write { file, .. } | Self::Truncate { file, .. } => *file == inode,
            Self::Link { at, .. } | Self::Unlink { at } => at.0 == inode,
            Self::Rename { from, to, .. } => from.0 == inode || to.0 == inode,
            Self::Exchange { entries, .. } => entries.iter().any(|entry| entry.0 == inode),
            Self::Sync { .. } => false,
        }
    }
}

thread_local! {
    static TRACE: RefCell<Option<Vec<Op>>> = const { RefCell::new(None) };
}

/// Runs `act`; also returns its file operations.
pub(crate) fn record<T>(act: impl FnOnce() -> T) -> (T, Vec<Op>) {
    TRACE.replace(Some(Vec::new()));
    let outcome = act();
    (outcome, TRACE.take().unwrap_or_default())
}

fn push(op: impl FnOnce() -> Op) {
    TRACE.with_borrow_mut(|trace| {
        if let Some(ops) = trace {
            ops.push(op());
        }
    });
}

/// Records a change that was made.
pub(super) fn record_change(change: &Change) {
    match *change {
        Change::Write { file, offset, bytes } => {
            push(|| Op::Write { file: inode(file), offset: to_usize(offset), bytes: bytes.to_vec() });
        }
        Change::Copy { file, offset, len } => push(|| {
            let mut bytes = vec![0; to_usize(len)];
            file.read_exact_at(&mut bytes, offset).unwrap();
            Op::Write { file: inode(file), offset: to_usize(offset), bytes }
        }),
        Change::SetLen { file, len } => push(|| Op::Truncate { file: inode(file), len: to_usize(len) }),
        Change::Sync { file } => push(|| Op::Sync { inode: inode(file) }),
        Change::SyncDirectory { path } => push(|| Op::Sync { inode: inode_at(path) }),
        Change::Create { path } => record_entry(path),
        Change::CreateDirectories { path } => {
            let mut paths: Vec<_> = path.ancestors().filter(|path| path.parent().is_some()).collect();
            paths.reverse();
            paths.into_iter().for_each(record_entry);
        }
        Change::Remove { path } => push(|| Op::Unlink { at: entry(path) }),
        Change::Rename { from, to } => {
            push(|| Op::Rename { from: entry(from), to: entry(to), inode: inode_at(to) });
        }
        Change::Exchange { left, right } => {
            push(|| Op::Exchange { entries: [left, right].map(entry), inodes: [left, right].map(inode_at) });
        }
        // The removal of a tree is recorded before it happens. Permissions are not simulated.
        Change::RemoveTree { .. } | Change::Permissions => {}
    }
}

fn record_entry(path: &Path) {
    push(|| Op::Link { at: entry(path), inode: inode_at(path), is_dir: path.is_dir() });
}

/// Records the removal of a whole tree, leaves first.
pub(super) fn record_removal(path: &Path) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            record_removal(&path);
        } else {
            record_change(&Change::Remove { path: &path });
        }
    }
    record_change(&Change::Remove { path });
}

fn to_usize(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

fn inode(file: &File) -> Inode {
    file.metadata().unwrap().ino()
}

fn inode_at(path: &Path) -> Inode {
    path.metadata().unwrap().ino()
}

fn entry(path: &Path) -> DirEntry {
    (inode_at(path.parent().unwrap()), path.file_name().unwrap().to_owned())
}
