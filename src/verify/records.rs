//! Verification of records: every field, and that all have as many samples as there are records.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::Progress;
use super::inspect::{Inspection, find_kind, inspect};
use super::report::{Finding, Report};
use super::verification::Verification;
use crate::error::{Error, Result};
use crate::format::fields::{FieldSpec, check_name};
use crate::format::{BUILDING, FIELDS, JOURNAL, Kind, TYPE};
use crate::io::mapping::Mode;
use crate::io::untrusted::check_directory;
use crate::ragged::Ragged;
use crate::records::Records;
use crate::schema::{MemberNames, bare_fields, foreign_entries, kind_of, read_fields};
use crate::txn::{check_journal, count_of, has_journal};

/// What the files beside the fields state.
pub(super) struct Root {
    pub specs: Vec<FieldSpec>,
    /// The number of records; `None` where only the fields tell.
    pub count: Option<u64>,
}

impl Root {
    pub fn read(dir: &Path) -> Result<Self> {
        if kind_of(dir)?.is_none() {
            return Ok(Self { specs: bare_fields(dir)?, count: None });
        }
        Ok(Self { specs: read_fields(dir)?.fields, count: Some(count_of(dir)?) })
    }
}

/// Verifies the records in `dir`.
pub(super) fn verify(dir: &Path, progress: Progress) -> Result<Report> {
    let mut report = Report { kind: Some(Kind::Records), ..Report::default() };
    let Some(root) = keep(dir, Root::read(dir), &mut report)? else { return Ok(report) };
    report.samples = root.count.unwrap_or(0);
    note_entries(dir, &mut report)?;
    keep(dir, check_journal(dir), &mut report)?;
    let mut inspections = Vec::new();
    for spec in &root.specs {
        if let Some(inspection) = inspect_field(dir, spec, &mut report)? {
            inspections.push((spec, inspection));
        }
    }
    let count = root.count.or_else(|| inspections.iter().map(|(_, inspection)| inspection.samples).min()).unwrap_or(0);
    report.samples = count;
    let names = MemberNames::default();
    let ignore: Progress = &mut |_, _| ControlFlow::Continue(());
    let sizes = inspections
        .iter()
        .map(|(spec, inspection)| Verification::new(&dir.join(&spec.name), &names, inspection, ignore).total());
    let total = sizes.fold(0, u64::saturating_add);
    let mut done = 0;
    for (spec, inspection) in &inspections {
        let path = dir.join(&spec.name);
        let advance: Progress = &mut |read, _| progress(done + read, total);
        let own = Verification::new(&path, &names, inspection, advance).run()?;
        done += Verification::new(&path, &names, inspection, &mut |_, _| ControlFlow::Continue(())).total();
        check_count(spec, inspection, count, &mut report);
        if own.is_ok() {
            keep(dir, check_axes(dir, spec), &mut report)?
                .flatten()
                .into_iter()
                .for_each(|finding| report.add(finding));
        }
        merge(&spec.name, own, &mut report);
    }
    if report.is_ok() {
        keep(dir, Records::open(dir, Mode::ReadOnly), &mut report)?;
    }
    Ok(report)
}

/// What the members of a field claim.
pub(super) fn inspect_field(dir: &Path, spec: &FieldSpec, report: &mut Report) -> Result<Option<Inspection>> {
    let path = dir.join(&spec.name);
    if keep(dir, check_directory(&path), report)?.is_none() {
        return Ok(None);
    }
    let kind = match find_kind(&path) {
        Ok(Ok(kind)) => kind,
        Ok(Err(finding)) => {
            report.add(below(&spec.name, finding));
            return Ok(None);
        }
        Err(error) => return keep(dir, Err(error), report),
    };
    if kind != spec.kind {
        let what = format!("the field is of kind '{kind}', expected '{}' from {FIELDS}", spec.kind);
        report.add(Finding::of(spec.name.as_str(), what));
        return Ok(None);
    }
    inspect(&path, &MemberNames::default(), kind).map(Some)
}

