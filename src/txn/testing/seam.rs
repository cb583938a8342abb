//! The seam between the crate and the file system in tests: it injects faults and records changes.

use std::io;

use super::fault::{Verdict, next_verdict};
use super::trace;
use crate::txn::fs::{Change, write_all_at};

/// Carries out one change, unless a fault is due.
pub fn perform<T>(change: &Change, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if next_verdict()? == Verdict::WriteHalf {
        if let Change::Write { file, offset, bytes } = change {
            let half = &bytes[..bytes.len() / 2];
            write_all_at(file, *offset, half)?;
            trace::record_change(&Change::Write { file, offset: *offset, bytes: half });
        }
        return Err(io::Error::other("cut short"));
    }
    if let Change::RemoveTree { path } = change {
        trace::record_removal(path);
    }
    let done = act()?;
    trace::record_change(change);
    Ok(done)
}
