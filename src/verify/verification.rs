//! One verification: files, blocks, samples.

use std::fs;
use std::path::Path;

use super::Progress;
use super::block_reader::BLOCK;
use super::check_blocks::{DamagedBlocks, check_blocks};
use super::checksums::Checksums;
use super::inspect::{Inspection, Member};
use super::report::{Finding, Flaw, Report, Runs};
use super::samples::{Extent, Order, Walk};
use super::strings::Contents;
use crate::compression::Codec;
use crate::dense::Dense;
use crate::error::{Error, Result};
use crate::format::{BUILDING, JOURNAL, Kind, TYPE};
use crate::io::mapping::Mode;
use crate::options::Options;
use crate::ragged::Ragged;
use crate::schema::{MemberNames, Role, Schema, is_own};
use crate::strings::Strings;

/// The sum, or the largest number where untrusted members claim more.
pub(super) fn total_bytes(mut bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.try_fold(0, u64::checked_add).unwrap_or(u64::MAX)
}

/// The progress of a long read, which may end it.
pub(super) struct Meter<'a> {
    pub dir: &'a Path,
    pub done: u64,
    pub total: u64,
    pub progress: Progress<'a>,
}

impl Meter<'_> {
    /// Counts bytes that were read.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn pass(&mut self, bytes: u64) -> Result<()> {
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
        // Offsets, and the bytes of strings, are read for their checksums and for what they say.
        let is_read_twice = |member: &&Member| member.role != Role::Data || inspection.kind == Kind::String;
        let again = total_bytes(inspection.members.iter().filter(is_read_twice).map(Member::needed));
        let meter = Meter { dir, done: 0, total: report.bytes.saturating_add(again), progress };
        Self { dir, names, inspection, report, meter }
    }

    pub fn run(mut self) -> Result<Report> {
        let schema = self.inspection.schema(self.names);
        self.note_foreign_entries(schema);
        let checksums = match Checksums::read(self.dir) {
            Ok(checksums) => checksums,
            Err(error) => {
                self.report.add(Finding::from_error(self.dir, error));
                None
            }
        };
        let mut damages =
            check_blocks(self.dir, schema, self.inspection, checksums.as_ref(), &mut self.report, &mut |bytes| {
                self.meter.pass(bytes)
            })?;
        if self.inspection.kind != Kind::Numpy {
            self.walk(&mut damages)?;
        }
        damages.finish(self.inspection, &mut self.report);
        if self.report.is_ok() {
            self.open();
        }
        self.meter.pass(u64::MAX)?;
        Ok(self.report)
    }

    /// Notes entries that are not the dataset's, and what writers have left.
    fn note_foreign_entries(&mut self, schema: Schema) {
        let members = &self.inspection.members;
        if self.inspection.is_unfinished {
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

    /// A dataset that cannot be opened is not sound, even where nothing else was found.
    fn open(&mut self) {
        let options = Options { names: self.names.clone(), ..Options::default() };
        let opened = match self.inspection.kind {
            Kind::Numpy => Dense::open(self.dir, Mode::ReadOnly).map(drop),
            Kind::Ragged => Ragged::open_with(self.dir, options).map(drop),
            Kind::String => Strings::open_with(self.dir, options).map(drop),
        };
        if let Err(error) = opened {
            self.report.add(Finding::from_error(self.dir, error));
        }
    }

    /// Reads the offsets and shapes of all samples, and what strings hold.
    fn walk(&mut self, damages: &mut DamagedBlocks) -> Result<()> {
        let Some(data) = self.inspection.member(Role::Data) else { return Ok(()) };
        let mut walk = match Walk::open(self.dir, self.inspection, data.present()) {
            Ok(Some(walk)) => walk,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.report.add(Finding::from_error(self.dir, error));
                return Ok(());
            }
        };
        let mut contents = if self.inspection.kind == Kind::String { self.contents(data.present()) } else { None };
        let (mut runs, mut order, width) = (Runs::default(), Order::default(), walk.width());
        let (mut index, mut passed) = (0, 0);
        while index < walk.len {
            let next = index + walk.zeros(index).max(1);
            let found = walk.sample(index).and_then(|extent| check(contents.as_mut(), extent));
            match found {
                Ok(extent) => {
                    passed += if contents.is_some() { extent.data.end - extent.data.start } else { 0 };
                    order.follow(index, &extent.data, walk.starts_file(), |note| self.report.note(note));
                    damages.touch(index, &extent);
                }
                Err(flaw) => runs.add(index..next, flaw, |finding| self.report.add(finding)),
            }
            passed += width * (next - index).min(1 << 20);
            index = next;
            if passed >= BLOCK as u64 || index == walk.len {
                self.meter.pass(std::mem::take(&mut passed))?;
            }
        }
        runs.finish(|finding| self.report.add(finding));
        order.finish(|note| self.report.note(note));
        Ok(())
    }

    /// The reader of the strings. A damaged codec is a finding.
    fn contents(&mut self, size: u64) -> Option<Contents> {
        let codec = Codec::open(self.dir).and_then(|codec| {
            codec.as_ref().map_or(Ok(()), |codec| codec.check_dict(self.dir))?;
            Ok(codec)
        });
        match codec.and_then(|codec| Contents::open(self.dir, codec, size)) {
            Ok(contents) => Some(contents),
            Err(error) => {
                self.report.add(Finding::from_error(self.dir, error));
                None
            }
        }
    }
}

/// A string whose contents are not sound is not sound.
fn check(contents: Option<&mut Contents>, extent: Extent) -> std::result::Result<Extent, Flaw> {
    match contents.and_then(|contents| contents.check(&extent.data)) {
        Some(flaw) => Err(flaw),
        None => Ok(extent),
    }
}
