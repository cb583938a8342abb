//! Everything that writes. The published files alone are the truth; at rest nothing else lies in a directory.
//!
//! **Append**, under an exclusive lock on the directory:
//! 1. `append.ninja`, the intent, states rows and bytes of every member before and after, with a CRC;
//! 2. the new bytes go to the committed end of every `data.ninja`;
//! 3. the row counts in every `shape.ninja` but the last are overwritten in place;
//! 4. the last one is overwritten: the commit point, from which every reader takes its length;
//! 5. the intent is removed.
//!
//! An error in 1 to 4 puts counts and sizes back. A process that dies leaves the intent, and the next writer
//! finishes the append where the commit point was reached and undoes it where it was not.
//!
//! **Create and replace**: the directory is built beside its place and renamed onto nothing, or exchanged with
//! what was there. Readers that have the old one open keep it.

mod append;
mod construction;
mod create;
mod cut;
#[cfg(test)]
pub(crate) mod fault;
mod fs;
mod intent;
mod leftovers;
mod lock;
mod members;
mod place;
mod recover;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace;

use std::fs::File;
use std::path::PathBuf;

pub(crate) use append::Writer;
pub use construction::Construction;
pub(crate) use create::{Build, NewMember, link_or_copy};
pub(crate) use cut::{Cut, cut, unfinished};
pub(crate) use fs::{overwrite, write_whole_file};
pub(crate) use intent::Entry;
pub(crate) use lock::DirLock;
#[cfg(feature = "python")]
pub(crate) use lock::interrupt_by;
pub(crate) use lock::stop_by;
pub(crate) use recover::{check_intent, has_intent, recover};

/// What a committed batch survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A killed process. What the kernel has not written yet is lost with the power.
    #[default]
    Process,
    /// A power failure as well: the steps of a commit wait for the disk.
    Full,
}

/// What an append adds to one member: a directory with a `data.ninja`, whose rows a `shape.ninja` counts.
pub(crate) struct Growth<'a> {
    /// The member's directory, relative to the data set's.
    pub member: PathBuf,
    /// Rows before and after; `None` for a member without a `shape.ninja`.
    pub rows: Option<[u64; 2]>,
    /// The committed end, in bytes.
    pub offset: u64,
    /// The new bytes, one piece after another.
    pub chunks: Vec<&'a [u8]>,
    /// The file in which the bytes of the only chunk lie already, if they do.
    pub source: Option<Source<'a>>,
}

/// Bytes of a file that can be copied without passing through this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub file: &'a File,
    pub offset: u64,
}

impl Growth<'_> {
    /// Bytes before and after.
    fn bytes(&self) -> [u64; 2] {
        [self.offset, self.offset + self.chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>()]
    }
}
