//! Consistent reads beside a writer, without its lock: a reader sees one committed state, and never waits.

use std::io::ErrorKind;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::journal::has_journal;
use crate::error::{Error, Result};
use crate::format::SHAPE;
use crate::io::untrusted::FileId;
use crate::schema::{MAX_DEPTH, missing_of_records, read_shape, records_above};

/// Attempts to read a state that looks damaged before it is called damaged. Fuzzing has no writers to wait for.
const MAX_ATTEMPTS: u32 = if cfg!(fuzzing) { 1 } else { 4 };

/// Reads the dataset in `dir`, whose commit point is the count of `member`. A field has as many samples as its records,
/// whatever its own count is: that may be ahead of them. `rows` is their number, if it is known.
///
/// `read` gets the member's shape. Told that the dataset is `quiescent`, it accepts only a state that no writer is
/// changing; otherwise it takes the committed count and ignores the surplus that an unfinished append has written. The second
/// is tried only where there is a writer, alive or dead: its journal lies there, or in the dataset that this one is a member
/// of, or the count has moved on. A directory that was exchanged for another while it was read is read again.
pub(crate) fn read_consistent<T>(
    dir: &Path,
    member: &Path,
    rows: Option<u64>,
    read: impl Fn(&[u64], bool) -> Result<T>,
) -> Result<T> {
    let read_once = || {
        let (shape, is_exact) = committed_shape(dir, member, rows)?;
        let is_journaled = || dir.ancestors().take(MAX_DEPTH).any(has_journal);
        let has_writer = || is_journaled() || read_shape(member).is_ok_and(|found| found != shape);
        match read(&shape, is_exact) {
            Err(Error::Corrupt { .. }) if is_exact && has_writer() => {
                read(&committed_shape(dir, member, rows)?.0, false)
            }
            other => other,
        }
    };
    read_stable(dir, read_once).map_err(missing_is_damage)
}

/// Reads the directory `dir` again if it was exchanged for another meanwhile. Damage may be the unfinished work of a writer,
/// so it is reported only if it stays.
pub(crate) fn read_stable<T>(dir: &Path, mut read: impl FnMut() -> Result<T>) -> Result<T> {
    retry(MAX_ATTEMPTS, || {
        let before = FileId::of(dir);
        let seen = read();
        match seen {
            _ if FileId::of(dir) != before => Attempt::Replaced,
            seen if is_transient(&seen) => Attempt::Transient(seen),
            seen => Attempt::Stable(seen),
        }
    })
}

/// The shape of `member` with the committed rows, and whether it counts no others.
fn committed_shape(dir: &Path, member: &Path, rows: Option<u64>) -> Result<(Vec<u64>, bool)> {
    let rows = match rows {
        None => records_above(dir).map(|records| count_of(&records)).transpose()?,
        known => known,
    };
    let mut shape = read_shape(member)?;
    let (Some(rows), Some(found)) = (rows, shape.first_mut()) else { return Ok((shape, true)) };
    if *found < rows {
        let what = format!("the field has {found} samples, its records are {rows}");
        return Err(Error::corrupt(member.join(SHAPE), what));
    }
    let is_exact = *found == rows;
    *found = rows;
    Ok((shape, is_exact))
}

/// The committed number of the records in `dir`.
pub(crate) fn count_of(dir: &Path) -> Result<u64> {
    match read_shape(dir).map_err(missing_of_records)?[..] {
        [rows] => Ok(rows),
        _ => Err(Error::corrupt(dir.join(SHAPE), "this is not the number of records")),
    }
}

/// What reading a state that a writer may be changing has brought.
pub(crate) enum Attempt<T> {
    /// This is what there is.
    Stable(T),
    /// This may be an unfinished change.
    Transient(T),
    /// Parts of one dataset and of another that took its place.
    Replaced,
}

