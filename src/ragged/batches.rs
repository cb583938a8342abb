//! Batches for Rust: many samples in one `Vec`.

use super::Ragged;
use crate::batch::gather::{PaddedPlan, Padding, PaddingSide, arrow_offsets, concatenate, init_vec, pad, total_len};
use crate::batch::{Gathered, Padded};
use crate::error::{Error, Result};
use crate::io::advice::PrefetchPolicy;
use crate::memory;
use crate::plans::Piece;

impl Ragged {
    /// The elements of the samples at `indices`, one after another.
    ///
    /// # Errors
    /// As [`Ragged::get`]; [`Error::Io`] where the batch exceeds the memory.
    pub fn gather(&self, indices: &[usize]) -> Result<Gathered> {
        let samples = self.view.samples(indices, PrefetchPolicy::IfCold)?;
        self.joined(&memory::collect(&self.view.dir, samples.iter().map(|sample| sample.bytes))?)
    }

    /// The elements of `pieces`, such as those of an item of a plan, one after another. If `is_across`, a piece that reaches
    /// the end of its sample runs on into the samples that follow.
    ///
    /// # Errors
    /// As [`Ragged::gather`]; [`Error::Argument`] where a piece reaches behind the end.
    pub fn gather_pieces(&self, pieces: &[Piece], is_across: bool) -> Result<Gathered> {
        self.joined(&self.view.pieces(pieces, is_across, PrefetchPolicy::IfCold)?)
    }

    fn joined(&self, pieces: &[&[u8]]) -> Result<Gathered> {
        let size = self.view.item_size;
        let total = total_len(pieces.iter().map(|piece| piece.len()));
        let bytes = init_vec(&self.view.dir, total, |out| concatenate(pieces, out))?;
        let offsets = arrow_offsets(&self.view.dir, pieces.iter().map(|piece| piece.len() / size))?;
        Ok(Gathered { bytes, offsets })
    }

    /// The samples at `indices` in blocks of the longest of each axis, or of `max_length` where that is less.
    /// `value` is the element to pad with.
    ///
    /// # Errors
    /// As [`Ragged::gather`]; [`Error::Shape`] where the samples differ in their number of axes, or `value` does
    /// not have the size of an element.
    pub fn padded(
        &self,
        indices: &[usize],
        value: &[u8],
        side: PaddingSide,
        max_length: Option<usize>,
    ) -> Result<Padded> {
        if value.len() != self.view.item_size {
            let (found, expected) = (value.len(), self.view.item_size);
            let what = format!("the padding value has {found} bytes, an element has {expected}");
            return Err(Error::Shape { what });
        }
        let samples = self.view.samples(indices, PrefetchPolicy::IfCold)?;
        let PaddedPlan { shape, lengths } = self.view.plan_padded(indices, &samples, max_length)?;
        let mut axes = [samples.len(), value.len()].into_iter().chain(shape.iter().copied());
        let total = if axes.clone().any(|axis| axis == 0) { Some(0) } else { axes.try_fold(1, usize::checked_mul) };
        let bytes = init_vec(&self.view.dir, total, |out| {
            pad(&samples, &shape, Padding { value, side, max_len: max_length.unwrap_or(usize::MAX) }, out);
        })?;
        Ok(Padded { bytes, shape, lengths })
    }

    /// Asks the kernel to read the samples at `indices` soon, without waiting for it.
    ///
    /// # Errors
    /// As [`Ragged::get`].
    pub fn prefetch(&self, indices: &[usize]) -> Result<()> {
        self.view.samples(indices, PrefetchPolicy::Always).map(drop)
    }

    /// Elements of every sample.
    #[must_use]
    pub fn lengths(&self) -> &[i64] {
        self.view.elements.values()
    }
}
