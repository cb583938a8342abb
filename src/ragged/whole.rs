//! A whole dataset as one Arrow column.

use super::view::View;
use crate::error::Result;
use crate::memory;

/// All samples of a dataset one after another, as [`Ragged::append_gathered`](super::Ragged::append_gathered) takes them.
pub(crate) struct Whole {
    /// Where each sample begins in the data, and where the last one ends; `None` where they do not lie in order without a
    /// gap.
    pub offsets: Option<Vec<i64>>,
    /// The number of axes of every sample, and the shapes of all; `None` where every one has one axis, or is a scalar among
    /// others that have.
    pub shapes: Option<(usize, Vec<i64>)>,
}

impl View {
    /// Where all samples lie, each of which is checked.
    ///
    /// # Errors
    /// [`Error::Corrupt`]; [`Error::Shape`] where they differ in their number of axes.
    pub fn whole(&self) -> Result<Whole> {
        let rank = if self.len == 0 { 1 } else { self.get(0)?.shape.len() };
        let has_shapes = rank != 1 || !self.is_flat();
        let mut offsets: Vec<i64> = memory::with_room(&self.dir, self.len + 1)?;
        let room = if has_shapes { self.len.saturating_mul(rank) } else { 0 };
        let mut shapes: Vec<i64> = memory::with_room(&self.dir, room)?;
        let (mut is_mixed, mut is_in_order) = (false, true);
        offsets.push(self.extents.starts.values().first().copied().unwrap_or(0));
        for index in 0..self.len {
            let sample = self.get(index)?;
            if sample.shape.len() != rank {
                // Scalars are lists of one element where others have an axis.
                is_mixed = self.is_flat();
                if !is_mixed {
                    return Err(self.mixed_ranks(0, index, "one column"));
                }
            }
            let (start, end) = self.extents.get(index).unwrap_or_default();
            is_in_order &= offsets[index] == start;
            offsets.push(end);
            if has_shapes && !is_mixed {
                shapes.extend_from_slice(sample.shape);
            }
        }
        let shapes = (has_shapes && !is_mixed).then_some((rank, shapes));
        Ok(Whole { offsets: is_in_order.then_some(offsets), shapes })
    }
}
