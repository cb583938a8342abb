//! Batches for Rust: many samples in one `Vec`.

use super::{Ragged, View};
use crate::batch::cast::Cast;
use crate::batch::gather::{arrow_offsets, concatenate, init_vec, total_len};
use crate::batch::pad::{PaddedPlan, Padding, pad};
use crate::batch::{Gathered, Padded};
use crate::error::{Error, Result};
use crate::format::dtype::Dtype;
use crate::io::advice::PrefetchPolicy;
use crate::memory;
use crate::plans::Piece;

impl Ragged {
    /// The elements of the samples at `indices`, one after another.
    ///
    /// # Errors
    /// As [`Ragged::get`]; [`Error::Io`] where the batch exceeds the memory.
    pub fn gather(&self, indices: &[usize]) -> Result<Gathered> {
        self.gather_with(indices, Cast::none(self.view.item_size))
    }

    /// As [`Ragged::gather`], with the elements cast to `dtype` while they are copied: any cast between booleans, integers
    /// and floats that NumPy calls safe.
    ///
    /// # Errors
    /// As [`Ragged::gather`]; [`Error::Dtype`] where the cast could change a value.
    ///
    /// ```
    /// use mmap_ninja::{Dtype, Element, Ragged, Sample};
    /// # let dir = tempfile::tempdir()?;
    /// # let dir = dir.path().join("tokens");
    /// Ragged::create(&dir, &Dtype::of::<u16>(), &[Sample::new(&[7_u16, 8], &[2])])?;
    /// let tokens = Ragged::open(&dir, mmap_ninja::Mode::ReadOnly)?;
    /// let batch = tokens.gather_as(&[0], &Dtype::of::<i64>())?;
    /// assert_eq!(batch.bytes, i64::bytes(&[7, 8]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gather_as(&self, indices: &[usize], dtype: &Dtype) -> Result<Gathered> {
        self.gather_with(indices, self.view.cast_to(dtype)?)
    }

    fn gather_with(&self, indices: &[usize], cast: Cast) -> Result<Gathered> {
        let samples = self.view.samples(indices, PrefetchPolicy::IfCold)?;
        self.joined(&memory::collect(&self.view.dir, samples.iter().map(|sample| sample.bytes))?, cast)
    }

    /// The elements of `pieces`, such as those of an item of a plan, one after another. If `is_across`, a piece that reaches
    /// the end of its sample runs on into the samples that follow.
    ///
    /// # Errors
    /// As [`Ragged::gather`]; [`Error::Argument`] where a piece reaches behind the end.
    pub fn gather_pieces(&self, pieces: &[Piece], is_across: bool) -> Result<Gathered> {
        self.joined(&self.view.pieces(pieces, is_across, PrefetchPolicy::IfCold)?, Cast::none(self.view.item_size))
    }

    fn joined(&self, pieces: &[&[u8]], cast: Cast) -> Result<Gathered> {
        let total = total_len(pieces.iter().map(|piece| piece.len()), cast);
        let bytes = init_vec(&self.view.dir, total, |out| concatenate(pieces, cast, out))?;
        let offsets = arrow_offsets(&self.view.dir, pieces.iter().map(|piece| cast.count(piece.len())))?;
        Ok(Gathered { bytes, offsets })
    }

    /// The samples at `indices` in blocks of the longest of each axis, cropped first.
    ///
    /// # Errors
    /// As [`Ragged::gather`]; [`Error::Shape`] where the samples differ in their number of axes, the value does not have
    /// the size of an element, or the starts are not one per axis of each sample.
    pub fn padded(&self, indices: &[usize], padding: &Padding) -> Result<Padded> {
        self.padded_with(indices, padding, Cast::none(self.view.item_size))
    }

    /// As [`Ragged::padded`], with the elements cast to `dtype` as [`Ragged::gather_as`] does. The value is an element of
    /// that dtype.
    ///
    /// # Errors
    /// As [`Ragged::padded`]; [`Error::Dtype`] where the cast could change a value.
    pub fn padded_as(&self, indices: &[usize], padding: &Padding, dtype: &Dtype) -> Result<Padded> {
        self.padded_with(indices, padding, self.view.cast_to(dtype)?)
    }

    fn padded_with(&self, indices: &[usize], padding: &Padding, cast: Cast) -> Result<Padded> {
        let (found, expected) = (padding.value.len(), cast.item_size());
        if found != expected {
            let what = format!("the padding value has {found} bytes, an element has {expected}");
            return Err(Error::Shape { what });
        }
        let samples = self.view.samples(indices, PrefetchPolicy::IfCold)?;
        let PaddedPlan { shape, lengths } = self.view.plan_padded(indices, &samples, padding)?;
        if !padding.starts.is_empty() && padding.starts.len() != lengths.len() {
            let (found, expected) = (padding.starts.len(), lengths.len());
            let what = format!("there are {found} starts of crops, and {expected} axes of all samples");
            return Err(Error::Shape { what });
        }
        let mut axes = [samples.len(), expected].into_iter().chain(shape.iter().copied());
        let total = if axes.clone().any(|axis| axis == 0) { Some(0) } else { axes.try_fold(1, usize::checked_mul) };
        let bytes = init_vec(&self.view.dir, total, |out| pad(&samples, &shape, padding, cast, out))?;
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

impl View {
    /// The cast of the elements to `dtype`.
    pub fn cast_to(&self, dtype: &Dtype) -> Result<Cast> {
        let Some(header) = &self.header else { return Ok(Cast::none(dtype.item_size())) };
        Cast::new(&header.dtype, dtype).ok_or_else(|| {
            let (dir, from, to) = (self.dir.display(), header.dtype.text(), dtype.text());
            Error::Dtype { what: format!("{dir}: no cast from {from} to {to} keeps all values") }
        })
    }
}
