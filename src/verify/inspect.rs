//! The counts and sizes of all members, and whether they agree. No sample is read.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::report::Finding;
use crate::error::{At, Error, Result};
use crate::format::dtype::Dtype;
use crate::format::{self, Kind, Order, is_possible};
use crate::io::untrusted::{FileId, check_directory, open_member, read_at, size_of_member};
use crate::schema::{
    Axes, MemberNames, Role, Rows, Schema, bare_fields, kind_of, no_dataset, placeholder, read_dtype, read_is_flat,
    read_order, read_shape, records_above,
};
use crate::txn::{Attempt, check_journal, has_journal, retry};

/// Attempts to inspect a state that a writer may be changing before it is called damaged.
const MAX_ATTEMPTS: u32 = 6;

/// What the files of one member state. What could not be read is `None`, and reported.
#[derive(Clone, Debug)]
pub(super) struct MemberState {
    pub role: Role,
    /// Its directory, relative to the dataset's.
    pub path: PathBuf,
    /// Also `None` for the bytes of strings, which have no shape.
    pub shape: Option<Vec<u64>>,
    pub dtype: Option<Dtype>,
    pub order: Option<Order>,
    /// Bytes of `data.ninja`.
    pub size: Option<u64>,
    /// Bytes of one row.
    pub row_size: Option<u64>,
    /// Committed rows.
    pub rows: u64,
}

impl MemberState {
    /// The path of one of its files, relative to the dataset's directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Rows that its `shape.ninja` counts.
    pub fn counted(&self) -> Option<u64> {
        self.shape.as_ref()?.first().copied()
    }

    /// Committed bytes.
    pub fn needed(&self) -> u64 {
        self.rows.saturating_mul(self.row_size.unwrap_or(0))
    }

    /// Whole rows in `data.ninja`; the committed rows where a row has no bytes.
    pub fn stored(&self) -> u64 {
        let Some(row_size) = self.row_size else { return 0 };
        self.size.unwrap_or(0).checked_div(row_size).unwrap_or(self.rows)
    }

    /// Committed rows in `data.ninja`.
    pub fn present(&self) -> u64 {
        self.stored().min(self.rows)
    }
}

/// What the members of a dataset claim.
#[derive(Debug)]
pub(super) struct Inspection {
    pub kind: Kind,
    /// Whether all samples are 0-D or 1-D.
    pub is_flat: bool,
    /// Committed samples.
    pub samples: u64,
    /// The commit point last.
    pub members: Vec<MemberState>,
    /// Contradictions between counts, sizes and texts.
    pub findings: Vec<Finding>,
    /// The directory that was inspected.
    pub id: Option<FileId>,
    /// Whether an append is under way or was interrupted.
    pub is_unfinished: bool,
}

impl Inspection {
    /// The schema of the dataset.
    pub fn schema<'a>(&self, names: &'a MemberNames) -> Schema<'a> {
        Schema { kind: self.kind, is_flat: self.is_flat, names }
    }

    /// The member with a role, if the dataset has one.
    pub fn member(&self, role: Role) -> Option<&MemberState> {
        self.members.iter().find(|member| member.role == role)
    }
}

/// Inspects all members of the dataset in `dir`. A writer may be at work, so contradictions are damage only if a second
/// inspection finds the same ones.
///
/// # Errors
/// [`Error::Io`] where this process may not read a file, which tells nothing about it.
pub(super) fn inspect(dir: &Path, names: &MemberNames, kind: Kind) -> Result<Inspection> {
    let mut last: Option<(u64, Vec<Finding>)> = None;
    retry(MAX_ATTEMPTS, || {
        let inspector = Inspector { dir, names, kind, unread: RefCell::default() };
        let seen = inspector.inspect();
        if let Some(error) = inspector.unread.take() {
            return Attempt::Stable(Err(error));
        }
        let found = (seen.samples, seen.findings.clone());
        let is_stable = found.1.is_empty() || last.as_ref() == Some(&found);
        last = Some(found);
        if is_stable { Attempt::Stable(Ok(seen)) } else { Attempt::Transient(Ok(seen)) }
    })
}

/// One inspection.
struct Inspector<'a> {
    dir: &'a Path,
    names: &'a MemberNames,
    kind: Kind,
    /// An error that tells nothing about the dataset.
    unread: RefCell<Option<Error>>,
}

