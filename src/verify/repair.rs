//! Repair: what a writer has left unfinished is finished or undone, and what is torn is cut to its longest valid
//! beginning. What is cut is kept; where more than one thing could be right, nothing is done.

use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::checksums::Checksums;
use super::report::{Finding, Report, count};
use super::samples::Walk;
use super::survey::{Member, Role, Survey, survey};
use super::{Progress, verify_with};
use crate::commit::{Cut, DirLock, Entry, check_intent, cut, unfinished};
use crate::error::Result;
use crate::format::{CHECKSUMS, DATA, INTENT, Kind, Order, SHAPE};
use crate::layout::Layout;
use crate::options::Options;

/// What a writer has left comes first, the state after it second, and a last look tells what stays.
const ROUNDS: u32 = 3;

/// What a repair does, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// What is cut or overwritten, file by file.
    pub actions: Vec<Finding>,
    /// Damage that stays, and why nothing is done where nothing is safe to do.
    pub problems: Vec<Finding>,
    /// Directories that hold the bytes that were cut or overwritten.
    pub kept: Vec<PathBuf>,
    /// Whether it was done.
    pub is_applied: bool,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.is_applied { "repaired" } else { "would repair" };
        match self.actions.len() {
            0 => write!(f, "nothing to repair")?,
            places => write!(f, "{verb} {}", count(places as u64, "place"))?,
        }
        for action in &self.actions {
            write!(f, "\n  {action}")?;
        }
        for problem in &self.problems {
            write!(f, "\n  stays: {problem}")?;
        }
        self.kept.iter().try_for_each(|kept| write!(f, "\n  what was cut is kept in {}", kept.display()))
    }
}

/// Tells what a repair of the data set in `dir` would do, or, with `apply`, does it.
///
/// An append that was cut off is finished or undone. Of a torn data set stays what is committed, or, where that is not
/// all there, the longest beginning whose samples are: surplus bytes are cut, and counts set right. No sample that is
/// there whole is ever cut, and the contents of samples are not judged. What is cut or overwritten is kept beside `dir`,
/// in `<dir>.cut-1`.
///
/// No other process may have the data set open, since bytes that it has mapped may be cut.
///
/// ```
/// use mmap_ninja::{Layout, Mode, Strings};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("texts");
/// Strings::create(&path, &Layout::default(), None, &["one", "zwei"])?;
/// std::fs::write(path.join("data.ninja"), b"onezw")?; // two bytes were lost
/// assert!(Strings::open(&path, Mode::ReadOnly).is_err());
/// let repair = mmap_ninja::repair(&path, true)?;
/// assert!(repair.problems.is_empty());
/// assert_eq!(Strings::open(&path, Mode::ReadOnly)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) where there is no directory, or no data set in it;
/// [`Error::Busy`](crate::Error::Busy); [`Error::Interrupted`](crate::Error::Interrupted).
pub fn repair(dir: impl AsRef<Path>, apply: bool) -> Result<Repair> {
    repair_with(dir, &Layout::default(), apply, &mut |_, _| ControlFlow::Continue(()))
}

/// The same for a data set with other names of sub-directories.
///
/// # Errors
/// As [`repair`]; [`Error::Argument`](crate::Error::Argument) where the layout is none.
pub fn repair_with(dir: impl AsRef<Path>, layout: &Layout, apply: bool, progress: Progress) -> Result<Repair> {
    layout.check()?;
    let dir = crate::absolute(dir.as_ref())?;
    let lock = if apply { DirLock::acquire(&dir, Options::default().timeout)? } else { None };
    let mut done = Repair { is_applied: apply, ..Repair::default() };
    let mut told = Vec::new();
    for _ in 0..ROUNDS {
        let report = verify_with(&dir, layout, &mut *progress)?;
        let plan = Plan::of(&dir, layout, &report)?;
        done.problems = united(plan.problems, &told);
        let Some(wanted) = plan.cut else { return Ok(done) };
        done.actions.extend(actions(&wanted, report.samples));
        let Some(lock) = &lock else { return Ok(done) };
        if wanted.files.contains(&CHECKSUMS) {
            told.clone_from(&done.problems);
        }
        done.kept.push(cut(&dir, lock, &wanted)?);
    }
    Ok(done)
}

