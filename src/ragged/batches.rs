//! Batches for users of the crate: many samples in one `Vec`.

use std::mem::MaybeUninit;

use super::Ragged;
use crate::error::{Error, Result};
use crate::gather::{Out, Padding, Plan, Side, concatenate, offsets, pad};
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
    /// As [`Ragged::get`].
    pub fn gather(&self, indices: &[usize]) -> Result<Gathered> {
        let samples = self.view.samples(indices, When::IfCold)?;
        let pieces: Vec<_> = samples.iter().map(|sample| sample.bytes).collect();
        let size = self.view.item_size;
        let offsets = offsets(pieces.iter().map(|piece| piece.len() / size));
        let total = pieces.iter().map(|piece| piece.len()).sum();
        Ok(Gathered { bytes: written(total, |out| concatenate(&pieces, out)), offsets })
    }

    /// The samples at `indices` in blocks of the longest of each axis, or of `max_length` where that is less.
    /// `value` is the element to pad with.
    ///
    /// # Errors
    /// As [`Ragged::get`]; [`Error::Shape`] where the samples differ in their number of axes, or `value` is no
    /// element.
    pub fn padded(&self, indices: &[usize], value: &[u8], side: Side, max_length: Option<usize>) -> Result<Padded> {
        if value.len() != self.view.item_size {
            return Err(Error::Shape { what: format!("a padding of {} bytes is no element", value.len()) });
        }
        let samples = self.view.samples(indices, When::IfCold)?;
        let Plan { shape, lengths } = self.view.plan(indices, &samples, max_length)?;
        let total = samples.len() * shape.iter().product::<usize>() * value.len();
        let bytes = written(total, |out| {
            pad(&samples, &shape, Padding { value, side, most: max_length.unwrap_or(usize::MAX) }, out);
        });
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

/// A `Vec` of `len` bytes, all of which `write` writes.
fn written(len: usize, write: impl FnOnce(&mut Out)) -> Vec<u8> {
    let mut bytes = vec![0; len];
    // SAFETY: bytes that have a value may be handed out as bytes that may have none, and only values are written.
    write(unsafe { &mut *(std::ptr::from_mut(bytes.as_mut_slice()) as *mut [MaybeUninit<u8>]) });
    bytes
}
