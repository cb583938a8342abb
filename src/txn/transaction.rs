//! The one path of every append: lock, recover, plan, commit, or put everything back.

use std::io::ErrorKind;
use std::path::Path;

use super::append::MemberFiles;
use super::lock::DirLock;
use super::plan::{MemberAppend, NewMember, Plan};
use super::publish;
use super::recover::recover;
use super::staging::StagingDir;
use crate::error::{Error, Result};
use crate::io::untrusted::FileId;
use crate::options::Options;

/// An append, as its store plans it.
pub(crate) trait Planner {
    /// What readers see of the dataset at one moment.
    type View;

    /// Reads what is committed.
    fn read(&self) -> Result<Self::View>;

    /// Plans the append to a dataset that is as `view` shows it. Nothing is written.
    fn plan<'a>(&'a self, view: &'a Self::View) -> Result<Plan<'a>>;

    /// What readers see once the rows of `appends` are added to what `view` shows. It is called before they count, so that
    /// an append that cannot be mapped is undone.
    fn grown(&self, view: &Self::View, appends: &[MemberAppend]) -> Result<Self::View>;
}

/// Appends to one dataset. Its files stay open from one append to the next, as long as nobody else writes to it.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    last: Option<(FileId, MemberFiles)>,
}

impl Writer {
    /// Carries out an append whole, or not at all. `seen` is the state that the handle shows, which may be out of date.
    ///
    /// # Errors
    /// [`Error::Busy`]; [`Error::Interrupted`]; [`Error::Io`], also where the dataset that the handle shows is gone; what
    /// the planner returns.
    pub fn append<P: Planner>(
        &mut self,
        planner: &P,
        seen: &P::View,
        dir: &Path,
        options: &Options,
    ) -> Result<P::View> {
        loop {
            if let Some(lock) = DirLock::acquire(dir, options)? {
                return Transaction { dir, options, lock: &lock }.append(self, planner, seen);
            }
            let Plan::Create(members) = planner.plan(seen)? else {
                // To begin a new dataset would hide that the samples this handle shows are gone.
                return Err(Error::Io { path: dir.to_owned(), source: ErrorKind::NotFound.into() });
            };
            let staged = StagingDir::with_members(dir, &members)?;
            if publish::onto_nothing(&staged, dir, options.durability)? {
                return planner.read();
            }
        }
    }
}

/// Puts a new dataset in place of what is in `dir`, or of nothing.
pub(crate) fn create(dir: &Path, options: &Options, members: &[NewMember]) -> Result<()> {
    publish::publish(&StagingDir::with_members(dir, members)?, dir, options)
}

/// One append under the lock of the directory.
struct Transaction<'a> {
    dir: &'a Path,
    options: &'a Options,
    lock: &'a DirLock,
}

impl Transaction<'_> {
    fn append<P: Planner>(&self, writer: &mut Writer, planner: &P, seen: &P::View) -> Result<P::View> {
        if let Some((id, files)) = writer.last.take()
            && id == self.lock.id()
            && let Ok(Plan::Append(appends)) = planner.plan(seen)
            && files.is_current(&appends)
        {
            return self.commit(writer, files, planner, seen, &appends);
        }
        recover(self.dir, self.lock)?;
        let view = planner.read()?;
        match planner.plan(&view)? {
            Plan::Append(appends) => {
                self.commit(writer, MemberFiles::open(self.dir, &appends)?, planner, &view, &appends)
            }
            Plan::Create(members) => {
                let staged = StagingDir::with_members(self.dir, &members)?;
                publish::replace(&staged, self.dir, self.lock, self.options.durability)?;
                planner.read()
            }
            Plan::Restructure(members) => self.restructure(planner, &members),
        }
    }

    fn commit<P: Planner>(
        &self,
        writer: &mut Writer,
        files: MemberFiles,
        planner: &P,
        view: &P::View,
        appends: &[MemberAppend],
    ) -> Result<P::View> {
        let grown = files.append(self.lock, appends, self.options.durability, || planner.grown(view, appends))?;
        writer.last = files.kept().map(|files| (self.lock.id(), files));
        Ok(grown)
    }

    /// Exchanges the directory for one with new members and hard links to all other files, appends there, and exchanges
    /// it back if that fails. The lock is on the old directory; the staging directory holds that of the new one.
    fn restructure<P: Planner>(&self, planner: &P, members: &[NewMember]) -> Result<P::View> {
        let durability = self.options.durability;
        let staged = StagingDir::with_members(self.dir, members)?;
        publish::link_members(self.dir, staged.path())?;
        publish::replace(&staged, self.dir, self.lock, durability)?;
        let appended = self.append_to_restructured(planner);
        if appended.is_err() {
            publish::replace(&staged, self.dir, self.lock, durability)?;
        }
        appended
    }

    fn append_to_restructured<P: Planner>(&self, planner: &P) -> Result<P::View> {
        let view = planner.read()?;
        let Plan::Append(appends) = planner.plan(&view)? else {
            return Err(Error::corrupt(self.dir, "the dataset was changed by others during an append"));
        };
        // Not kept open for the next append: these files belong to another directory than the lock.
        let files = MemberFiles::open(self.dir, &appends)?;
        files.append(self.lock, &appends, self.options.durability, || planner.grown(&view, &appends))
    }
}