/// What is found now, and what checksums have told that are gone now.
fn united(mut found: Vec<Finding>, told: &[Finding]) -> Vec<Finding> {
    for finding in told {
        if !found.iter().any(|other| (&other.file, &other.samples) == (&finding.file, &finding.samples)) {
            found.push(finding.clone());
        }
    }
    found
}

/// What is to be done, and what stays as it is.
struct Plan {
    cut: Option<Cut>,
    problems: Vec<Finding>,
}

impl Plan {
    fn of(dir: &Path, layout: &Layout, report: &Report) -> Result<Self> {
        let refused = |problems: Vec<Finding>| Self { cut: None, problems };
        let Some(kind) = report.kind else { return Ok(refused(report.findings.clone())) };
        if check_intent(dir).is_ok()
            && let Some(cut) = unfinished(dir)?
        {
            return Ok(Self { cut: Some(cut), problems: Vec::new() });
        }
        let found = survey(dir, layout, kind);
        let target = match Target::of(dir, found, report) {
            Ok(target) => target,
            Err(reason) => return Ok(refused(report.findings.iter().cloned().chain([reason]).collect())),
        };
        let mut cut = Cut { entries: target.entries(), files: Vec::new() };
        if cut.entries.iter().all(is_there) && !target.has_intent {
            return Ok(refused(report.findings.clone()));
        }
        if target.has_intent {
            cut.files.push(INTENT);
        }
        if target.outgrows(dir) {
            cut.files.push(CHECKSUMS);
        }
        let stays = |finding: &&Finding| is_in_a_sample(finding, target.samples);
        let problems = report.findings.iter().filter(stays).cloned().collect();
        Ok(Self { cut: Some(cut), problems })
    }
}

/// Counts and sizes that a data set is to have.
struct Target {
    survey: Survey,
    /// Samples that stay.
    samples: u64,
    /// Rows of the data, and of nested axes.
    data: u64,
    axes: u64,
    has_intent: bool,
}

impl Target {
    /// # Errors
    /// Why nothing is safe to do.
    fn of(dir: &Path, mut survey: Survey, report: &Report) -> std::result::Result<Self, Finding> {
        if let Some(text) = report.findings.iter().find(|finding| is_text(finding)) {
            let what = "nothing is safe to do before this file is right; restore it";
            return Err(Finding::of(text.file.clone(), what));
        }
        let unfit = |member: &&Member| member.row_size.is_none() || member.size.is_none();
        if let Some(member) = survey.members.iter().find(unfit) {
            return Err(Finding::of(member.path.clone(), "nothing is safe to do while its files cannot be read"));
        }
        let has_intent = survey.is_unfinished;
        if survey.kind == Kind::Numpy {
            let samples = whole_rows(&survey.members[0])?;
            return Ok(Self { survey, samples, data: samples, axes: 0, has_intent });
        }
        let committed = survey.samples;
        for member in &mut survey.members {
            member.rows = if member.role.is_column() { committed } else { member.stored() };
        }
        let limit = survey.member(Role::Data).map_or(0, Member::stored);
        let walk = Walk::open(dir, &survey, limit).map_err(|error| Finding::from_error(dir, error))?;
        let walk = walk.ok_or_else(|| Finding::of("", "nothing is safe to do while files cannot be read"))?;
        let [samples, data, axes] = longest(walk)?;
        Ok(Self { survey, samples, data, axes, has_intent })
    }

