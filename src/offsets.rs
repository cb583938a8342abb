//! The offsets of samples that lie one after another, as in an Arrow list array: where each begins, and where the last
//! one ends.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use crate::error::{Error, Result};
use crate::txn::Chunk;

/// Offsets that were checked: none is less than the one before it, and the last is within the values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offsets<'a> {
    values: &'a [i64],
    first: i64,
    last: i64,
}

impl<'a> Offsets<'a> {
    /// The offsets of samples in `elements` values, for the dataset in `dir`.
    ///
    /// # Errors
    /// [`Error::Argument`] where they are not.
    pub fn new(dir: &Path, offsets: &'a [i64], elements: usize) -> Result<Self> {
        let refused = |what: String| Error::Argument { what: format!("{}: {what}", dir.display()) };
        let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
            return Err(refused(
                "there are no offsets; they begin with 0, and have one entry more than samples".into(),
            ));
        };
        if first < 0 {
            return Err(refused(format!("offsets[0] is {first}, and must not be negative")));
        }
        if let Some(at) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
            let (end, start) = (offsets[at + 1], offsets[at]);
            return Err(refused(format!("sample {at} ends at offset {end}, before its start at {start}")));
        }
        if last > elements as i64 {
            return Err(refused(format!("the last sample ends at offset {last}, but there are {elements} values")));
        }
        Ok(Self { values: offsets, first, last })
    }

    /// The number of samples.
    pub const fn len(&self) -> usize {
        self.values.len() - 1
    }

    /// Where the first sample starts.
    pub const fn first(&self) -> i64 {
        self.first
    }

    /// The values of all samples.
    pub fn range(&self) -> Range<usize> {
        // Both are within the values, of which there are no more than fit an address.
        let fit = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
        fit(self.first)..fit(self.last)
    }

    /// The number of values of all samples.
    pub const fn total(&self) -> i64 {
        self.last - self.first
    }

    /// The number of values of the first sample.
    pub fn first_length(&self) -> Option<i64> {
        self.values.get(1).map(|end| end - self.first)
    }

    /// The number of values of each sample.
    pub fn lengths(&self) -> Chunk<'a> {
        let offsets = self.values;
        Chunk::computed(self.len(), move |start, out| {
            let pairs = offsets[start..].windows(2);
            out.iter_mut().zip(pairs).for_each(|(length, pair)| *length = pair[1] - pair[0]);
        })
    }

    /// Where each sample starts, if the first one starts at `base`.
    pub fn starts(&self, base: i64) -> Chunk<'a> {
        self.moved(&self.values[..self.len()], base)
    }

    /// Where each sample ends, if the first one starts at `base`.
    pub fn ends(&self, base: i64) -> Chunk<'a> {
        self.moved(&self.values[1..], base)
    }

    /// The sample with the value at `position`.
    pub fn sample_at(&self, position: i64) -> usize {
        self.values.partition_point(|&offset| offset <= position).saturating_sub(1)
    }

    /// The offsets, in the values of all samples.
    pub fn within(&self) -> impl Iterator<Item = usize> + use<'a> {
        let first = self.first;
        self.values.iter().map(move |offset| usize::try_from(offset - first).unwrap_or(usize::MAX))
    }

    fn moved(&self, offsets: &'a [i64], base: i64) -> Chunk<'a> {
        let by = base - self.first;
        if by == 0 {
            return Chunk::Values(Cow::Borrowed(offsets));
        }
        Chunk::computed(offsets.len(), move |start, out| {
            out.iter_mut().zip(&offsets[start..]).for_each(|(moved, offset)| *moved = offset + by);
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::extents::{ends_of, starts_of};

    /// The values that a column gains, in parts of three.
    fn written(chunk: &Chunk) -> Vec<i64> {
        let mut values = Vec::new();
        let Ok(()) = chunk.write_to::<Infallible>(&mut [0; 3], |bytes| {
            values.extend_from_slice(bytemuck::cast_slice(bytes));
            Ok(())
        });
        values
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn offsets_say_the_same_as_lengths(
            lengths in vec(0_i64..9, 0..20),
            first in 0_i64..9,
            base in 0_i64..1 << 40,
        ) {
            let dir = Path::new("map");
            let mut all = vec![first];
            all.extend(ends_of(first, &lengths));
            let end = usize::try_from(all[lengths.len()]).unwrap();
            let offsets = Offsets::new(dir, &all, end).unwrap();
            prop_assert_eq!(written(&offsets.lengths()), lengths.clone());
            prop_assert_eq!(written(&offsets.starts(base)), starts_of(base, &lengths));
            prop_assert_eq!(written(&offsets.ends(base)), ends_of(base, &lengths));
            prop_assert_eq!(offsets.range().len() as i64, lengths.iter().sum::<i64>());
            for position in first..end as i64 {
                let sample = offsets.sample_at(position);
                prop_assert!(all[sample] <= position && position < all[sample + 1]);
            }
        }
    }

    #[test]
    fn offsets_that_are_not_in_order_or_leave_the_values_are_refused() {
        let found = |offsets: &[i64]| Offsets::new(Path::new("map"), offsets, 5).map(|_| ()).unwrap_err().to_string();
        assert_eq!(found(&[0, 3, 2]), "map: sample 1 ends at offset 2, before its start at 3");
        assert_eq!(found(&[0, 6]), "map: the last sample ends at offset 6, but there are 5 values");
        assert_eq!(found(&[-1, 3]), "map: offsets[0] is -1, and must not be negative");
        assert_eq!(found(&[0, i64::MIN]), format!("map: sample 0 ends at offset {}, before its start at 0", i64::MIN));
        assert!(found(&[]).contains("no offsets"));
    }
}
