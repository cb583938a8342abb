//! The one path of every append: lock, recover, plan, commit, or put everything back.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

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
    kept: Arc<KeptFiles>,
}

/// The directory and the files of the last append.
type KeptFiles = Mutex<Option<(FileId, MemberFiles)>>;

/// The files that all writers keep.
static KEPT: Mutex<Vec<Weak<KeptFiles>>> = Mutex::new(Vec::new());

/// Runs `act` again if this process had too many open files, and closing those that writers keep has helped.
pub(crate) fn retry_without_kept_files<T>(mut act: impl FnMut() -> Result<T>) -> Result<T> {
    match act() {
        Err(error) if error.is_too_many_files() && close_kept_files() => act(),
        other => other,
    }
}

/// Closes the files that writers keep; returns whether there were any. No lock is waited for: a child that was forked
/// while another thread held one would wait forever.
fn close_kept_files() -> bool {
    let Ok(kept) = KEPT.try_lock() else { return false };
    let close = |files: Arc<KeptFiles>| files.try_lock().is_ok_and(|mut files| files.take().is_some());
    kept.iter().filter_map(Weak::upgrade).filter(|files| close(files.clone())).count() > 0
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
        retry_without_kept_files(|| self.try_append(planner, seen, dir, options))
    }

    fn try_append<P: Planner>(
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

    fn take_kept(&self) -> Option<(FileId, MemberFiles)> {
        self.try_lock()?.take()
    }

    /// Keeps files for the next append, unless too many others are open.
    fn keep(&self, id: FileId, files: MemberFiles) {
        let (Some(files), Some(mut own)) = (files.kept(), self.try_lock()) else { return };
        let Ok(mut all) = KEPT.try_lock() else { return };
        let is_known = all.iter().any(|kept| Weak::as_ptr(kept) == Arc::as_ptr(&self.kept));
        if !is_known {
            all.retain(|kept| kept.strong_count() > 0);
            all.push(Arc::downgrade(&self.kept));
        }
        *own = Some((id, files));
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Option<(FileId, MemberFiles)>>> {
        self.kept.try_lock().ok()
    }
}

/// Puts a new dataset in place of what is in `dir`, or of nothing.
pub(crate) fn create(dir: &Path, options: &Options, members: &[NewMember]) -> Result<()> {
    retry_without_kept_files(|| publish::publish(&StagingDir::with_members(dir, members)?, dir, options))
}

/// One append under the lock of the directory.
struct Transaction<'a> {
    dir: &'a Path,
    options: &'a Options,
    lock: &'a DirLock,
}

impl Transaction<'_> {
    fn append<P: Planner>(&self, writer: &mut Writer, planner: &P, seen: &P::View) -> Result<P::View> {
        if let Some((id, files)) = writer.take_kept()
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
        writer.keep(self.lock.id(), files);
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
