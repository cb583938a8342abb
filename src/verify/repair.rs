//! Repair: an interrupted append is finished or rolled back, and a torn dataset is truncated to its longest intact
//! prefix. Bytes that are cut off are backed up. If more than one repair could be right, nothing is done.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::checksums::Checksums;
use super::index::outgrows;
use super::inspect::{Inspection, MemberState, inspect};
use super::report::{Finding, Report, pluralize};
use super::samples::SampleReader;
use super::{Progress, repair_records as records, verify_with};
use crate::error::Result;
use crate::format::{ATTRS, CHECKSUMS, DATA, INDEX, JOURNAL, Kind, Order, SHAPE};
use crate::options::Options;
use crate::paths::absolute;
use crate::schema::{MemberNames, Role, check_not_a_field, placeholder, portable_name};
use crate::txn::{DirLock, Entry, TruncationPlan, check_journal, plan_recovery, truncate_dataset};

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
        let plan = RepairPlan::of(&dir, &options.names, &report)?;
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

/// The truncation to carry out, if any, and the problems that remain.
pub(super) struct RepairPlan {
    pub truncation: Option<TruncationPlan>,
    pub problems: Vec<Finding>,
}

impl RepairPlan {
    fn of(dir: &Path, names: &MemberNames, report: &Report) -> Result<Self> {
        let refused = |problems: Vec<Finding>| Self { truncation: None, problems };
        let Some(kind) = report.kind else { return Ok(refused(report.findings.clone())) };
        if check_journal(dir).is_ok()
            && let Some(recovery) = plan_recovery(dir)?
        {
            return Ok(Self { truncation: Some(recovery), problems: Vec::new() });
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
        Ok(Self { truncation: Some(truncation), problems })
    }
}

/// The counts and sizes of the dataset after its repair.
pub(super) struct Target {
    inspection: Inspection,
    /// Samples that are kept.
    pub samples: u64,
    /// Rows of the data, and of the axes of nested shapes.
    data: u64,
    axes: u64,
    has_journal: bool,
}

impl Target {
    /// # Errors
    /// The reason why no repair is safe.
    pub fn of(dir: &Path, mut inspection: Inspection, report: &Report) -> std::result::Result<Self, Finding> {
        if let Some(text) = report.findings.iter().find(|finding| is_text(finding)) {
            let what = "no repair is safe until this file is restored";
            return Err(Finding::of(text.file.clone(), what));
        }
        let unfit = |member: &&MemberState| member.row_size.is_none() || member.size.is_none();
        if let Some(member) = inspection.members.iter().find(unfit) {
            return Err(Finding::of(member.path.clone(), "no repair is safe while its files cannot be read"));
        }
        let has_journal = inspection.is_unfinished;
        if inspection.kind == Kind::Numpy {
            let samples = whole_rows(&inspection.members[0])?;
            return Ok(Self { inspection, samples, data: samples, axes: 0, has_journal });
        }
        let committed = inspection.samples;
        for member in &mut inspection.members {
            member.rows = if member.role.is_column() { committed } else { member.stored() };
        }
        let limit = inspection.member(Role::Data).map_or(0, MemberState::stored);
        let samples = SampleReader::open(dir, &inspection, limit).map_err(|error| Finding::from_error(dir, error))?;
        let samples = samples.ok_or_else(|| Finding::of("", "no repair is safe while files cannot be read"))?;
        let [samples, data, axes] = longest_prefix(samples)?;
        Ok(Self { inspection, samples, data, axes, has_journal })
    }

    fn rows(&self, role: Role) -> u64 {
        match role {
            Role::Data => self.data,
            Role::Axes => self.axes,
            _ => self.samples,
        }
    }

    pub fn entries(&self) -> Vec<Entry> {
        let entry = |member: &MemberState| {
            let rows = self.rows(member.role);
            Entry {
                member: portable_name(&member.path),
                rows: member.counted().map(|counted| [rows, counted]),
                bytes: Some([rows * member.row_size.unwrap_or(0), member.size.unwrap_or(0)]),
            }
        };
        self.inspection.members.iter().map(entry).collect()
    }

    /// Whether the index of strings is damaged, or covers texts that will be cut off.
    pub fn is_index_unfit(&self, dir: &Path, report: &Report) -> bool {
        let is_damaged = report.findings.iter().any(|finding| finding.file == Path::new(INDEX));
        self.inspection.kind == Kind::String && (is_damaged || outgrows(dir, self.samples))
    }

    /// Whether the checksums cover bytes that will be cut off.
    pub fn outgrows_checksums(&self, dir: &Path) -> bool {
        let Ok(Some(checksums)) = Checksums::read(dir) else { return false };
        let is_short = |member: &MemberState| {
            let coverage = checksums.files.get(&portable_name(&member.file(DATA)));
            coverage.is_some_and(|coverage| coverage.end > self.rows(member.role) * member.row_size.unwrap_or(0))
        };
        self.inspection.members.iter().any(is_short)
    }
}

/// Whether a finding is about a text file, without which the other files cannot be understood.
fn is_text(finding: &Finding) -> bool {
    let name = finding.file.file_name();
    ![DATA, SHAPE, JOURNAL, CHECKSUMS, ATTRS, INDEX].iter().any(|known| name == Some(known.as_ref()))
}

pub(super) fn is_unchanged(entry: &Entry) -> bool {
    entry.rows.is_none_or(|[new, now]| new == now) && entry.bytes.is_none_or(|bytes| bytes[1] == size_of(entry, bytes))
}

/// The size of a `data.ninja` after the repair.
fn size_of(entry: &Entry, [bytes, _]: [u64; 2]) -> u64 {
    placeholder::size_on_disk(bytes, entry.rows.is_some())
}

/// Whether a finding is about a sample that is kept, which truncation does not repair.
pub(super) fn is_in_a_sample(finding: &Finding, samples: u64) -> bool {
    finding.samples.as_ref().is_some_and(|range| range.start < samples)
}

/// The complete rows of a dense array.
fn whole_rows(member: &MemberState) -> std::result::Result<u64, Finding> {
    let is_cut = member.stored() < member.rows;
    let axes = member.shape.as_ref().map_or(0, Vec::len);
    if is_cut && (axes == 0 || (axes > 1 && member.order == Some(Order::F))) {
        return Err(Finding::of(DATA, "no repair is safe: elements of every row are lost"));
    }
    Ok(member.present())
}

/// The number of samples up to the last sound one, and where their elements and axes end.
fn longest_prefix(mut samples: SampleReader) -> std::result::Result<[u64; 3], Finding> {
    let mut last = [0; 3];
    let mut furthest = [0; 2];
    let mut index = 0;
    while index < samples.len {
        let next = index + samples.zeros(index).max(1);
        if let Ok([data, axes]) = samples.ends(index) {
            last = [next, data, axes];
            furthest = [furthest[0].max(data), furthest[1].max(axes)];
        }
        index = next;
    }
    if furthest != last[1..] {
        return Err(Finding::of("", "no repair is safe: the samples do not lie one after another"));
    }
    Ok(last)
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
