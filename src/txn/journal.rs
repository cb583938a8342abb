//! The journal of an append, `append.ninja`: rows and bytes of every member before and after it.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plan::{DataAppend, MemberAppend};
use crate::error::{Error, Result};
use crate::format::{DATA, JOURNAL, framed};
use crate::io::untrusted::read_optional;
use crate::schema::portable_name;

/// More than any journal that this crate writes.
const MAX_JOURNAL: u64 = 1 << 20;

/// What one member had before the append, and has after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The member's directory, relative to the dataset's.
    pub member: String,
    /// Rows before and after.
    pub rows: Option<[u64; 2]>,
    /// Bytes before and after; `None` for a member without a `data.ninja`.
    pub bytes: Option<[u64; 2]>,
}

/// An entry for every member, the commit point last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    pub entries: Vec<Entry>,
}

/// Whether an append to the dataset in `dir` is under way, or was interrupted.
pub(crate) fn has_journal(dir: &Path) -> bool {
    dir.join(JOURNAL).symlink_metadata().is_ok()
}

/// The text of the journal in `dir`; `None` where there is none.
pub(super) fn read_journal(dir: &Path) -> Result<Option<Vec<u8>>> {
    read_optional(&dir.join(JOURNAL), MAX_JOURNAL)
}

impl Journal {
    /// The journal of `appends`.
    pub fn of(appends: &[MemberAppend]) -> Self {
        let entry = |append: &MemberAppend| Entry {
            member: portable_name(&append.member),
            rows: append.rows,
            bytes: append.data.as_ref().map(DataAppend::bytes),
        };
        Self { entries: appends.iter().map(entry).collect() }
    }

    pub fn encode(&self) -> Vec<u8> {
        framed::encode(self)
    }

    /// `None` where the text is torn.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where it is whole, and yet not a journal of this release, or names a place outside of `dir`.
    pub fn parse(dir: &Path, text: &[u8]) -> Result<Option<Self>> {
        let journal = framed::parse::<Self>(text).filter(|journal| journal.entries.iter().all(Entry::is_sound));
        if journal.is_none() && framed::is_intact(text) {
            let what = "this journal is not understood; finish the append with the release that began it";
            return Err(Error::corrupt(dir.join(JOURNAL), what));
        }
        Ok(journal)
    }
}

impl Entry {
    /// The member's `data.ninja`.
    pub fn data_path(&self, dir: &Path) -> PathBuf {
        dir.join(&self.member).join(DATA)
    }

    fn is_sound(&self) -> bool {
        let stays_inside = Path::new(&self.member).components().all(|part| matches!(part, Component::Normal(_)));
        let grows = |pair: Option<[u64; 2]>| pair.is_none_or(|[old, new]| old <= new);
        stays_inside && grows(self.bytes) && grows(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(member: &str) -> Journal {
        Journal { entries: vec![Entry { member: member.to_owned(), rows: Some([1, 2]), bytes: Some([8, 16]) }] }
    }

    fn parse(text: &[u8]) -> Result<Option<Journal>> {
        Journal::parse(Path::new("dir"), text)
    }

    #[test]
    fn a_journal_reads_back() {
        assert_eq!(parse(&journal("starts").encode()).unwrap(), Some(journal("starts")));
    }

    #[test]
    fn a_journal_cut_at_any_length_is_torn() {
        let whole = journal("starts").encode();
        for len in 0..whole.len() {
            assert_eq!(parse(&whole[..len]).unwrap(), None, "{len} bytes");
        }
    }

    #[test]
    fn a_journal_that_leads_out_of_the_directory_is_refused() {
        for member in ["..", "/etc", "starts/../.."] {
            assert!(parse(&journal(member).encode()).is_err(), "{member}");
        }
    }

    #[test]
    fn a_whole_journal_that_is_not_understood_is_not_taken_for_a_torn_one() {
        let text = framed::encode(&std::collections::BTreeMap::from([("version", 2)]));
        assert!(matches!(parse(&text), Err(Error::Corrupt { .. })));
    }
}
