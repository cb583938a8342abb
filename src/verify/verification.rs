//! One verification: the files, then the blocks, then the samples.

use std::fs;
use std::path::Path;

use super::Progress;
use super::block_reader::BLOCK;
use super::check_blocks::{DamagedBlocks, check_blocks};
use super::checksums::Checksums;
use super::index::{bytes_to_read, check_index};
use super::inspect::{Inspection, MemberState};
use super::report::{Finding, Report, Runs};
use super::samples::{GapCheck, SampleReader};
use super::strings::StringChecker;
use crate::attrs;
use crate::compression::Codec;
use crate::dense::Dense;
use crate::error::{At, Error, Result};
use crate::format::{BUILDING, JOURNAL, Kind, TYPE};
use crate::io::mapping::Mode;
use crate::options::Options;
use crate::ragged::Ragged;
use crate::records::Records;
use crate::schema::{MemberNames, Role, Schema, is_own};
use crate::strings::Strings;
use crate::txn::has_journal;

/// The sum of sizes that untrusted members claim, capped at the largest number.
pub(super) fn total_bytes(mut bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.try_fold(0, u64::checked_add).unwrap_or(u64::MAX)
}

/// Reports the progress of a long read, and ends it if it is told to.
pub(super) struct Meter<'a> {
    pub dir: &'a Path,
    pub done: u64,
    pub total: u64,
    pub progress: Progress<'a>,
}

impl Meter<'_> {
    /// Adds `bytes` to those that were read.
    ///
    /// # Errors
    /// [`Error::Interrupted`] where the callback says so.
    pub fn advance(&mut self, bytes: u64) -> Result<()> {
        self.done = self.done.saturating_add(bytes).min(self.total);
        let interrupted = || Error::Interrupted { path: self.dir.to_owned() };
        if (self.progress)(self.done, self.total).is_continue() { Ok(()) } else { Err(interrupted()) }
    }
}

/// One verification.
pub(super) struct Verification<'a> {
    dir: &'a Path,
    names: &'a MemberNames,
    inspection: &'a Inspection,
    report: Report,
    meter: Meter<'a>,
}

impl<'a> Verification<'a> {
    pub fn new(dir: &'a Path, names: &'a MemberNames, inspection: &'a Inspection, progress: Progress<'a>) -> Self {
        let mut report = Report { kind: Some(inspection.kind), samples: inspection.samples, ..Report::default() };
        inspection.findings.iter().cloned().for_each(|finding| report.add(finding));
        report.bytes = total_bytes(inspection.members.iter().map(|member| member.size.unwrap_or(0)));
        // Both passes read the offsets and the bytes of strings.
        let is_read_twice = |member: &&MemberState| member.role != Role::Data || inspection.kind == Kind::String;
        let again = total_bytes(inspection.members.iter().filter(is_read_twice).map(MemberState::needed));
        let index = if inspection.kind == Kind::String { bytes_to_read(dir, inspection) } else { 0 };
        let total = total_bytes([report.bytes, again, index].into_iter());
        let meter = Meter { dir, done: 0, total, progress };
        Self { dir, names, inspection, report, meter }
    }

    /// Bytes to read.
    pub fn total(&self) -> u64 {
        self.meter.total
    }

    pub fn run(mut self) -> Result<Report> {
        let schema = self.inspection.schema(self.names);
        self.note_foreign_entries(schema);
        self.keep(attrs::read_text(self.dir))?;
        let checksums = self.keep(Checksums::read(self.dir))?.flatten();
        let mut damaged =
            check_blocks(self.dir, schema, self.inspection, checksums.as_ref(), &mut self.report, &mut |bytes| {
                self.meter.advance(bytes)
            })?;
        if self.inspection.kind != Kind::Numpy {
            self.check_samples(&mut damaged)?;
        }
        damaged.finish(self.inspection, &mut self.report);
        if self.inspection.kind == Kind::String {
            let advance = &mut |bytes| self.meter.advance(bytes);
            check_index(self.dir, schema, self.inspection, &mut self.report, advance)?;
        }
        if self.report.is_ok() {
            self.check_opens()?;
        }
        self.meter.advance(u64::MAX)?;
        Ok(self.report)
    }

