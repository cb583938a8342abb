//! Reading everything of a data set, to tell whether it is sound; checksums, to tell whether it is still the same; and
//! repair. Nothing is mapped, nothing is allocated by an unchecked claim, no symbolic link is followed, and verifying
//! changes nothing.

mod checksums;
mod compare;
mod input;
mod repair;
mod report;
mod samples;
mod strangers;
mod strings;
mod survey;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::Path;

use checksums::Checksums;
use compare::Damages;
pub use repair::{Repair, repair, repair_with};
use report::Runs;
pub use report::{Finding, Report};
use samples::{Extent, Order, Walk};
use strings::Contents;
use survey::{Role, Survey, survey};

use crate::commit::{DirLock, write_whole_file};
use crate::compression::Codec;
use crate::dense::Dense;
use crate::error::{Error, Result};
use crate::format::{CHECKSUMS, Kind};
use crate::layout::Layout;
use crate::mapping::Mode;
use crate::options::Options;
use crate::ragged::Ragged;
use crate::storage::Identity;
use crate::strings::Strings;

/// A data set that is replaced while it is read is read again, this often.
const ATTEMPTS: u32 = 3;

/// Called with the bytes that were read and with all there are to read; what it returns ends the reading, or does not.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// Reads everything of the data set in `dir` and reports what is not as it should be: files that are missing or have
/// not the size that their counts ask for, samples whose offsets and shapes contradict each other or the data, texts
/// that are not UTF-8, frames that do not decompress, and whatever differs from its checksum where there are any.
///
/// Damage is reported, never returned as an error. Nothing is changed, and no lock is taken: an append that is under way
/// is no damage.
///
/// ```
/// use mmap_ninja::{Layout, Strings};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("texts");
/// Strings::create(&path, &Layout::default(), None, &["one", "zwei"])?;
/// assert!(mmap_ninja::verify(&path)?.is_ok());
/// std::fs::write(path.join("data.ninja"), b"onezw\xff\xff")?;
/// let report = mmap_ninja::verify(&path)?;
/// assert_eq!(report.findings[0].samples, Some(1..2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] where there is no directory, or no data set in it; [`Error::Interrupted`].
pub fn verify(dir: impl AsRef<Path>) -> Result<Report> {
    verify_with(dir, &Layout::default(), &mut |_, _| ControlFlow::Continue(()))
}

/// The same for a data set with other names of sub-directories.
/// # Errors
/// As [`verify`]; [`Error::Argument`] where the layout is none.
pub fn verify_with(dir: impl AsRef<Path>, layout: &Layout, progress: Progress) -> Result<Report> {
    layout.check()?;
    let dir = crate::absolute(dir.as_ref())?;
    let mut attempt = 0;
    loop {
        let kind = match survey::kind(&dir)? {
            Ok(kind) => kind,
            Err(finding) => return Ok(Report { findings: vec![finding], ..Report::default() }),
        };
        let survey = survey(&dir, layout, kind);
        let report = Verification::new(&dir, layout, &survey, progress).run()?;
        attempt += 1;
        if report.is_ok() || attempt == ATTEMPTS || Identity::of(&dir) == survey.identity {
            return Ok(report);
        }
    }
}

/// Writes `checksums.json` into the data set in `dir`: a CRC-32 of every block of 256 KiB of every member. From then on
/// [`verify`] finds every changed bit in what it covers, and says which samples are concerned.
///
/// Samples that are appended later are not covered until it is written again; what is covered stays so. Assigning to
/// samples in place makes the checksums of their blocks wrong. Whatever writes the data set anew removes them: creating
/// it again, the first N-D sample of a 1-D map, and appending to an array in Fortran order.
///
/// # Errors
/// [`Error::Corrupt`] where counts and sizes contradict each other; [`Error::Io`]; [`Error::Busy`].
pub fn write_checksums(dir: impl AsRef<Path>) -> Result<()> {
    write_checksums_with(dir, &Layout::default(), &mut |_, _| ControlFlow::Continue(()))
}

/// The same for a data set with other names of sub-directories.
/// # Errors
/// As [`write_checksums`]; [`Error::Argument`] where the layout is none.
pub fn write_checksums_with(dir: impl AsRef<Path>, layout: &Layout, progress: Progress) -> Result<()> {
    layout.check()?;
    let dir = crate::absolute(dir.as_ref())?;
    let damaged = |finding: &Finding| Error::corrupt(dir.join(&finding.file), finding.message.clone());
    loop {
        let survey = survey(&dir, layout, survey::kind(&dir)?.map_err(|finding| damaged(&finding))?);
        if let Some(finding) = survey.findings.first() {
            return Err(damaged(finding));
        }
        let total = total(survey.members.iter().map(survey::Member::needed));
        let mut meter = Meter { dir: &dir, done: 0, total, progress: &mut *progress };
        let checksums = Checksums::compute(&dir, &survey, |bytes| meter.pass(bytes))?;
        // What is committed stays as it is, so that nobody had to wait; only a data set that was replaced is another.
        let lock = DirLock::acquire(&dir, Options::default().timeout)?;
        if lock.is_some_and(|lock| Some(lock.identity()) == survey.identity) {
            return write_whole_file(&dir.join(CHECKSUMS), &checksums.encode());
        }
    }
}

