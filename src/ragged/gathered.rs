//! Samples that lie one after another, with their offsets: the layout of an Arrow list array. They come in as [`Ragged::gather`]
//! gives them out, without a step for each sample where they have one axis.

use std::borrow::Cow;
use std::iter::repeat_n;
use std::path::Path;

use super::Ragged;
use super::encode::{EncodedBatch, ShapeList, Shapes, count_elements, misfit};
use crate::error::{Error, Result};
use crate::format::dtype::Dtype;
use crate::offsets::Offsets;
use crate::options::Options;
use crate::paths::absolute;
use crate::sample::Sample;
use crate::txn;

impl<'a> EncodedBatch<'a> {
    /// Checks and lays out the samples at `offsets` in `bytes`: of one axis each, or of these `shapes`.
    pub fn of_gathered(
        dir: &Path,
        first: usize,
        dtype: &Dtype,
        bytes: &'a [u8],
        offsets: &'a [i64],
        shapes: Option<&[i64]>,
    ) -> Result<Self> {
        let size = dtype.item_size();
        if !bytes.len().is_multiple_of(size) {
            let what = format!("{}: {} bytes are not whole elements of {size} bytes", dir.display(), bytes.len());
            return Err(Error::Shape { what });
        }
        let offsets = Offsets::new(dir, offsets, bytes.len() / size)?;
        let range = offsets.range();
        let bytes = &bytes[range.start * size..range.end * size];
        let shapes = match shapes {
            Some(shapes) => Shapes::List(Cow::Owned(listed(dir, first, dtype, bytes, offsets, shapes)?)),
            None => Shapes::Flat(offsets),
        };
        Ok(Self::of_parts(vec![bytes.into()], shapes))
    }
}

/// The shapes of all samples one after another, as a list, after a check of each.
fn listed(
    dir: &Path,
    first: usize,
    dtype: &Dtype,
    bytes: &[u8],
    offsets: Offsets,
    shapes: &[i64],
) -> Result<ShapeList> {
    let (len, size) = (offsets.len(), dtype.item_size());
    let rank = shapes.len().checked_div(len).unwrap_or(0);
    if rank * len != shapes.len() {
        let what = format!("{}: {} entries are not the shapes of {len} samples", dir.display(), shapes.len());
        return Err(Error::Shape { what });
    }
    let mut list = ShapeList::with_room(dir, len, repeat_n(rank, len))?;
    let bounds = offsets.within().zip(offsets.within().skip(1));
    for (i, (start, end)) in bounds.enumerate() {
        let shape = &shapes[i * rank..(i + 1) * rank];
        let sample = Sample { bytes: bytes.get(start * size..end * size).unwrap_or_default(), shape };
        list.push(count_elements(&sample, dtype).ok_or_else(|| misfit(dir, first + i, &sample))?, shape);
    }
    Ok(list)
}

impl Ragged {
    /// Writes new samples, which lie one after another, in place of whatever dataset is in `dir`. For the arguments, see
    /// [`Ragged::append_gathered`]; of the options, creating uses the names, the durability, the timeout and the
    /// cancellation.
    ///
    /// # Errors
    /// As [`Ragged::append_gathered`].
    pub fn create_gathered(
        dir: impl AsRef<Path>,
        options: &Options,
        dtype: &Dtype,
        bytes: &[u8],
        offsets: &[i64],
        shapes: Option<&[i64]>,
    ) -> Result<()> {
        options.names.check()?;
        let dir = absolute(dir.as_ref())?;
        let batch = EncodedBatch::of_gathered(&dir, 0, dtype, bytes, offsets, shapes)?;
        txn::create(&dir, options, &batch.new_members(&options.names, dtype))
    }

    /// Appends samples that lie one after another, as [`Ragged::gather`] gives them, all of them or none: sample `k` has
    /// the elements `offsets[k]..offsets[k + 1]` of `bytes`. This is the layout of an Arrow list array.
    ///
    /// Each sample has one axis, or as many as `shapes` says, which are the shapes of all samples one after another, of as
    /// many entries each.
    ///
    /// ```
    /// use mmap_ninja::{Dtype, Element, Mode, Ragged};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("tokens");
    /// let mut tokens = Ragged::open(&path, Mode::ReadOnly)?;
    /// tokens.append_gathered(&Dtype::of::<i32>(), Element::bytes(&[1, 2, 3, 4]), &[0, 3, 4], None)?;
    /// assert_eq!(tokens.values::<i32>(0)?, [1, 2, 3]);
    /// assert_eq!(tokens.gather(&[0, 1])?.offsets, [0, 3, 4]);
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] where an offset is less than the one before it, or outside of the elements; [`Error::Shape`]
    /// where a shape does not fit its sample; otherwise as [`Ragged::append`]. Then nothing has changed.
    pub fn append_gathered(
        &mut self,
        dtype: &Dtype,
        bytes: &[u8],
        offsets: &[i64],
        shapes: Option<&[i64]>,
    ) -> Result<()> {
        self.view.check_open()?;
        let dir = self.view.dir.clone();
        let batch = EncodedBatch::of_gathered(&dir, self.view.len, dtype, bytes, offsets, shapes)?;
        let is_nothing = batch.len() == 0 && self.view.header.is_some();
        if is_nothing { Ok(()) } else { self.append_batch(dtype, &batch, None) }
    }
}
