//! Verification reads everything of a dataset to tell whether it is sound; checksums tell whether it is still the same; a
//! repair truncates what is torn. Nothing is mapped, no memory is allocated by an unchecked claim, and no symbolic link is
//! followed.

mod block_reader;
mod check_blocks;
mod checksums;
mod inspect;
mod repair;
mod report;
mod samples;
mod strings;
#[cfg(test)]
mod tests;
mod verification;

use std::ops::ControlFlow;
use std::path::Path;

use checksums::Checksums;
use inspect::inspect;
pub use repair::{Repair, repair, repair_with};
pub use report::{Finding, Report};
use verification::{Meter, Verification, total_bytes};

use crate::error::{Error, Result};
use crate::format::CHECKSUMS;
use crate::io::untrusted::FileId;
use crate::options::Options;
use crate::paths::absolute;
use crate::txn::{Attempt, DirLock, replace_file, retry};

/// Attempts to verify a dataset that is replaced while it is read.
const MAX_ATTEMPTS: u32 = 3;

/// Called with the bytes that were read, and with all there are to read. [`ControlFlow::Break`] ends the operation with
/// [`Error::Interrupted`].
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// Reads everything of the dataset in `dir`, and reports missing files, files whose size disagrees with their row count,
/// samples whose offsets and shapes contradict each other or the data, texts that are not UTF-8, frames that do not
/// decompress, and whatever differs from its checksum, where there are checksums.
///
/// Damage is reported, never returned as an error. Nothing is changed and no lock is taken. An append that is under way is
/// not damage.
///
/// ```
/// use mmap_ninja::Strings;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("texts");
/// Strings::create(&path, None, &["one", "zwei"])?;
/// assert!(mmap_ninja::verify(&path)?.is_ok());
/// std::fs::write(path.join("data.ninja"), b"onezw\xff\xff")?;
/// let report = mmap_ninja::verify(&path)?;
/// assert_eq!(report.findings[0].samples, Some(1..2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] where there is no directory, or no dataset in it.
pub fn verify(dir: impl AsRef<Path>) -> Result<Report> {
    verify_with(dir, &Options::default(), &mut |_, _| ControlFlow::Continue(()))
}

/// As [`verify`], with options, of which it uses the names.
///
/// # Errors
/// As [`verify`]; [`Error::Interrupted`]; [`Error::Argument`] where the names are not valid.
pub fn verify_with(dir: impl AsRef<Path>, options: &Options, progress: Progress) -> Result<Report> {
    options.names.check()?;
    let dir = absolute(dir.as_ref())?;
    retry(MAX_ATTEMPTS, || match attempt(&dir, options, progress) {
        Ok((report, id)) if !report.is_ok() && id != FileId::of(&dir) => Attempt::Transient(Ok(report)),
        other => Attempt::Stable(other.map(|(report, _)| report)),
    })
}

/// Verifies the dataset that is in `dir` now; also returns which directory that was.
fn attempt(dir: &Path, options: &Options, progress: Progress) -> Result<(Report, Option<FileId>)> {
    let kind = match inspect::kind(dir)? {
        Ok(kind) => kind,
        Err(finding) => return Ok((Report { findings: vec![finding], ..Report::default() }, FileId::of(dir))),
    };
    let inspection = inspect(dir, &options.names, kind);
    let report = Verification::new(dir, &options.names, &inspection, progress).run()?;
    Ok((report, inspection.id))
}

/// Writes `checksums.json` into the dataset in `dir`: a CRC-32 of every block of 256 KiB of every file. From then on
/// [`verify`] finds every changed bit in what it covers, and names the samples concerned.
///
/// Samples that are appended later are not covered until the checksums are written again; what is covered stays covered.
/// Assigning to samples in place invalidates the checksums of their blocks. Whatever rewrites the dataset removes its
/// checksums: creating it again, the first N-D sample of a 1-D dataset, and appending to an array in Fortran order.
///
/// # Errors
/// [`Error::Corrupt`] where counts and sizes contradict each other; [`Error::Io`]; [`Error::Busy`].
pub fn write_checksums(dir: impl AsRef<Path>) -> Result<()> {
    write_checksums_with(dir, &Options::default(), &mut |_, _| ControlFlow::Continue(()))
}

/// As [`write_checksums`], with options, of which it uses the names, the timeout and the cancellation.
///
/// # Errors
/// As [`write_checksums`]; [`Error::Interrupted`]; [`Error::Argument`] where the names are not valid.
pub fn write_checksums_with(dir: impl AsRef<Path>, options: &Options, progress: Progress) -> Result<()> {
    options.names.check()?;
    let dir = absolute(dir.as_ref())?;
    let damaged = |finding: &Finding| Error::corrupt(dir.join(&finding.file), finding.message.clone());
    loop {
        let inspection = inspect(&dir, &options.names, inspect::kind(&dir)?.map_err(|finding| damaged(&finding))?);
        if let Some(finding) = inspection.findings.first() {
            return Err(damaged(finding));
        }
        let total = total_bytes(inspection.members.iter().map(inspect::Member::needed));
        let mut meter = Meter { dir: &dir, done: 0, total, progress };
        let checksums =
            Checksums::compute(&dir, inspection.schema(&options.names), &inspection, |bytes| meter.pass(bytes))?;
        // What is committed does not change, so no writer had to wait; but the dataset may have been replaced.
        let lock = DirLock::acquire(&dir, options)?;
        if lock.is_some_and(|lock| Some(lock.id()) == inspection.id) {
            return replace_file(&dir.join(CHECKSUMS), &checksums.encode());
        }
    }
}