/// All bytes, as far as can be counted: members may claim any number.
fn total(mut bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.try_fold(0, u64::checked_add).unwrap_or(u64::MAX)
}

/// How far a long reading is. It ends where the program is told to stop.
struct Meter<'a> {
    dir: &'a Path,
    done: u64,
    total: u64,
    progress: Progress<'a>,
}

impl Meter<'_> {
    fn pass(&mut self, bytes: u64) -> Result<()> {
        self.done = self.done.saturating_add(bytes).min(self.total);
        let interrupted = || Error::Interrupted { path: self.dir.to_owned() };
        if (self.progress)(self.done, self.total).is_continue() { Ok(()) } else { Err(interrupted()) }
    }
}

/// One verification.
struct Verification<'a> {
    dir: &'a Path,
    layout: &'a Layout,
    survey: &'a Survey,
    report: Report,
    meter: Meter<'a>,
}

impl<'a> Verification<'a> {
    fn new(dir: &'a Path, layout: &'a Layout, survey: &'a Survey, progress: Progress<'a>) -> Self {
        let mut report = Report { kind: Some(survey.kind), samples: survey.samples, ..Report::default() };
        survey.findings.iter().cloned().for_each(|finding| report.add(finding));
        report.bytes = total(survey.members.iter().map(|member| member.size.unwrap_or(0)));
        // Offsets, and the bytes of strings, are read for their checksums and for what they say.
        let is_read_twice = |member: &&survey::Member| member.role != Role::Data || survey.kind == Kind::String;
        let again = total(survey.members.iter().filter(is_read_twice).map(survey::Member::needed));
        let meter = Meter { dir, done: 0, total: report.bytes.saturating_add(again), progress };
        Self { dir, layout, survey, report, meter }
    }

    fn run(mut self) -> Result<Report> {
        strangers::note(self.dir, self.survey, &mut self.report);
        let checksums = match Checksums::read(self.dir) {
            Ok(checksums) => checksums,
            Err(error) => {
                self.report.add(Finding::from_error(self.dir, error));
                None
            }
        };
        let mut damages =
            compare::compare(self.dir, self.survey, checksums.as_ref(), &mut self.report, &mut |bytes| {
                self.meter.pass(bytes)
            })?;
        if self.survey.kind != Kind::Numpy {
            self.walk(&mut damages)?;
        }
        damages.finish(self.survey, &mut self.report);
        if self.report.is_ok() {
            self.open();
        }
        self.meter.pass(u64::MAX)?;
        Ok(self.report)
    }

    /// What cannot be opened is not sound, whatever else was found.
    fn open(&mut self) {
        let options = Options { layout: self.layout.clone(), ..Options::default() };
        let opened = match self.survey.kind {
            Kind::Numpy => Dense::open(self.dir, Mode::ReadOnly).map(drop),
            Kind::Ragged => Ragged::open_with(self.dir, options).map(drop),
            Kind::String => Strings::open_with(self.dir, options).map(drop),
        };
        if let Err(error) = opened {
            self.report.add(Finding::from_error(self.dir, error));
        }
    }

    /// Reads the offsets and shapes of all samples, and what strings hold.
    fn walk(&mut self, damages: &mut Damages) -> Result<()> {
        let Some(data) = self.survey.member(Role::Data) else { return Ok(()) };
        let mut walk = match Walk::open(self.dir, self.survey, data.present()) {
            Ok(Some(walk)) => walk,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.report.add(Finding::from_error(self.dir, error));
                return Ok(());
            }
        };
        let mut contents = if self.survey.kind == Kind::String { self.contents(data.present()) } else { None };
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
            if passed >= input::BLOCK as u64 || index == walk.len {
                self.meter.pass(std::mem::take(&mut passed))?;
            }
        }
        runs.finish(|finding| self.report.add(finding));
        order.finish(|note| self.report.note(note));
        Ok(())
    }

    /// What reads the strings; a codec that cannot be had is a finding.
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
fn check(contents: Option<&mut Contents>, extent: Extent) -> std::result::Result<Extent, report::Flaw> {
    match contents.and_then(|contents| contents.check(&extent.data)) {
        Some(flaw) => Err(flaw),
        None => Ok(extent),
    }
}
