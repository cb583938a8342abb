//! The stamp of an index of strings: the time at which their data was last written, as far as the index knows. While it
//! is that of the file, no covered text has changed since the index was written.
//!
//! Programs that do not know the index change the time of the data, whatever they write. An append under the lock renews
//! a stamp that was right before it; an assignment revokes it first.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fs::{sync, write_at};
use super::lock::DirLock;
use crate::error::{Error, Result};
use crate::format::INDEX;
use crate::format::index::{STAMP, is_index, stamp_of};
use crate::io::untrusted::{open_member, read_at};
use crate::options::Options;

/// The longest time for which the clock of a file system may stand still, where it counts parts of a second, and where
/// it does not.
const TICK: Duration = Duration::from_millis(20);
const COARSE_TICK: Duration = Duration::from_secs(2);

/// Ticks without a write that are waited for.
const MAX_ATTEMPTS: u32 = 8;

/// When a file was last written, in nanoseconds since 1970; `None` before then, and where the system does not tell.
pub(crate) fn time_of(file: &File) -> Option<u64> {
    let since = modified(file)?;
    u64::try_from(since.as_nanos()).ok().filter(|&time| time > 0)
}

/// `fstat` takes half as long as what `File::metadata` calls.
#[cfg(unix)]
fn modified(file: &File) -> Option<Duration> {
    let found = rustix::fs::fstat(file).ok()?;
    Some(Duration::new(u64::try_from(found.st_mtime).ok()?, u32::try_from(found.st_mtime_nsec).ok()?))
}

#[cfg(not(unix))]
fn modified(file: &File) -> Option<Duration> {
    file.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()
}

/// Whether every later write gives a file another time than this.
pub(crate) fn is_tick_over(time: u64) -> bool {
    rest_of_tick(time).is_zero()
}

/// How long a write may still leave a file with the time that it has.
fn rest_of_tick(time: u64) -> Duration {
    let tick = if time.is_multiple_of(1_000_000_000) { COARSE_TICK } else { TICK };
    let since = SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_nanos(time)).unwrap_or_default();
    tick.saturating_sub(since)
}

/// Waits until whoever writes to `data` changes its time; returns that time, or `None`
/// where they write all the time. Bytes in mapped pages are written first, so
/// that programs which have mapped the file fault again.
pub(crate) fn await_next_tick(data: &File) -> Option<u64> {
    (0..MAX_ATTEMPTS).find_map(|_| {
        let _ = data.sync_data();
        let time = time_of(data)?;
        sleep(rest_of_tick(time));
        (time_of(data) == Some(time)).then_some(time)
    })
}

/// An index whose stamp is right.
pub(super) struct StampedIndex<'a> {
    file: File,
    path: PathBuf,
    data: &'a File,
    stamp: u64,
}

impl<'a> StampedIndex<'a> {
    /// The index in `dir`, if it has the stamp of `data`.
    pub fn find(dir: &Path, data: &'a File) -> Option<Self> {
        let (file, path, stamp) = open_index(dir).ok()??;
        (time_of(data) == Some(stamp)).then_some(Self { file, path, data, stamp })
    }

    /// Gives the index the stamp of the data after an append, unless it was revoked. Where that fails, the old stamp tells
    /// that it is not to be relied on.
    pub fn renew(self) {
        let mut start = [0; 16];
        if read_at(&self.file, 0, &mut start).is_ok() && stamp_of(&start) == self.stamp {
            let stamp = time_of(self.data).unwrap_or(0);
            let _ = write_at(&self.file, &self.path, STAMP, &stamp.to_le_bytes());
        }
    }
}

/// The index in `dir`, open for writing, and its stamp; `None` where there is none.
fn open_index(dir: &Path) -> Result<Option<(File, PathBuf, u64)>> {
    let path = dir.join(INDEX);
    let file = match open_member(&path, true) {
        Err(error) if error.is_not_found() || matches!(error, Error::Corrupt { .. }) => return Ok(None),
        other => other?,
    };
    let mut start = [0; 16];
    let is_read = read_at(&file, 0, &mut start).is_ok();
    Ok((is_read && is_index(&start)).then(|| (file, path, stamp_of(&start))))
}

/// Takes away the stamp of the index in `dir`, if there is one, before texts that it covers are overwritten. The lock
/// keeps appends from renewing it meanwhile.
pub(crate) fn revoke_stamp(dir: &Path, options: &Options) -> Result<Option<DirLock>> {
    if open_index(dir)?.is_none() {
        return Ok(None);
    }
    let lock = DirLock::acquire(dir, options)?;
    if let Some((file, path, stamp)) = open_index(dir)?
        && stamp != 0
    {
        write_at(&file, &path, STAMP, &[0; 8])?;
        sync(&file, &path)?;
    }
    Ok(lock)
}
