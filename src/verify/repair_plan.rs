//! What a repair keeps of a dataset, or of a field: its longest intact prefix.

use std::path::Path;

use super::checksums::Checksums;
use super::index::outgrows;
use super::inspect::{Inspection, MemberState};
use super::report::{Finding, Report};
use super::samples::SampleReader;
use crate::format::{ATTRS, CHECKSUMS, DATA, INDEX, JOURNAL, Kind, Order, SHAPE};
use crate::schema::{Role, placeholder, portable_name};
use crate::txn::{Entry, TruncationPlan};

/// The truncation to carry out, if any, and the problems that remain.
pub(super) struct RepairPlan {
    pub truncation: Option<TruncationPlan>,
    pub problems: Vec<Finding>,
}

/// The counts and sizes of the dataset after its repair.
pub(super) struct Target {
    inspection: Inspection,
    /// Samples that are kept.
    pub samples: u64,
    /// Rows of the data, and of the axes of nested shapes.
    data: u64,
    axes: u64,
    pub has_journal: bool,
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
pub(super) fn size_of(entry: &Entry, [bytes, _]: [u64; 2]) -> u64 {
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
