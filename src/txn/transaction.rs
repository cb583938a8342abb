//! The one path of every append: lock, recover, plan, commit, or put everything back.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use super::append::MemberFiles;
use super::journal::has_journal;
use super::lock::DirLock;
use super::plan::{MemberAppend, NewMember, Plan};
use super::recover::recover;
use super::staging::StagingDir;
use super::tree::check_mappable;
use super::{publish, replaceable};
use crate::error::{Error, Result};
use crate::io::untrusted::FileId;
use crate::options::Options;
use crate::schema::check_not_a_field;

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

/// Writers that keep files at once: each has up to 19 open files, and a process may have a few hundred.
const MAX_KEPT: usize = 16;

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
        // What follows a commit must not be tried again.
        retry_without_kept_files(|| self.try_append(planner, seen, dir, options))?
    }

    /// The inner result is that of an append that was carried out.
    fn try_append<P: Planner>(
        &mut self,
        planner: &P,
        seen: &P::View,
        dir: &Path,
        options: &Options,
    ) -> Result<Result<P::View>> {
        check_not_a_field(dir)?;
        loop {
            if let Some(lock) = DirLock::acquire(dir, options)? {
                return Transaction { dir, options, lock: &lock }.append(self, planner, seen);
            }
            let Plan::Create(members) = planner.plan(seen)? else {
                // To begin a new dataset would hide that the samples this handle shows are gone.
                return Err(Error::Io { path: dir.to_owned(), source: ErrorKind::NotFound.into() });
            };
            let staged = stage(dir, options, &members)?;
            if publish::onto_nothing(&staged, dir, options.durability)? {
                return Ok(retry_without_kept_files(|| planner.read()));
            }
        }
    }

    fn take_kept(&self) -> Option<(FileId, MemberFiles)> {
        self.try_lock()?.take()
    }

    /// Keeps files for the next append, unless too many other writers do.
    fn keep(&self, id: FileId, files: MemberFiles) {
        let Ok(mut all) = KEPT.try_lock() else { return };
        if !all.iter().any(|kept| Weak::as_ptr(kept) == Arc::as_ptr(&self.kept)) {
            all.retain(keeps_files);
            if all.len() == MAX_KEPT {
                return;
            }
            all.push(Arc::downgrade(&self.kept));
        }
        if let Some(mut own) = self.try_lock() {
            *own = Some((id, files));
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Option<(FileId, MemberFiles)>>> {
        self.kept.try_lock().ok()
    }
}

/// Refuses to add to a build that others have added to, or replaced, since its builder stored `expected` samples. `None`
/// expects nothing: it is not a build.
pub(crate) fn check_exclusive(dir: &Path, found: usize, expected: Option<usize>) -> Result<()> {
    let Some(expected) = expected.filter(|&expected| expected != found) else { return Ok(()) };
    let dir = dir.display();
    let what =
        format!("{dir}: others have written to this build: it holds {found} samples, not {expected}; start it again");
    Err(Error::Argument { what })
}

/// Whether a writer keeps files, or uses them at this moment.
fn keeps_files(kept: &Weak<KeptFiles>) -> bool {
    kept.upgrade().is_some_and(|kept| kept.try_lock().map_or(true, |files| files.is_some()))
}

/// A staging directory with members that the system maps.
fn stage(dir: &Path, options: &Options, members: &[NewMember]) -> Result<StagingDir> {
    let staged = StagingDir::with_members(dir, members)?;
    check_mappable(staged.path(), options.mode)?;
    Ok(staged)
}

/// Puts a new dataset in place of what is in `dir`, or of nothing.
pub(crate) fn create(dir: &Path, options: &Options, members: &[NewMember]) -> Result<()> {
    retry_without_kept_files(|| {
        replaceable::check(dir)?;
        check_not_a_field(dir)?;
        publish::publish(&stage(dir, options, members)?, dir, options)
    })
}

/// One append under the lock of the directory.
struct Transaction<'a> {
    dir: &'a Path,
    options: &'a Options,
    lock: &'a DirLock,
}

impl Transaction<'_> {
    fn append<P: Planner>(&self, writer: &mut Writer, planner: &P, seen: &P::View) -> Result<Result<P::View>> {
        if let Some((id, files)) = writer.take_kept()
            && id == self.lock.id()
            && let Ok(Plan::Append(appends)) = planner.plan(seen)
            && files.is_current(&appends)
        {
            return self.commit(writer, files, planner, seen, &appends).map(Ok);
        }
        recover(self.dir, self.lock)?;
        let view = planner.read()?;
        match planner.plan(&view)? {
            Plan::Append(appends) => {
                self.commit(writer, MemberFiles::open(self.dir, &appends)?, planner, &view, &appends).map(Ok)
            }
            Plan::Create(members) => {
                let staged = stage(self.dir, self.options, &members)?;
                publish::link_attrs(self.dir, staged.path())?;
                publish::replace(&staged, self.dir, self.lock, self.options.durability)?;
                Ok(retry_without_kept_files(|| planner.read()))
            }
            Plan::Restructure(members) => self.restructure(planner, &members).map(Ok),
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
        // With a journal, the next writer finds the way back from there.
        if appended.is_err() && !has_journal(self.dir) {
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

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::io::untrusted::FileId;
    use crate::{Mode, Result, Strings};

    #[test]
    fn a_dataset_that_takes_the_place_of_another_is_never_taken_for_it() -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map");
        Strings::create(&path, None, &["old"])?;
        let mut strings = Strings::open(&path, Mode::ReadOnly)?;
        strings.append(&["older"])?; // From now on, its files are kept open.
        let old = FileId::of(&path);
        fs::remove_dir_all(&path).unwrap();
        Strings::create(&path, None, &["a", "b"])?;
        assert_ne!(FileId::of(&path), old, "the number of the directory was given away");
        strings.append(&["c"])?;
        assert_eq!(Strings::open(&path, Mode::ReadOnly)?.len(), 3);
        Ok(())
    }
}