    /// Notes foreign files, and what an unfinished append or build has left.
    fn note_foreign_entries(&mut self, schema: Schema) {
        let members = &self.inspection.members;
        if has_journal(self.dir) {
            let what =
                "an append is under way or was interrupted; the next one, or a repair, finishes it or rolls it back";
            self.report.note(Finding::of(JOURNAL, what));
        }
        if self.dir.join(TYPE).symlink_metadata().is_err() {
            let what = "the file is missing, as in datasets of releases before 0.4.0; the members tell the kind";
            self.report.note(Finding::of(TYPE, what));
        }
        for member in members {
            let Ok(entries) = fs::read_dir(self.dir.join(&member.path)) else { continue };
            for name in entries.flatten().map(|entry| entry.file_name()) {
                let path = member.path.join(&name);
                if name == BUILDING && member.role == Role::Data {
                    self.report
                        .note(Finding::of(BUILDING, "this dataset is being built, or its build was interrupted"));
                } else if !is_own(schema, member.role, &name) && !members.iter().any(|other| other.path == path) {
                    self.report.note(Finding::of(path, "this is not part of the dataset"));
                }
            }
        }
    }

    /// Opens the dataset as a reader does: if that fails, it is not sound, even if nothing else was found.
    fn check_opens(&mut self) -> Result<()> {
        let options = Options { names: self.names.clone(), ..Options::default() };
        let opened = match self.inspection.kind {
            Kind::Numpy => Dense::open(self.dir, Mode::ReadOnly).map(drop),
            Kind::Ragged => Ragged::open_with(self.dir, options).map(drop),
            Kind::String => Strings::open_with(self.dir, options).map(drop),
            Kind::Records => Records::open_with(self.dir, options).map(drop),
        };
        self.keep(opened).map(drop)
    }

    /// What could be read. What could not is a finding, unless the error tells nothing about the dataset.
    fn keep<T>(&mut self, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.is_no_evidence() => Err(error),
            Err(error) => {
                self.report.add(Finding::from_error(self.dir, error));
                Ok(None)
            }
        }
    }

    /// Checks the offsets and shapes of all samples, and the contents of strings.
    fn check_samples(&mut self, damaged: &mut DamagedBlocks) -> Result<()> {
        let Some(data) = self.inspection.member(Role::Data) else { return Ok(()) };
        let samples = self.keep(SampleReader::open(self.dir, self.inspection, data.present()))?;
        let Some(mut samples) = samples.flatten() else { return Ok(()) };
        let is_string = self.inspection.kind == Kind::String;
        let mut strings = if is_string { self.keep(open_strings(self.dir, data.present()))? } else { None };
        let (mut runs, mut gaps, width) = (Runs::default(), GapCheck::default(), samples.width());
        let (mut index, mut unreported) = (0, 0);
        while index < samples.len {
            let next = index + samples.zeros(index).max(1);
            let mut found = samples.get(index);
            if let (Ok(sample), Some(strings)) = (&found, &mut strings)
                && let Some(flaw) = strings.check(&sample.data).at(self.dir)?
            {
                found = Err(flaw);
            }
            match found {
                Ok(sample) => {
                    unreported += if strings.is_some() { sample.data.end - sample.data.start } else { 0 };
                    gaps.add(index, &sample.data, samples.starts_file(), |note| self.report.note(note));
                    damaged.touch(index, &sample);
                }
                Err(flaw) => runs.add(index..next, flaw, |finding| self.report.add(finding)),
            }
            unreported += width * (next - index).min(1 << 20);
            index = next;
            if unreported >= BLOCK as u64 || index == samples.len {
                self.meter.advance(std::mem::take(&mut unreported))?;
            }
        }
        runs.finish(|finding| self.report.add(finding));
        gaps.finish(|note| self.report.note(note));
        Ok(())
    }
}

/// A checker for the strings in `dir`.
fn open_strings(dir: &Path, size: u64) -> Result<StringChecker> {
    let codec = Codec::open(dir)?;
    codec.as_ref().map_or(Ok(()), |codec| codec.check_dict(dir))?;
    StringChecker::open(dir, codec, size)
}
