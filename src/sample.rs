//! One sample.

use crate::format::dtype::Element;

/// One sample: its elements in C order, and its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    /// The elements.
    pub bytes: &'a [u8],
    /// The axes; none for a scalar.
    pub shape: &'a [i64],
}

impl<'a> Sample<'a> {
    /// A sample of `values`, in C order, with the axes of `shape`.
    ///
    /// ```
    /// use mmap_ninja::Sample;
    /// let sample = Sample::new(&[1_i32, 2, 3], &[3]);
    /// assert_eq!(sample.bytes.len(), 12);
    /// ```
    #[must_use]
    pub fn new<T: Element>(values: &'a [T], shape: &'a [i64]) -> Self {
        Self { bytes: T::bytes(values), shape }
    }
}

/// The number of elements of a shape; `None` where an axis is negative, or the product overflows.
#[inline]
pub(crate) fn product(shape: &[i64]) -> Option<i64> {
    shape.iter().try_fold(1_i64, |product, &axis| if axis < 0 { None } else { product.checked_mul(axis) })
}
