//! A record of what this thread does to files, for tests that replay it on a disk of their own.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// The number of a file or directory.
pub(crate) type Inode = u64;
/// An entry of a directory.
pub(crate) type Entry = (Inode, OsString);

/// A file operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Write {
        file: Inode,
        offset: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        file: Inode,
        len: u64,
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

pub(super) fn wrote(file: &File, offset: u64, bytes: &[u8]) {
    push(|| Op::Write { file: inode(file), offset, bytes: bytes.to_vec() });
}

/// The `len` bytes before `end` were copied by the kernel.
pub(super) fn copied(file: &File, end: u64, len: usize) {
    push(|| {
        let (mut bytes, offset) = (vec![0; len], end - len as u64);
        file.read_exact_at(&mut bytes, offset).unwrap();
        Op::Write { file: inode(file), offset, bytes }
    });
}

pub(super) fn truncated(file: &File, len: u64) {
    push(|| Op::Truncate { file: inode(file), len });
}

pub(super) fn synced(file: &File) {
    push(|| Op::Sync { inode: inode(file) });
}

/// There is something at `path`.
pub(super) fn entered(path: &Path) {
    push(|| Op::Enter { at: entry(path), inode: inode_at(path), is_dir: path.is_dir() });
}

/// There are directories down to `path`.
pub(super) fn entered_all(path: &Path) {
    let mut paths: Vec<_> = path.ancestors().filter(|path| path.parent().is_some()).collect();
    paths.reverse();
    paths.into_iter().for_each(entered);
}

pub(super) fn left(path: &Path) {
    push(|| Op::Leave { at: entry(path) });
}

/// All of a tree is about to be removed, leaves first.
pub(super) fn leaving(path: &Path) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() { leaving(&path) } else { left(&path) }
    }
    left(path);
}

pub(super) fn renamed(from: &Path, to: &Path) {
    push(|| Op::Rename { from: entry(from), to: entry(to), inode: inode_at(to) });
}

pub(super) fn exchanged(one: &Path, other: &Path) {
    push(|| Op::Exchange { entries: [one, other].map(entry), inodes: [one, other].map(inode_at) });
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
