//! Something that writes, what was there before, and what comes after.

use std::fs;
use std::path::Path;

use super::store::{STORES, State, Store};
use crate::txn::BuildSession;
use crate::{Durability, Result};

/// A file of somebody else in the data set's directory.
const NOTES: &str = "notes.txt";

/// What is done to a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Append,
    /// An append where there is nothing, parents included.
    Begin,
    /// An append in a directory that holds other files only.
    BeginBesideNotes,
    Create,
    Recreate,
    /// A build onto what is there.
    StagingDir,
    /// A build where there is nothing.
    BuildNew,
    /// A build that goes on with an interrupted one.
    Resume,
    /// A build that begins anew over an interrupted one.
    BuildAnew,
}

pub const VERBS: [Verb; 9] = [
    Verb::Append,
    Verb::Begin,
    Verb::BeginBesideNotes,
    Verb::Create,
    Verb::Recreate,
    Verb::StagingDir,
    Verb::BuildNew,
    Verb::Resume,
    Verb::BuildAnew,
];

#[derive(Clone, Copy)]
pub struct Scenario {
    pub store: Store,
    pub verb: Verb,
    pub durability: Durability,
}

/// Everything that can happen to every store.
pub fn scenarios(durability: Durability) -> impl Iterator<Item = Scenario> {
    let all = STORES.into_iter().flat_map(move |store| VERBS.map(|verb| Scenario { store, verb, durability }));
    all.filter(Scenario::exists)
}

impl Scenario {
    fn exists(&self) -> bool {
        match self.verb {
            Verb::Append | Verb::Create | Verb::Recreate => true,
            Verb::Begin | Verb::BeginBesideNotes => matches!(self.store.name, "ragged 1-D" | "ragged N-D" | "strings"),
            _ => !self.store.old.is_empty(),
        }
    }

    pub fn name(&self) -> String {
        format!("{:?}, {}, {:?}", self.verb, self.store.name, self.durability)
    }

    /// What was there before.
    pub fn prepare(&self, path: &Path) -> Result<()> {
        match self.verb {
            Verb::Begin | Verb::Create | Verb::BuildNew => return Ok(()),
            Verb::BeginBesideNotes => fs::create_dir_all(path).unwrap(),
            Verb::Append | Verb::StagingDir | Verb::Recreate => {
                (self.store.create)(path, self.durability, self.store.old)?
            }
            Verb::Resume => {
                (self.store.create)(path, self.durability, self.store.old)?;
                let session = BuildSession::begin(path, false)?;
                self.add(session.partial(), &self.store.new[..1])?;
                session.suspend()?;
            }
            Verb::BuildAnew => {
                let session = BuildSession::begin(path, false)?;
                self.add(session.partial(), self.store.old)?;
                session.suspend()?;
                return Ok(());
            }
        }
        fs::write(path.join(NOTES), "somebody else's").unwrap();
        Ok(())
    }

    pub fn act(&self, path: &Path) -> Result<()> {
        let Store { create, append, new, .. } = self.store;
        match self.verb {
            Verb::Append | Verb::Begin | Verb::BeginBesideNotes => append(path, self.durability, new),
            Verb::Create | Verb::Recreate => create(path, self.durability, new),
            Verb::StagingDir | Verb::BuildNew | Verb::BuildAnew => self.build(path, false),
            Verb::Resume => self.build(path, true),
        }
    }

    /// The new samples, one after another; a build that is resumed goes on after those that are there.
    fn build(&self, path: &Path, resume: bool) -> Result<()> {
        let session = BuildSession::begin(path, resume)?;
        let done = (self.store.read)(session.partial())?.len();
        for index in done.saturating_sub(self.store.extra)..self.store.new.len() {
            self.add(session.partial(), &self.store.new[index..=index])?;
        }
        session.finish()
    }

    /// Appends to what may not be there yet.
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

    /// The other files, and the samples.
    pub fn read(&self, path: &Path) -> Result<State> {
        let notes = fs::read(path.join(NOTES)).ok().map(|notes| (vec![], notes));
        Ok(notes.into_iter().chain((self.store.read)(path)?).collect())
    }
}
