//! A record of what this thread does to files, for tests that replay it on a disk of their own.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::txn::fs::Change;

/// The number of a file or directory.
pub(crate) type Inode = u64;
/// An entry of a directory.
pub(crate) type Entry = (Inode, OsString);

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
    /// A name for a file or directory, which may be a new one.
    Enter {
        at: Entry,
        inode: Inode,
        is_dir: bool,
    },
    Leave {
        at: Entry,
    },
    Rename {
        from: Entry,
        to: Entry,
        inode: Inode,
    },
    /// Two entries, and what each is afterwards.
    Exchange {
        entries: [Entry; 2],
        inodes: [Inode; 2],
    },
    /// What was done to this file or directory is on disk.
    Sync {
        inode: Inode,
    },
}

impl Op {
    /// Whether a sync of this file or directory makes the operation durable.
    pub fn touches(&self, inode: Inode) -> bool {
        match self {
            Self::Write { file, .. } | Self::Truncate { file, .. } => *file == inode,
            Self::Enter { at, .. } | Self::Leave { at } => at.0 == inode,
            Self::Rename { from, to, .. } => from.0 == inode || to.0 == inode,
            Self::Exchange { entries, .. } => entries.iter().any(|entry| entry.0 == inode),
            Self::Sync { .. } => false,
        }
    }
}

thread_local! {
    static TRACE: RefCell<Option<Vec<Op>>> = const { RefCell::new(None) };
}

/// Runs `act`; also returns what it did.
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
            push(|| Op::Write { file: inode(file), offset: place(offset), bytes: bytes.to_vec() });
        }
        Change::Copy { file, offset, len } => push(|| {
            let mut bytes = vec![0; place(len)];
            file.read_exact_at(&mut bytes, offset).unwrap();
            Op::Write { file: inode(file), offset: place(offset), bytes }
        }),
        Change::SetLen { file, len } => push(|| Op::Truncate { file: inode(file), len: place(len) }),
        Change::Sync { file } => push(|| Op::Sync { inode: inode(file) }),
        Change::SyncDirectory { path } => push(|| Op::Sync { inode: inode_at(path) }),
        Change::Create { path } => record_entry(path),
        Change::CreateDirectories { path } => {
            let mut paths: Vec<_> = path.ancestors().filter(|path| path.parent().is_some()).collect();
            paths.reverse();
            paths.into_iter().for_each(record_entry);
        }
        Change::Remove { path } => push(|| Op::Leave { at: entry(path) }),
        Change::Rename { from, to } => {
            push(|| Op::Rename { from: entry(from), to: entry(to), inode: inode_at(to) });
        }
        Change::Exchange { left, right } => {
            push(|| Op::Exchange { entries: [left, right].map(entry), inodes: [left, right].map(inode_at) });
        }
        // Removals of trees are recorded before they happen; a power failure may change no permissions.
        Change::RemoveTree { .. } | Change::Permissions => {}
    }
}

fn record_entry(path: &Path) {
    push(|| Op::Enter { at: entry(path), inode: inode_at(path), is_dir: path.is_dir() });
}

/// Records that all of a tree is about to be removed, leaves first.
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

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

fn inode(file: &File) -> Inode {
    file.metadata().unwrap().ino()
}

fn inode_at(path: &Path) -> Inode {
    path.metadata().unwrap().ino()
}

fn entry(path: &Path) -> Entry {
    (inode_at(path.parent().unwrap()), path.file_name().unwrap().to_owned())
}
