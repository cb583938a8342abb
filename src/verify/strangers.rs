//! What lies in the directories of a data set and is no part of it.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::report::{Finding, Report};
use super::survey::{Role, Survey};
use crate::format::{self, BUILDING, CHECKSUMS, INTENT, Kind};

/// Notes every stranger, and what writers have left.
pub(super) fn note(dir: &Path, survey: &Survey, report: &mut Report) {
    if survey.is_unfinished {
        let what = "an append is under way or was cut off; the next one, or a repair, finishes or undoes it";
        report.note(Finding::of(INTENT, what));
    }
    for member in &survey.members {
        let Ok(entries) = fs::read_dir(dir.join(&member.path)) else { continue };
        for name in entries.flatten().map(|entry| entry.file_name()) {
            let is_stranger = !is_known(survey, member.role, &name) && !is_member(survey, &member.path.join(&name));
            if name == BUILDING && member.role == Role::Data {
                report.note(Finding::of(BUILDING, "this is being built, or its build was interrupted"));
            } else if is_stranger {
                report.note(Finding::of(member.path.join(name), "this is no part of the data set"));
            }
        }
    }
}

fn is_member(survey: &Survey, path: &Path) -> bool {
    survey.members.iter().any(|member| member.path == path)
}

fn is_known(survey: &Survey, role: Role, name: &OsString) -> bool {
    let own: &[&str] = match (role, survey.kind) {
        (Role::Data, Kind::String) => &[format::ZSTD_LEVEL, format::ZSTD_DICT],
        (Role::Data | Role::Axes, Kind::Ragged) => &[format::SHAPES_ARE_FLAT],
        _ => &[],
    };
    let root: &[&str] = if role == Role::Data { &[CHECKSUMS, INTENT] } else { &[] };
    let dense = [format::DTYPE, format::SHAPE, format::ORDER];
    let is_dense = (survey.kind, role) != (Kind::String, Role::Data) && dense.iter().any(|known| name == known);
    let always = [format::TYPE, format::DATA];
    is_dense || always.iter().chain(own).chain(root).any(|known| name == known)
}
