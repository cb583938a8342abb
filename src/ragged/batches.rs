//! Batches for users of the crate: many samples in one `Vec`.

use super::Ragged;
use crate::error::{Error, Result};
use crate::gather::{Padding, Plan, Side, concatenate, offsets, pad, total, written};
use crate::prefetch::When;

/// Samples one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The elements.
    pub bytes: Vec<u8>,
    /// The element at which each sample begins, and the end of the last: one more than there are samples. This is
    /// Arrow's layout of a list array.
    pub offsets: Vec<i64>,
}

/// Samples in blocks of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Padded {
    /// The blocks.
    pub bytes: Vec<u8>,
    /// Axes of a block: the longest of each.
    pub shape: Vec<usize>,
    /// Axes of every sample, one after another, as far as they fit.
    pub lengths: Vec<i64>,
}

impl Ragged {
    /// The elements of the samples at `indices`, one after another.
    ///
    /// # Errors
    /// As [`Ragged::get`]; [`Error::Io`] where no memory holds the batch.
    pub fn gather(&self, indices: &[usize]) -> Result<Gathered> {
        let samples = self.view.samples(indices, When::IfCold)?;
        let pieces: Vec<_> = samples.iter().map(|sample| sample.bytes).collect();
        let size = self.view.item_size;
        let total = total(pieces.iter().map(|piece| piece.len()));
        let bytes = written(&self.view.dir, total, |out| concatenate(&pieces, out))?;
        Ok(Gathered { bytes, offsets: offsets(pieces.iter().map(|piece| piece.len() / size)) })
    }

    /// The samples at `indices` in blocks of the longest of each axis, or of `max_length` where that is less.
    /// `value` is the element to pad with.
    ///
    /// # Errors
    /// As [`Ragged::gather`]; [`Error::Shape`] where the samples differ in their number of axes, or `value` is no
    /// element.
    pub fn padded(&self, indices: &[usize], value: &[u8], side: Side, max_length: Option<usize>) -> Result<Padded> {
        if value.len() != self.view.item_size {
            return Err(Error::Shape { what: format!("a padding of {} bytes is no element", value.len()) });
        }
        let samples = self.view.samples(indices, When::IfCold)?;
        let Plan { shape, lengths } = self.view.plan(indices, &samples, max_length)?;
        let mut axes = [samples.len(), value.len()].into_iter().chain(shape.iter().copied());
        let total = if axes.clone().any(|axis| axis == 0) { Some(0) } else { axes.try_fold(1, usize::checked_mul) };
        let bytes = written(&self.view.dir, total, |out| {
            pad(&samples, &shape, Padding { value, side, most: max_length.unwrap_or(usize::MAX) }, out);
        })?;
        Ok(Padded { bytes, shape, lengths })
    }

    /// Asks the kernel to read the samples at `indices` soon, without waiting for it.
    ///
    /// # Errors
    /// As [`Ragged::get`].
    pub fn prefetch(&self, indices: &[usize]) -> Result<()> {
        self.view.samples(indices, When::Always).map(drop)
    }

    /// Elements of every sample.
    #[must_use]
    pub fn lengths(&self) -> &[i64] {
        self.view.elements.values()
    }
}