/// Every field has a sample for each record; it may have more while an append is under way.
fn check_count(spec: &FieldSpec, inspection: &Inspection, count: u64, report: &mut Report) {
    let found = inspection.samples;
    if found == count || (found > count && inspection.is_unfinished) {
        return;
    }
    let what = if found < count {
        format!("the field has {found} samples, the records are {count}")
    } else {
        format!(
            "the field has {found} samples, the records are {count}: others have added to it; readers ignore them, and a repair says what can be kept"
        )
    };
    report.add(Finding::of(spec.name.as_str(), what).touching(Some(found.min(count)..found.max(count))));
}

/// The first sample of a field whose fixed axes are others.
fn check_axes(dir: &Path, spec: &FieldSpec) -> Result<Option<Finding>> {
    let Some(axes) = spec.trailing_axes() else { return Ok(None) };
    let field = Ragged::open(dir.join(&spec.name), Mode::ReadOnly)?;
    for index in 0..field.len() {
        let shape = field.get(index)?.shape;
        if shape.get(1..) != Some(axes) {
            let what =
                format!("the shape is {shape:?}, expected {:?} from {FIELDS}", spec.shape.as_deref().unwrap_or(&[]));
            let place = index as u64..index as u64 + 1;
            return Ok(Some(Finding::of(spec.name.as_str(), what).touching(Some(place))));
        }
    }
    Ok(None)
}

/// Notes what is not part of the records, and what unfinished work has left.
fn note_entries(dir: &Path, report: &mut Report) -> Result<()> {
    if has_journal(dir) {
        let what = "an append is under way or was interrupted; the next one, or a repair, finishes it or rolls it back";
        report.note(Finding::of(JOURNAL, what));
    }
    if dir.join(BUILDING).symlink_metadata().is_ok() {
        report.note(Finding::of(BUILDING, "these records are being built, or their build was interrupted"));
    }
    if kind_of(dir)?.is_none() {
        let what = "there is no list of fields, as in directories of mmap_ninja_dataframe; the next append writes it";
        report.note(Finding::of(FIELDS, what));
        return Ok(());
    }
    if dir.join(TYPE).symlink_metadata().is_err() {
        let what = "the file is missing; restore it with the content 'records', which tells other programs the kind";
        report.note(Finding::of(TYPE, what));
    }
    for name in read_fields(dir)?.pending {
        report.note(Finding::of(name, "this is not a field yet, or no longer; whoever changes fields next removes it"));
    }
    for name in foreign_entries(dir)? {
        let what = match name.to_str().and_then(unfinished_field) {
            Some(field) => format!("an interrupted add_field; add_field('{field}', resume=True) continues it"),
            None => "this is not part of the dataset".to_owned(),
        };
        report.note(Finding::of(PathBuf::from(name), what));
    }
    Ok(())
}

/// The field that a build of it has left in a hidden directory of this name.
fn unfinished_field(name: &str) -> Option<&str> {
    name.strip_prefix('.')?.strip_suffix(".partial").filter(|field| check_name(field).is_ok())
}

/// Adds the report of a field to that of the records.
fn merge(field: &str, own: Report, report: &mut Report) {
    report.bytes = report.bytes.saturating_add(own.bytes);
    report.checked = report.checked.saturating_add(own.checked);
    report.unlisted += own.unlisted;
    own.findings.into_iter().for_each(|finding| report.add(below(field, finding)));
    own.notes.into_iter().for_each(|note| report.note(below(field, note)));
}

/// The finding with its path relative to the records' directory.
fn below(field: &str, finding: Finding) -> Finding {
    let file = if finding.file.as_os_str().is_empty() { field.into() } else { Path::new(field).join(&finding.file) };
    Finding { file, ..finding }
}

/// What could be read. What could not is a finding, unless the error tells nothing about the records.
fn keep<T>(dir: &Path, read: Result<T>, report: &mut Report) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_no_evidence() => Err(error),
        Err(error @ Error::Interrupted { .. }) => Err(error),
        Err(error) => {
            report.add(Finding::from_error(dir, error));
            Ok(None)
        }
    }
}
