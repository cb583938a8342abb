//! Samples that come one after another: copied as they arrive, and written in batches while others are being made.

mod background;
mod block;
mod sinks;
mod writeback;

pub(crate) use background::BackgroundWriter;
pub(crate) use block::Block;
pub(crate) use sinks::{Arrays, Rows, Sink, Texts};
