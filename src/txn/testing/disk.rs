//! A simulated disk, and what it may hold after a power loss.
//!
//! The disk guarantees only this:
//! - `fsync` and `fdatasync` of a file make all its bytes and its size durable, and `fsync` of a directory all its
//!   entries. Neither makes the entry of the file or directory itself durable;
//! - a write of one sector is atomic. The simulation uses sectors of 16 bytes, real ones have 512 or more. Counts are
//!   the first 8 bytes of their files;
//! - a rename is atomic, and so is an exchange.
//!
//! Anything else may happen: each operation that was not synced may or may not reach the disk, in any order; a write
//! may be torn between any two sectors; a file may grow without its new bytes, which are then zeros or the remains of
//! another file.

use std::collections::{BTreeMap, btree_map};
use std::fmt::Write;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::random::Random;
use crate::txn::testing::trace::{DirEntry, Inode, Op};

const SECTOR: usize = 16;

/// Files and directories on disk.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Disk {
    root: Inode,
    entries: BTreeMap<DirEntry, Inode>,
    /// The contents of files. Inodes that are missing here are directories.
    files: BTreeMap<Inode, Vec<u8>>,
}

impl Disk {
    /// Copies all files and directories below `root`.
    pub fn read(root: &Path) -> Self {
        let inode = root.metadata().unwrap().ino();
        let mut disk = Self { root: inode, entries: BTreeMap::new(), files: BTreeMap::new() };
        disk.read_below(root, inode);
        disk
    }

    fn read_below(&mut self, dir: &Path, inode: Inode) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let (path, found) = (entry.path(), entry.metadata().unwrap());
            self.entries.insert((inode, entry.file_name()), found.ino());
            if found.is_dir() {
                self.read_below(&path, found.ino());
            } else {
                self.files.insert(found.ino(), fs::read(&path).unwrap());
            }
        }
    }

    /// Writes all files and directories below `root`, hard links included.
    pub fn write_to(&self, root: &Path) {
        self.write_below(self.root, root, &mut BTreeMap::new());
    }

    fn write_below(&self, dir: Inode, to: &Path, written: &mut BTreeMap<Inode, PathBuf>) {
        for ((_, name), inode) in self.entries.range((dir, "".into())..(dir + 1, "".into())) {
            let path = to.join(name);
            let Some(bytes) = self.files.get(inode) else {
                fs::create_dir(&path).unwrap();
                self.write_below(*inode, &path, written);
                continue;
            };
            match written.entry(*inode) {
                btree_map::Entry::Occupied(first) => fs::hard_link(first.get(), &path).unwrap(),
                btree_map::Entry::Vacant(first) => {
                    fs::write(&path, bytes).unwrap();
                    first.insert(path);
                }
            }
        }
    }

    /// A hash of all files and directories.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_below(self.root, &mut hasher);
        hasher.finish()
    }

    fn hash_below(&self, dir: Inode, hasher: &mut DefaultHasher) {
        for ((_, name), inode) in self.entries.range((dir, "".into())..(dir + 1, "".into())) {
            (name, self.files.get(inode)).hash(hasher);
            self.hash_below(*inode, hasher);
        }
        ")".hash(hasher);
    }

    /// Carries out an operation completely.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Write { file, offset, bytes } => self.store(*file, *offset, bytes, 0),
            Op::Truncate { file, len } => self.file(*file).resize(*len, 0),
            Op::Link { at, inode, is_dir } => self.link(at, *inode, *is_dir),
            Op::Unlink { at } => drop(self.entries.remove(at)),
            Op::Rename { from, to, inode } => {
                self.entries.remove(from);
                self.entries.insert(to.clone(), *inode);
            }
            Op::Exchange { entries, inodes } => self.entries.extend(entries.iter().cloned().zip(*inodes)),
            Op::Sync { .. } => {}
        }
    }

    /// Carries out a write of which only some sectors reach the disk, with or without the new size of the file.
    pub fn apply_torn(&mut self, op: &Op, random: &mut Random) {
        let Op::Write { file, offset, bytes } = op else { return self.apply(op) };
        let (offset, filler) = (*offset, if random.coin() { 0 } else { 0xA5 });
        if random.coin() {
            let end = offset + bytes.len();
            let file = self.file(*file);
            file.resize(file.len().max(end), filler);
        }
        let mut start = 0;
        while start < bytes.len() {
            let end = bytes.len().min(start + SECTOR - (offset + start) % SECTOR);
            if random.coin() {
                self.store(*file, offset + start, &bytes[start..end], filler);
            }
            start = end;
        }
    }

    /// The sizes and first bytes of all files, for messages.
    pub fn listing(&self) -> String {
        let mut lines = String::new();
        self.list_below(self.root, "", &mut lines);
        lines
    }

    fn list_below(&self, dir: Inode, prefix: &str, lines: &mut String) {
        for ((_, name), inode) in self.entries.range((dir, "".into())..(dir + 1, "".into())) {
            let path = format!("{prefix}/{}", name.display());
            if let Some(bytes) = self.files.get(inode) {
                let _ = writeln!(lines, "{path}: {} bytes, {:?}", bytes.len(), &bytes[..bytes.len().min(32)]);
            }
            self.list_below(*inode, &path, lines);
        }
    }

    fn file(&mut self, file: Inode) -> &mut Vec<u8> {
        self.files.entry(file).or_default()
    }

    fn store(&mut self, file: Inode, offset: usize, bytes: &[u8], filler: u8) {
        let (file, end) = (self.file(file), offset + bytes.len());
        file.resize(file.len().max(end), filler);
        file[offset..end].copy_from_slice(bytes);
    }

    fn link(&mut self, at: &DirEntry, inode: Inode, is_dir: bool) {
        self.entries.insert(at.clone(), inode);
        if !is_dir {
            self.file(inode);
        }
    }

    /// Whether an operation changes a file or directory below the root.
    pub fn is_changed_by(&self, op: &Op) -> bool {
        let mut after = self.clone();
        after.apply(op);
        self.is_below_root(op) && after != *self
    }

    fn is_below_root(&self, op: &Op) -> bool {
        let is_inside = |entry: &DirEntry| entry.0 == self.root || self.entries.values().any(|&inode| inode == entry.0);
        match op {
            Op::Link { at, .. } | Op::Unlink { at } => is_inside(at),
            _ => true,
        }
    }
}
