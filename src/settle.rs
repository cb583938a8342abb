//! Reading a state that a writer may be changing at the same time, without ever waiting for its lock.

use std::io::ErrorKind;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::commit::has_intent;
use crate::dense::read_shape;
use crate::error::{Error, Result};
use crate::storage::Identity;

/// Looks at a damaged state this often before calling it damaged. A fuzzer's inputs have no writer to wait for.
const LOOKS: u32 = if cfg!(fuzzing) { 1 } else { 4 };

/// A data set, the shapes of its N-D samples, and one of their members.
const MEMBER_DEPTH: usize = 3;

/// Reads the data set in `dir`, whose commit point is the count of `member`.
///
/// `read` gets the member's shape. Told `true`, it accepts only a state at rest; told `false`, it takes the committed
/// count and ignores the surplus that a writer midway, alive or dead, has added. The second is tried only where there
/// is a writer: its intent lies there, or in the data set that this one is a member of, or the count has moved on. A
/// directory that was exchanged for another in between is read again.
pub(crate) fn settle<T>(dir: &Path, member: &Path, read: impl Fn(&[u64], bool) -> Result<T>) -> Result<T> {
    let mut look = 0;
    loop {
        let before = Identity::of(dir);
        let seen = read_shape(member).and_then(|shape| {
            let has_intent = || dir.ancestors().take(MEMBER_DEPTH).any(has_intent);
            let has_writer = || has_intent() || read_shape(member).is_ok_and(|found| found != shape);
            match read(&shape, true) {
                Err(Error::Corrupt { .. }) if has_writer() => read(&read_shape(member)?, false),
                other => other,
            }
        });
        let is_same = Identity::of(dir) == before;
        look += 1;
        if is_same && (seen.is_ok() || look == LOOKS || !is_passing(&seen)) {
            return seen.map_err(damage);
        }
        if seen.is_err() {
            sleep(Duration::from_millis(1 << look.min(LOOKS)));
        }
    }
}

/// Damage and a missing member may be a writer's work that is not finished.
fn is_passing<T>(seen: &Result<T>) -> bool {
    match seen {
        Err(Error::Corrupt { .. }) => true,
        Err(error) => error.is_not_found(),
        Ok(_) => false,
    }
}

/// A member that is missing is damage: the data set itself is there.
fn damage(error: Error) -> Error {
    match error {
        Error::Io { path, source } if source.kind() == ErrorKind::NotFound => Error::corrupt(path, "it is missing"),
        other => other,
    }
}
