//! A change of a dataset, what existed before it, and the append after it.

use std::fs;
use std::path::Path;

use crate::testing::stores::{STORES, State, Store};
use crate::txn::BuildSession;
use crate::{Durability, Result};

/// A foreign file in the directory of the dataset.
const NOTES: &str = "notes.txt";

/// What is done to a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Append,
    /// An append to a dataset that does not exist, and neither does its parent directory.
    FirstAppend,
    /// An append in a directory that only holds a foreign file.
    FirstAppendBesideNotes,
    Create,
    Recreate,
    /// A build that replaces a dataset.
    Rebuild,
    /// A build of a dataset that does not exist.
    Build,
    /// A build that resumes an interrupted one.
    ResumeBuild,
    /// A build that discards an interrupted one.
    RestartBuild,
}

pub const VERBS: [Verb; 9] = [
    Verb::Append,
    Verb::FirstAppend,
    Verb::FirstAppendBesideNotes,
    Verb::Create,
    Verb::Recreate,
    Verb::Rebuild,
    Verb::Build,
    Verb::ResumeBuild,
    Verb::RestartBuild,
];

#[derive(Clone, Copy)]
pub struct Scenario {
    pub store: Store,
    pub verb: Verb,
    pub durability: Durability,
}

/// All changes of all stores.
pub fn scenarios(durability: Durability) -> impl Iterator<Item = Scenario> {
    let all = STORES.into_iter().flat_map(move |store| VERBS.map(|verb| Scenario { store, verb, durability }));
    all.filter(Scenario::exists)
}

impl Scenario {
    fn exists(&self) -> bool {
        match self.verb {
            Verb::Append | Verb::Create | Verb::Recreate => true,
            Verb::FirstAppend | Verb::FirstAppendBesideNotes => {
                matches!(self.store.name, "ragged 1-D" | "ragged N-D" | "strings")
            }
            _ => !self.store.old.is_empty(),
        }
    }

    pub fn name(&self) -> String {
        format!("{:?}, {}, {:?}", self.verb, self.store.name, self.durability)
    }

    /// Writes what exists before the change.
    pub fn prepare(&self, path: &Path) -> Result<()> {
        match self.verb {
            Verb::FirstAppend | Verb::Create | Verb::Build => return Ok(()),
            Verb::FirstAppendBesideNotes => fs::create_dir_all(path).unwrap(),
            Verb::Append | Verb::Rebuild | Verb::Recreate => {
                (self.store.create)(path, self.durability, self.store.old)?;
            }
            Verb::ResumeBuild => {
                (self.store.create)(path, self.durability, self.store.old)?;
                let session = BuildSession::begin(path, false)?;
                self.add(session.partial(), &self.store.new[..1])?;
                session.suspend()?;
            }
            Verb::RestartBuild => {
                let session = BuildSession::begin(path, false)?;
                self.add(session.partial(), self.store.old)?;
                session.suspend()?;
                return Ok(());
            }
        }
        fs::write(path.join(NOTES), "foreign").unwrap();
        Ok(())
    }

    pub fn act(&self, path: &Path) -> Result<()> {
        let Store { create, append, new, .. } = self.store;
        match self.verb {
            Verb::Append | Verb::FirstAppend | Verb::FirstAppendBesideNotes => append(path, self.durability, new),
            Verb::Create | Verb::Recreate => create(path, self.durability, new),
            Verb::Rebuild | Verb::Build | Verb::RestartBuild => self.build(path, false),
            Verb::ResumeBuild => self.build(path, true),
        }
    }

    /// Appends the new samples one by one. A resumed build continues after the stored ones.
    fn build(&self, path: &Path, resume: bool) -> Result<()> {
        let session = BuildSession::begin(path, resume)?;
        let done = (self.store.read)(session.partial())?.len();
        for index in done.saturating_sub(self.store.extra)..self.store.new.len() {
            self.add(session.partial(), &self.store.new[index..=index])?;
        }
        session.finish()
    }

    /// Appends to a dataset, or creates it.
    fn add(&self, path: &Path, seeds: &[u16]) -> Result<()> {
        if crate::kind_of(path)?.is_none() {
            return (self.store.create)(path, self.durability, seeds);
        }
        (self.store.append)(path, self.durability, seeds)
    }

    /// Appends one more sample.
    pub fn next(&self, path: &Path) -> Result<()> {
        if crate::kind_of(path)?.is_none() && !self.store.begins_by_append() {
            return (self.store.create)(path, self.durability, self.store.next);
        }
        (self.store.append)(path, self.durability, self.store.next)
    }

    /// The foreign file, if any, and the samples.
    pub fn read(&self, path: &Path) -> Result<State> {
        let notes = fs::read(path.join(NOTES)).ok().map(|notes| (vec![], notes));
        Ok(notes.into_iter().chain((self.store.read)(path)?).collect())
    }
}
