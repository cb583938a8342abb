//! One sample.

use crate::format::dtype::Element;
use crate::format::is_possible;

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

/// The shape of a sample of `elements` whose files state `stored`; `None` where the two contradict each other, or no
/// NumPy array has that shape. The files state (0,) for the shape of a scalar.
#[inline]
pub(crate) fn checked_shape(stored: &[i64], elements: i64, item_size: u64) -> Option<&[i64]> {
    let shape = if stored == [0] && elements == 1 { &[] } else { stored };
    if product(shape)? != elements {
        return None;
    }
    // If there are elements, their bytes exist, so their size fits an i64. If an axis is 0, the other axes can still be too
    // large for NumPy.
    let is_possible = elements != 0 || is_possible(shape.iter().map(|axis| axis.cast_unsigned()), item_size);
    is_possible.then_some(shape)
}

/// The number of elements of a shape; `None` where an axis is negative, or the product overflows.
#[inline]
pub(crate) fn product(shape: &[i64]) -> Option<i64> {
    shape.iter().try_fold(1_i64, |product, &axis| if axis < 0 { None } else { product.checked_mul(axis) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_shape_is_checked_against_the_elements_and_against_numpy() {
        let check = |stored, elements| checked_shape(stored, elements, 8);
        assert_eq!([check(&[2, 3], 6), check(&[0], 0), check(&[], 1)], [Some(&[2, 3][..]), Some(&[0]), Some(&[])]);
        assert_eq!(check(&[0], 1), Some(&[][..]), "a scalar is stored as (0,)");
        assert_eq!([check(&[2, 3], 5), check(&[], 0), check(&[-1, -6], 6), check(&[i64::MAX, 3], 1)], [None; 4]);
        assert_eq!(check(&[1 << 62, 0], 0), None);
        assert_eq!(checked_shape(&[1 << 62, 0], 0, 1), Some(&[1 << 62, 0][..]));
    }
}
