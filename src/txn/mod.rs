//! Everything that changes files. Stores make plans; this layer carries them out. The published files alone are the truth,
//! and at rest nothing else lies in a directory.
//!
//! **Append**, under an exclusive lock on the directory (the steps of `docs/design.md`, where readers and crashes are shown):
//! 1. `append.ninja`, the journal, states rows and bytes of every member before and after, with a CRC;
//! 2. the new bytes go to the committed end of every `data.ninja`;
//! 3. the new bytes are mapped for the writer's own view;
//! 4. the row counts in every `shape.ninja` but the last are overwritten in place;
//! 5. the last one is overwritten: the commit point, from which every reader takes its length;
//! 6. the journal is removed.
//!
//! An error in 1 to 5 restores counts and sizes. A process that dies leaves the journal, and the next writer finishes the
//! append where the commit point was reached, or rolls it back where it was not.
//!
//! **Create and replace**: a staging directory is written beside the place of the dataset, and renamed onto nothing, or
//! exchanged with what was there. Readers that have the old dataset open keep it.

mod append;
mod build;
mod cleanup;
mod fields;
mod fs;
mod journal;
mod lock;
mod plan;
mod publish;
mod recover;
mod replaceable;
mod snapshot;
mod staging;
mod stamp;
#[cfg(test)]
pub(crate) mod testing;
mod transaction;
mod tree;
mod truncate;

pub use build::BuildSession;
pub(crate) use fields::{lock_recovered, remove_field};
pub(crate) use fs::{StagedFile, overwrite, replace_file, replace_file_with};
pub(crate) use journal::{Entry, has_journal};
pub(crate) use lock::DirLock;
pub(crate) use plan::{Chunk, DataAppend, MemberAppend, NewData, NewMember, Plan, Source};
pub(crate) use recover::check_journal;
pub(crate) use snapshot::{Attempt, count_of, read_consistent, read_stable, retry};
pub(crate) use stamp::{await_next_tick, is_tick_over, revoke_stamp, time_of};
pub(crate) use transaction::{Planner, Writer, check_exclusive, create, retry_without_kept_files};
pub(crate) use truncate::{TruncationPlan, plan_recovery, truncate_dataset};