impl Inspector<'_> {
    /// Reads the commit point first: whatever is read later counts at least as many rows. If the commit point has moved
    /// on since, or there is a journal, surplus rows and bytes belong to a writer.
    fn inspect(&self) -> Inspection {
        let id = FileId::of(self.dir);
        let mut findings = Vec::new();
        let records = records_above(self.dir);
        let is_journaled = || has_journal(self.dir) || records.as_deref().is_some_and(has_journal);
        let had_journal = is_journaled();
        let is_flat = self.is_flat(&mut findings);
        let schema = Schema { kind: self.kind, is_flat, names: self.names };
        let roles = schema.roles().iter().rev();
        let mut members: Vec<MemberState> = roles.map(|&role| self.member(schema, role, &mut findings)).collect();
        let commit_point = self.dir.join(&members[0].path);
        let is_unfinished = had_journal || is_journaled();
        let has_moved = read_shape(&commit_point).ok().as_ref() != members[0].shape.as_ref();
        let quiescent = !is_unfinished && !has_moved;
        let counted = members[0].counted().unwrap_or_else(|| u64::from(members[0].shape.is_some()));
        let samples = agreed_count(&members).filter(|_| quiescent).unwrap_or(counted);
        for index in 0..members.len() {
            members[index].rows = self.committed_rows(schema, &members, index, samples, &mut findings);
        }
        for member in &members {
            self.check_count_and_size(member, quiescent, &mut findings);
        }
        self.keep(check_journal(self.dir), &mut findings);
        members.reverse();
        Inspection { kind: self.kind, is_flat, samples, members, findings, id, is_unfinished }
    }

    fn is_flat(&self, findings: &mut Vec<Finding>) -> bool {
        if self.kind != Kind::Ragged {
            return true;
        }
        let flag = read_is_flat(self.dir);
        self.keep(flag, findings).unwrap_or_else(|| {
            let nested = Schema::ragged(self.names, false).path(Role::Axes).join(format::SHAPES_ARE_FLAT);
            self.dir.join(nested).symlink_metadata().is_err()
        })
    }

    /// The value of `read`; an error becomes a finding.
    fn keep<T>(&self, read: Result<T>, findings: &mut Vec<Finding>) -> Option<T> {
        match read {
            Ok(read) => return Some(read),
            Err(error) if error.is_no_evidence() => drop(self.unread.replace(Some(error))),
            Err(error) => findings.push(Finding::from_error(self.dir, error)),
        }
        None
    }

    fn member(&self, schema: Schema, role: Role, findings: &mut Vec<Finding>) -> MemberState {
        let path = schema.path(role);
        let dir = self.dir.join(&path);
        let mut member =
            MemberState { role, path, shape: None, dtype: None, order: None, size: None, row_size: None, rows: 0 };
        if role != Role::Data && self.keep(check_directory(&dir), findings).is_none() {
            return member;
        }
        if schema.is_counted(role) {
            member.shape = self.keep(read_shape(&dir), findings);
            member.dtype = self.keep(read_dtype(&dir), findings);
            member.order = self.keep(read_order(&dir), findings);
            member.row_size = self.row_size(schema, &member, findings);
        } else {
            member.row_size = Some(1);
        }
        member.size = self.keep(size_of_member(&dir.join(format::DATA)), findings);
        if role != Role::Data {
            self.check_kind(schema, &member, findings);
        }
        member
    }

    /// Bytes of one row, if the dtype and the shape are those of the schema.
    fn row_size(&self, schema: Schema, member: &MemberState, findings: &mut Vec<Finding>) -> Option<u64> {
        let (shape, dtype) = (member.shape.as_ref()?, member.dtype.as_ref()?);
        if member.role != Role::Data && !dtype.is::<i64>() {
            let what = format!("the dtype is {}, expected int64", dtype.text());
            findings.push(Finding::of(member.file(format::DTYPE), what));
            return None;
        }
        let axes = shape.get(1..).unwrap_or_default();
        if !schema.axes(member.role).fit(shape) {
            let expected = if schema.axes(member.role) == Axes::Column { "(samples, 1)" } else { "one axis" };
            let what = format!("the shape is {shape:?}, expected {expected}");
            findings.push(Finding::of(member.file(format::SHAPE), what));
            return None;
        }
        // In other kinds, a count that is too large differs from those of the other members.
        if self.kind == Kind::Numpy && !is_possible(shape.iter().copied(), dtype.item_size() as u64) {
            findings.push(Finding::of(
                member.file(format::SHAPE),
                format!("no array of {} can have the shape {shape:?}", dtype.text()),
            ));
        }
        let elements = format::element_count(axes).unwrap_or(0);
        Some(elements.saturating_mul(dtype.item_size() as u64))
    }

    fn check_kind(&self, schema: Schema, member: &MemberState, findings: &mut Vec<Finding>) {
        let expected = schema.member_kind(member.role);
        match self.keep(kind_of(&self.dir.join(&member.path)), findings) {
            Some(Some(found)) if found == expected => {}
            Some(_) => {
                findings
                    .push(Finding::of(member.file(format::TYPE), format!("this does not state the kind '{expected}'")));
            }
            None => {}
        }
        let Some(expected) = schema.flag(member.role) else { return };
        match self.keep(read_is_flat(&self.dir.join(&member.path)), findings) {
            Some(found) if found != expected => {
                let path = member.file(format::SHAPES_ARE_FLAT);
                findings.push(Finding::of(path, "the flag is 0, expected 1, since the shapes of N-D samples are 1-D"));
            }
            _ => {}
        }
    }

    /// The committed rows of a member: one per sample, or up to the end of the last sample.
    fn committed_rows(
        &self,
        schema: Schema,
        members: &[MemberState],
        index: usize,
        samples: u64,
        findings: &mut Vec<Finding>,
    ) -> u64 {
        let Rows::UpTo(role) = schema.rows(members[index].role) else { return samples };
        let Some(ends) = members.iter().find(|other| other.role == role) else { return 0 };
        // Too few ends are reported separately.
        let present = ends.present();
        let Some(last) = present.checked_sub(1) else { return 0 };
        let path = self.dir.join(ends.file(format::DATA));
        let Some(end) = self.keep(read_value(&path, last), findings) else { return 0 };
        u64::try_from(end).unwrap_or_else(|_| {
            let what = format!("the end is negative: {end}");
            let finding = Finding::of(ends.file(format::DATA), what).at(last * 8);
            findings.push(finding.touching(Some(last..present)));
            0
        })
    }

    /// The count and the size must be those of the committed rows, or larger while a writer is at work.
    fn check_count_and_size(&self, member: &MemberState, quiescent: bool, findings: &mut Vec<Finding>) {
        let rows = member.rows;
        if let Some(counted) = member.counted().filter(|&counted| counted < rows || (quiescent && counted != rows)) {
            let what = format!("the count is {counted}, expected {rows}");
            findings.push(Finding::of(member.file(format::SHAPE), what));
        }
        let (Some(size), Some(_)) = (member.size, member.row_size) else { return };
        let (needed, file) = (member.needed(), member.file(format::DATA));
        if size < needed || (quiescent && !placeholder::is_exact(size, needed)) {
            let what = format!("the file has {size} bytes, expected {needed} from its shape and dtype");
            let has_rows = member.role.is_column() || self.kind == Kind::Numpy;
            let samples = (has_rows && size < needed).then(|| member.present()..rows);
            findings.push(Finding::of(file.clone(), what).at(size.min(needed)).touching(samples));
        }
        // Readers accept both states of the placeholder, but neither this crate nor mmap_ninja 0.9 writes them.
        if size < placeholder::size_on_disk(needed, member.dtype.is_some()) && needed == 0 {
            findings.push(Finding::of(file, "the placeholder byte of an empty array is missing"));
        } else if placeholder::is_placeholder(size, needed) && member.dtype.is_some() && self.is_set(&file) {
            findings.push(Finding::of(file, "the placeholder byte of an empty array is not zero").at(0));
        }
    }

    /// Whether the only byte of a file is not zero. A member that has grown since has more bytes.
    fn is_set(&self, file: &Path) -> bool {
        let mut byte = [0];
        open_member(&self.dir.join(file), false).is_ok_and(|file| {
            read_at(&file, 0, &mut byte).is_ok()
                && byte != placeholder::PLACEHOLDER
                && file.metadata().is_ok_and(|found| found.len() == 1)
        })
    }
}

