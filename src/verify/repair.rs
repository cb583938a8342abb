//! Repair: an interrupted append is finished or rolled back, and a torn dataset is truncated to its longest intact
//! prefix. Bytes that are cut off are backed up. If more than one repair could be right, nothing is done.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::inspect::inspect;
use super::repair_plan::{RepairPlan, Target, is_in_a_sample, is_unchanged, size_of};
use super::report::{Finding, Report, pluralize};
use super::{Progress, repair_records as records, verify_with};
use crate::error::Result;
use crate::format::{CHECKSUMS, DATA, INDEX, JOURNAL, Kind, SHAPE};
use crate::options::Options;
use crate::paths::absolute;
use crate::schema::{MemberNames, check_not_a_field};
use crate::txn::{DirLock, TruncationPlan, check_journal, plan_recovery, truncate_dataset};

/// The first round finishes an interrupted append, the second repairs the state after it, and the third reports the
/// damage that remains.
const ROUNDS: u32 = 3;

/// What a repair does, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// The changes, file by file.
    pub actions: Vec<Finding>,
    /// Damage that remains, and the reason if no repair is safe.
    pub problems: Vec<Finding>,
    /// Directories that hold the bytes that were cut off or overwritten.
    pub kept: Vec<PathBuf>,
    /// Whether the repair was carried out.
    pub is_applied: bool,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.is_applied { "repaired" } else { "would repair" };
        match self.actions.len() {
            0 => write!(f, "nothing to repair")?,
            places => write!(f, "{verb} {}", pluralize(places as u64, "place"))?,
        }
        for action in &self.actions {
            write!(f, "\n  {action}")?;
        }
        for problem in &self.problems {
            write!(f, "\n  remains: {problem}")?;
        }
        self.kept.iter().try_for_each(|backup| write!(f, "\n  what was cut is kept in {}", backup.display()))
    }
}

/// Reports what a repair of the dataset in `dir` would do, or repairs it with `apply`.
///
/// An interrupted append is finished or rolled back. Otherwise the repair keeps the committed samples or, if some are
/// missing, the longest intact prefix: it cuts off surplus bytes and corrects counts. It never removes an intact
/// sample, and does not check the contents of samples. Bytes that it cuts off or overwrites are backed up in
/// `<dir>.repair-backup-1`. An index of strings that is damaged, or covers strings that are cut off, is removed.
///
/// Close the dataset in all other processes first, since bytes that they have mapped may be cut off.
///
/// ```
/// use mmap_ninja::{Mode, Strings};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("texts");
/// Strings::create(&path, None, &["one", "zwei"])?;
/// std::fs::write(path.join("data.ninja"), b"onezw")?; // two bytes were lost
/// assert!(Strings::open(&path, Mode::ReadOnly).is_err());
/// let repair = mmap_ninja::repair(&path, true)?;
/// assert!(repair.problems.is_empty());
/// assert_eq!(Strings::open(&path, Mode::ReadOnly)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) where there is no directory, or no dataset in it;
/// [`Error::Busy`](crate::Error::Busy).
pub fn repair(dir: impl AsRef<Path>, apply: bool) -> Result<Repair> {
    repair_with(dir, &Options::default(), apply, &mut |_, _| ControlFlow::Continue(()))
}

/// As [`repair`], with options, of which it uses the names, the timeout and the cancellation.
///
/// # Errors
/// As [`repair`]; [`Error::Interrupted`](crate::Error::Interrupted); [`Error::Argument`](crate::Error::Argument) where
/// the names are not valid.
pub fn repair_with(dir: impl AsRef<Path>, options: &Options, apply: bool, progress: Progress) -> Result<Repair> {
    options.names.check()?;
    let dir = absolute(dir.as_ref())?;
    if apply {
        check_not_a_field(&dir)?;
    }
    let lock = if apply { DirLock::acquire(&dir, options)? } else { None };
    let mut done = Repair { is_applied: apply, ..Repair::default() };
    let mut reported = Vec::new();
    for _ in 0..ROUNDS {
        let report = verify_with(&dir, options, progress)?;
        let plan = plan_of(&dir, &options.names, &report)?;
        done.problems = merged(plan.problems, &reported);
        let Some(wanted) = plan.truncation else { return Ok(done) };
        done.actions.extend(actions(&wanted, report.samples));
        let Some(lock) = &lock else { return Ok(done) };
        if wanted.files.iter().any(|file| file.ends_with(CHECKSUMS)) {
            reported.clone_from(&done.problems);
        }
        done.kept.push(truncate_dataset(&dir, lock, &wanted)?);
    }
    Ok(done)
}

/// What is found now, and what was reported before the checksums were removed.
fn merged(mut found: Vec<Finding>, reported: &[Finding]) -> Vec<Finding> {
    for finding in reported {
        if !found.iter().any(|other| (&other.file, &other.samples) == (&finding.file, &finding.samples)) {
            found.push(finding.clone());
        }
    }
    found
}

/// What to do about what was reported.
fn plan_of(dir: &Path, names: &MemberNames, report: &Report) -> Result<RepairPlan> {
    let refused = |problems: Vec<Finding>| RepairPlan { truncation: None, problems };
    let Some(kind) = report.kind else { return Ok(refused(report.findings.clone())) };
    if check_journal(dir).is_ok()
        && let Some(recovery) = plan_recovery(dir)?
    {
        return Ok(RepairPlan { truncation: Some(recovery), problems: Vec::new() });
    }
    if kind == Kind::Records {
        return records::plan(dir, report);
    }
    let target = match Target::of(dir, inspect(dir, names, kind)?, report) {
        Ok(target) => target,
        Err(reason) => return Ok(refused(report.findings.iter().cloned().chain([reason]).collect())),
    };
    let mut truncation = TruncationPlan { entries: target.entries(), files: Vec::new() };
    let is_index_unfit = target.is_index_unfit(dir, report);
    if truncation.entries.iter().all(is_unchanged) && !target.has_journal && !is_index_unfit {
        return Ok(refused(report.findings.clone()));
    }
    if target.has_journal {
        truncation.files.push(JOURNAL.into());
    }
    if target.outgrows_checksums(dir) {
        truncation.files.push(CHECKSUMS.into());
    }
    if is_index_unfit {
        truncation.files.push(INDEX.into());
    }
    let remains = |finding: &&Finding| is_in_a_sample(finding, target.samples);
    let problems = report.findings.iter().filter(remains).cloned().collect();
    Ok(RepairPlan { truncation: Some(truncation), problems })
}

/// The changes of a truncation, file by file.
fn actions(plan: &TruncationPlan, committed: u64) -> Vec<Finding> {
    let mut actions = Vec::new();
    let kept = plan.entries.last().and_then(|entry| entry.rows).map_or(committed, |[rows, _]| rows);
    for entry in &plan.entries {
        let path = Path::new(&entry.member);
        let [new, now] = entry.bytes.map_or([0, 0], |bytes| [size_of(entry, bytes), bytes[1]]);
        if now > new {
            let action = Finding::of(path.join(DATA), format!("{} bytes are cut off", now - new)).at(new);
            actions.push(action.touching((kept < committed).then_some(kept..committed)));
        } else if now < new {
            actions.push(Finding::of(path.join(DATA), "the placeholder byte of an empty array is written"));
        }
        if let Some([new, now]) = entry.rows.filter(|[new, now]| new != now) {
            actions.push(Finding::of(path.join(SHAPE), format!("the count becomes {new}, it was {now}")).at(0));
        }
    }
    actions.extend(plan.files.iter().map(|name| Finding::of(name.clone(), "the file is removed")));
    actions
}