    fn rows(&self, role: Role) -> u64 {
        match role {
            Role::Data => self.data,
            Role::Axes => self.axes,
            _ => self.samples,
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |member: &Member| {
            let rows = self.rows(member.role);
            Entry {
                member: super::checksums::name_of(&member.path),
                rows: member.counted().map(|counted| [rows, counted]),
                bytes: [rows * member.row_size.unwrap_or(0), member.size.unwrap_or(0)],
            }
        };
        self.survey.members.iter().map(entry).collect()
    }

    /// Whether checksums cover more than is to stay.
    fn outgrows(&self, dir: &Path) -> bool {
        let Ok(Some(checksums)) = Checksums::read(dir) else { return false };
        let is_short = |member: &Member| {
            let entry = checksums.files.get(&super::checksums::name_of(&member.file(DATA)));
            entry.is_some_and(|entry| entry.end > self.rows(member.role) * member.row_size.unwrap_or(0))
        };
        self.survey.members.iter().any(is_short)
    }
}

/// A file that says what the others mean.
fn is_text(finding: &Finding) -> bool {
    let name = finding.file.file_name();
    ![DATA, SHAPE, INTENT, CHECKSUMS].iter().any(|known| name == Some(known.as_ref()))
}

fn is_there(entry: &Entry) -> bool {
    entry.rows.is_none_or(|[new, now]| new == now) && entry.bytes[1] == size_of(entry)
}

/// Bytes that a member is to have. One stands for none, but in strings.
fn size_of(entry: &Entry) -> u64 {
    if entry.rows.is_some() { entry.bytes[0].max(1) } else { entry.bytes[0] }
}

/// Damage within a sample that stays is nothing that cutting mends.
fn is_in_a_sample(finding: &Finding, samples: u64) -> bool {
    finding.samples.as_ref().is_some_and(|range| range.start < samples)
}

/// Rows of a dense array that are there whole.
fn whole_rows(member: &Member) -> std::result::Result<u64, Finding> {
    let is_cut = member.stored() < member.rows;
    let axes = member.shape.as_ref().map_or(0, Vec::len);
    if is_cut && (axes == 0 || (axes > 1 && member.order == Some(Order::F))) {
        return Err(Finding::of(DATA, "nothing is safe to do: elements of every row are lost"));
    }
    Ok(member.present())
}

/// Samples up to the last one whose offsets and shape are sound, and where their elements and axes end.
fn longest(mut walk: Walk) -> std::result::Result<[u64; 3], Finding> {
    let mut last = [0; 3];
    let mut furthest = [0; 2];
    let mut index = 0;
    while index < walk.len {
        let next = index + walk.zeros(index).max(1);
        if let Ok(place) = walk.ends(index) {
            last = [next, place[0], place[1]];
            furthest = [furthest[0].max(place[0]), furthest[1].max(place[1])];
        }
        index = next;
    }
    if furthest != last[1..] {
        return Err(Finding::of("", "nothing is safe to do: samples do not lie one after another"));
    }
    Ok(last)
}

/// A cut, told file by file.
fn actions(cut: &Cut, committed: u64) -> Vec<Finding> {
    let mut actions = Vec::new();
    let kept = cut.entries.last().and_then(|entry| entry.rows).map_or(committed, |[rows, _]| rows);
    for entry in &cut.entries {
        let [new, now] = [size_of(entry), entry.bytes[1]];
        let path = Path::new(&entry.member);
        if now > new {
            let action = Finding::of(path.join(DATA), format!("{} bytes are cut off", now - new)).at(new);
            actions.push(action.touching((kept < committed).then_some(kept..committed)));
        } else if now < new {
            actions.push(Finding::of(path.join(DATA), "one zero byte is written, which stands for none"));
        }
        if let Some([new, now]) = entry.rows.filter(|[new, now]| new != now) {
            actions.push(Finding::of(path.join(SHAPE), format!("the count becomes {new}, it was {now}")).at(0));
        }
    }
    actions.extend(cut.files.iter().map(|name| Finding::of(*name, "it is removed")));
    actions
}
