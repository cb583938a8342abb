//! Verification reads a whole dataset to tell whether it is sound, checksums tell whether it has changed, and a repair
//! truncates a torn dataset. All three treat the files as untrusted: they read them without mapping them, follow no
//! symbolic link, and allocate no memory for a size that they have not checked.

mod block_reader;
mod check_blocks;
mod checksums;
mod index;
mod inspect;
mod records;
mod repair;
mod repair_plan;
mod repair_records;
mod report;
mod samples;
mod strings;
#[cfg(test)]
mod tests;
mod verification;

use std::ops::ControlFlow;
use std::path::Path;

use checksums::Checksums;
use inspect::{MemberState, find_kind, inspect};
pub use repair::{Repair, repair, repair_with};
pub use report::{Finding, Report};
use verification::{Meter, Verification, total_bytes};

use crate::error::{Error, Result};
use crate::format::{CHECKSUMS, Kind};
use crate::io::untrusted::FileId;
use crate::options::Options;
use crate::paths::absolute;
use crate::schema::{MemberNames, kind_of, read_fields};
use crate::txn::{Attempt, DirLock, lock_recovered, replace_file, retry};

/// Attempts to verify a dataset that is being replaced.
const MAX_ATTEMPTS: u32 = 3;

/// Called with the number of bytes that were read, and of all bytes to read. [`ControlFlow::Break`] ends the operation
/// with [`Error::Interrupted`].
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// Reads the whole dataset in `dir`, and reports missing files, files whose size disagrees with their row count,
/// samples whose offsets and shapes contradict each other or the data, texts that are not UTF-8, frames that do not
/// decompress, blocks that differ from their checksums, and a damaged index, if there are any.
///
/// Damage is reported, never returned as an error. Verification takes no lock and changes nothing. An append that is
/// under way is not damage.
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

/// Verifies the dataset in `dir`; also returns the identity of the directory.
fn attempt(dir: &Path, options: &Options, progress: Progress) -> Result<(Report, Option<FileId>)> {
    let kind = match find_kind(dir)? {
        Ok(kind) => kind,
        Err(finding) => return Ok((Report { findings: vec![finding], ..Report::default() }, FileId::of(dir))),
    };
    if kind == Kind::Records {
        let id = FileId::of(dir);
        return Ok((records::verify(dir, progress)?, id));
    }
    let inspection = inspect(dir, &options.names, kind)?;
    let report = Verification::new(dir, &options.names, &inspection, progress).run()?;
    Ok((report, inspection.id))
}

/// Writes `checksums.json` into the dataset in `dir`: a CRC-32 of every block of 256 KiB of every file. From then on
/// [`verify`] finds every changed bit in the covered bytes, and names the affected samples.
///
/// Samples that are appended later are not covered until the checksums are written again; the earlier ones stay
/// covered. Assigning to samples in place invalidates the checksums of their blocks. Whatever rewrites the dataset
/// removes its checksums: creating it again, the first N-D sample of a 1-D dataset, and appending to an array in
/// Fortran order.
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
    if kind_of(&dir).is_ok_and(|kind| kind == Some(Kind::Records)) {
        return write_checksums_of_fields(&dir, options, progress);
    }
    let damaged = |finding: &Finding| Error::corrupt(dir.join(&finding.file), finding.message.clone());
    loop {
        let inspection = inspect(&dir, &options.names, find_kind(&dir)?.map_err(|finding| damaged(&finding))?)?;
        if let Some(finding) = inspection.findings.first() {
            return Err(damaged(finding));
        }
        let total = total_bytes(inspection.members.iter().map(MemberState::needed));
        let mut meter = Meter { dir: &dir, done: 0, total, progress };
        let checksums =
            Checksums::compute(&dir, inspection.schema(&options.names), &inspection, |bytes| meter.advance(bytes))?;
        // Committed bytes do not change, so no lock is needed to read them. But the dataset may have been replaced
        // since.
        let lock = DirLock::acquire(&dir, options)?;
        if lock.is_some_and(|lock| Some(lock.id()) == inspection.id) {
            return replace_file(&dir.join(CHECKSUMS), &checksums.encode());
        }
    }
}

/// Writes the checksums of every field. The records stay locked meanwhile, so that all cover the same ones.
fn write_checksums_of_fields(dir: &Path, options: &Options, progress: Progress) -> Result<()> {
    let _lock = lock_recovered(dir, options)?;
    let own = Options { names: MemberNames::default(), ..options.clone() };
    read_fields(dir)?.fields.iter().try_for_each(|field| write_checksums_with(dir.join(&field.name), &own, progress))
}
