//! The plan of a repair of records: all fields keep as many samples as the shortest has intact.

use std::path::{Path, PathBuf};

use super::inspect::Inspection;
use super::records::{Root, inspect_field};
use super::repair_plan::{RepairPlan, Target, is_in_a_sample, is_unchanged};
use super::report::{Finding, Report};
use crate::error::Result;
use crate::format::fields::FieldSpec;
use crate::format::{CHECKSUMS, INDEX};
use crate::schema::portable_name;
use crate::txn::{Entry, TruncationPlan};

/// Plans to cut every field to the longest prefix that all of them have. Where every field has more samples than there are
/// records, since others have added to each of them, that makes them records.
pub(super) fn plan(dir: &Path, report: &Report) -> Result<RepairPlan> {
    let refused = |reason: Option<Finding>| RepairPlan {
        truncation: None,
        problems: report.findings.iter().cloned().chain(reason).collect(),
    };
    let Ok(root) = Root::read(dir) else { return Ok(refused(None)) };
    let mut targets = Vec::new();
    for spec in &root.specs {
        match target(dir, spec, report, None)? {
            Ok(target) => targets.push(target),
            Err(reason) => return Ok(refused(Some(reason))),
        }
    }
    let Some(kept) = targets.iter().map(|target| target.samples).min() else { return Ok(refused(None)) };
    let mut truncation = TruncationPlan::default();
    for spec in &root.specs {
        match target(dir, spec, report, Some(kept))? {
            Ok(target) => add(dir, spec, &target, report, &mut truncation),
            Err(reason) => return Ok(refused(Some(reason))),
        }
    }
    if let Some(count) = root.count {
        truncation.entries.push(Entry { member: String::new(), rows: Some([kept, count]), bytes: None });
    }
    if truncation.entries.iter().all(is_unchanged) && truncation.files.is_empty() {
        return Ok(refused(None));
    }
    let remains = |finding: &&Finding| is_in_a_sample(finding, kept);
    let problems = report.findings.iter().filter(remains).cloned().collect();
    Ok(RepairPlan { truncation: Some(truncation), problems })
}

/// What a field keeps: its longest intact prefix, of at most `most` samples.
fn target(
    dir: &Path,
    spec: &FieldSpec,
    report: &Report,
    most: Option<u64>,
) -> Result<std::result::Result<Target, Finding>> {
    let mut ignored = Report::default();
    let Some(mut inspection) = inspect_field(dir, spec, &mut ignored)? else {
        let what = "no repair is safe while this field cannot be read";
        return Ok(Err(Finding::of(spec.name.as_str(), what)));
    };
    if let Some(most) = most {
        limit(&mut inspection, most);
    }
    let own = findings_of(&spec.name, report);
    Ok(Target::of(&dir.join(&spec.name), inspection, &own)
        .map_err(|reason| Finding { file: Path::new(&spec.name).join(&reason.file), ..reason }))
}

/// Lets a field have at most that many samples.
fn limit(inspection: &mut Inspection, most: u64) {
    inspection.samples = inspection.samples.min(most);
    for member in inspection.members.iter_mut().filter(|member| member.role.is_column()) {
        member.rows = member.rows.min(most);
    }
    if let [rows] = &mut inspection.members[..] {
        rows.rows = rows.rows.min(most);
    }
}

/// Adds what a field needs to the plan.
fn add(dir: &Path, spec: &FieldSpec, target: &Target, report: &Report, plan: &mut TruncationPlan) {
    let (path, name) = (dir.join(&spec.name), PathBuf::from(&spec.name));
    for entry in target.entries() {
        plan.entries.push(Entry { member: portable_name(&name.join(&entry.member)), ..entry });
    }
    if target.outgrows_checksums(&path) {
        plan.files.push(name.join(CHECKSUMS));
    }
    if target.is_index_unfit(&path, &findings_of(&spec.name, report)) {
        plan.files.push(name.join(INDEX));
    }
}

/// The report of one field.
fn findings_of(field: &str, report: &Report) -> Report {
    let own = |finding: &Finding| {
        let file = finding.file.strip_prefix(field).ok().filter(|file| !file.as_os_str().is_empty())?;
        Some(Finding { file: file.to_owned(), ..finding.clone() })
    };
    Report { findings: report.findings.iter().filter_map(own).collect(), ..Report::default() }
}