/// The count of all columns but the commit point, if every column has exactly that many rows. A commit point that
/// states another count is wrong.
fn agreed_count(members: &[MemberState]) -> Option<u64> {
    let mut columns = members.iter().filter(|member| member.role.is_column());
    let commit_point = columns.next().filter(|first| first.role == Role::Starts)?;
    let count = members.iter().find(|member| member.role == Role::Ends)?.counted()?;
    let has_rows = |member: &MemberState| {
        member.stored() == count || member.size.is_some_and(|size| placeholder::is_placeholder(size, count))
    };
    let agrees = |member: &MemberState| member.counted() == Some(count) && has_rows(member);
    (has_rows(commit_point) && columns.all(agrees)).then_some(count)
}

/// The 8-byte value of a row.
fn read_value(path: &Path, row: u64) -> Result<i64> {
    let mut bytes = [0; 8];
    read_at(&open_member(path, false)?, row * 8, &mut bytes).at(path)?;
    Ok(i64::from_le_bytes(bytes))
}

/// The kind of the dataset in `dir`, or the finding that its `type.ninja` does not state one.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) where there is no directory, or no dataset in it.
pub(super) fn find_kind(dir: &Path) -> Result<std::result::Result<Kind, Finding>> {
    match kind_of(dir) {
        Ok(Some(kind)) => Ok(Ok(kind)),
        Ok(None) if dir.is_dir() && bare_fields(dir).is_ok_and(|fields| !fields.is_empty()) => Ok(Ok(Kind::Records)),
        Ok(None) => Err(no_dataset(dir)),
        Err(error) if dir.is_dir() && !error.is_no_evidence() => Ok(Err(Finding::from_error(dir, error))),
        Err(error) => Err(error),
    }
}