/// Reads until a state is stable. A transient one is accepted after `max_attempts`, with growing pauses between them.
pub(crate) fn retry<T>(max_attempts: u32, mut read: impl FnMut() -> Attempt<T>) -> T {
    let mut attempts = 0;
    loop {
        match read() {
            Attempt::Stable(seen) => return seen,
            Attempt::Transient(seen) => {
                attempts += 1;
                if attempts >= max_attempts {
                    return seen;
                }
                sleep(Duration::from_millis(1 << attempts));
            }
            Attempt::Replaced => {}
        }
    }
}

/// Damage, and a missing member, may be the unfinished work of a writer.
fn is_transient<T>(seen: &Result<T>) -> bool {
    match seen {
        Err(Error::Corrupt { .. }) => true,
        Err(error) => error.is_not_found(),
        Ok(_) => false,
    }
}

/// A member that is missing is damage, since the dataset itself is there.
fn missing_is_damage(error: Error) -> Error {
    match error {
        Error::Io { path, source } if source.kind() == ErrorKind::NotFound => {
            Error::corrupt(path, "the file is missing")
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;

    use super::*;
    use crate::format::{JOURNAL, encode_shape};

    fn member(rows: u64) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(SHAPE), encode_shape(&[rows])).unwrap();
        dir
    }

    fn damage() -> Error {
        Error::corrupt("data.ninja", "damaged")
    }

    #[test]
    fn damage_without_a_writer_is_reported_after_the_last_attempt() {
        let (dir, reads) = (member(3), Cell::new(0));
        let seen = read_consistent(dir.path(), dir.path(), None, |_, quiescent| {
            assert!(quiescent);
            reads.set(reads.get() + 1);
            Err::<(), _>(damage())
        });
        assert!(matches!(seen, Err(Error::Corrupt { .. })));
        assert_eq!(reads.get(), MAX_ATTEMPTS);
    }

    #[test]
    fn the_surplus_of_a_writer_is_ignored() {
        let dir = member(3);
        fs::write(dir.path().join(JOURNAL), "").unwrap();
        let seen = read_consistent(
            dir.path(),
            dir.path(),
            None,
            |shape, quiescent| {
                if quiescent { Err(damage()) } else { Ok(shape[0]) }
            },
        );
        assert_eq!(seen.unwrap(), 3);
    }

    #[test]
    fn a_count_that_moves_on_while_it_is_read_is_read_again() {
        let dir = member(3);
        let seen = read_consistent(dir.path(), dir.path(), None, |shape, quiescent| {
            fs::write(dir.path().join(SHAPE), encode_shape(&[4])).unwrap();
            if quiescent { Err(damage()) } else { Ok(shape[0]) }
        });
        assert_eq!(seen.unwrap(), 4);
    }

    #[test]
    fn a_dataset_that_was_replaced_while_it_was_read_is_read_again() {
        let (place, old) = (tempfile::tempdir().unwrap(), Cell::new(true));
        let dir = place.path().join("map");
        let create = |rows| {
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join(SHAPE), encode_shape(&[rows])).unwrap();
        };
        create(3);
        let seen = read_consistent(&dir, &dir, None, |shape, _| {
            if old.replace(false) {
                fs::rename(&dir, place.path().join("old")).unwrap();
                create(5);
            }
            Ok(shape[0])
        });
        assert_eq!(seen.unwrap(), 5);
    }

    #[test]
    fn a_missing_member_of_a_dataset_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let seen = read_consistent(dir.path(), dir.path(), None, |_, _| Ok(()));
        assert!(matches!(seen, Err(Error::Corrupt { .. })));
    }

    #[test]
    fn errors_of_the_system_are_not_tried_again() {
        let (dir, reads) = (member(3), Cell::new(0));
        let seen = read_consistent(dir.path(), dir.path(), None, |_, _| {
            reads.set(reads.get() + 1);
            Err::<(), _>(Error::Io { path: "data.ninja".into(), source: ErrorKind::PermissionDenied.into() })
        });
        assert!(matches!(seen, Err(Error::Io { .. })));
        assert_eq!(reads.get(), 1);
    }
}
