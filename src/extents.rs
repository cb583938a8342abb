//! The extents of samples: where each starts and ends in the data, which ragged arrays and strings have in common.

use std::ops::Range;
use std::path::Path;

use crate::column::{Column, bytes_of_row};
use crate::error::Result;
use crate::io::advice::{PrefetchPolicy, advise_will_need};
use crate::io::mapping::Region;
use crate::memory;
use crate::schema::{Role, Schema};

/// The mapped data of samples, and where each starts and ends in it.
#[derive(Clone, Debug)]
pub(crate) struct Extents {
    pub starts: Column,
    pub ends: Column,
    pub data: Region,
}

impl Extents {
    /// No samples.
    pub const fn empty() -> Self {
        Self { starts: Column::empty(), ends: Column::empty(), data: Region::empty() }
    }

    /// Where a sample starts and ends, as the files state it.
    #[inline]
    pub fn get(&self, index: usize) -> Option<(i64, i64)> {
        Some((*self.starts.values().get(index)?, *self.ends.values().get(index)?))
    }

    /// The bytes of consecutive samples of `item_size` bytes per element; `None` where they are not contiguous, as they
    /// should be.
    pub fn contiguous(&self, range: Range<usize>, item_size: usize) -> Option<Range<usize>> {
        let (starts, ends) = (self.starts.values().get(range.clone())?, self.ends.values().get(range)?);
        let follows = ends.iter().zip(starts.iter().skip(1)).all(|(end, start)| end == start);
        let (start, end) = (usize::try_from(*starts.first()?).ok()?, usize::try_from(*ends.last()?).ok()?);
        let bytes = start.checked_mul(item_size)?..end.checked_mul(item_size)?;
        (follows && bytes.start <= bytes.end && bytes.end <= self.data.bytes().len()).then_some(bytes)
    }

    /// The extents after their files grew to `len` samples; `data` has grown already.
    pub fn grown(&self, dir: &Path, schema: Schema, len: usize, data: Region) -> Result<Self> {
        Ok(Self {
            starts: self.starts.grown(dir, schema, Role::Starts, len)?,
            ends: self.ends.grown(dir, schema, Role::Ends, len)?,
            data,
        })
    }

    /// What `locate` finds at each index. Cold pages are prefetched: first the rows of `columns`, then the `bytes` of
    /// what was found.
    pub fn fetch<'a, T>(
        &'a self,
        dir: &Path,
        indices: &[usize],
        policy: PrefetchPolicy,
        columns: impl FnOnce() -> Vec<&'a Region>,
        locate: impl Fn(usize) -> Result<T>,
        bytes: impl Fn(&T) -> &'a [u8],
    ) -> Result<Vec<T>> {
        let last = || indices.last().and_then(|&last| locate(last).ok());
        let is_cold = policy.is_due(&self.data, || last().map(|found| self.data.range_of(bytes(&found))));
        if is_cold {
            advise_will_need(&columns(), indices.iter().map(|&index| bytes_of_row(index)));
        }
        let found: Vec<T> = memory::try_collect(dir, indices.iter().map(|&index| locate(index)))?;
        if is_cold {
            advise_will_need(&[&self.data], found.iter().map(|found| self.data.range_of(bytes(found))));
        }
        Ok(found)
    }
}

/// Where samples of these `lengths` start, if the first one starts at `base`.
pub(crate) fn starts_of(base: i64, lengths: &[i64]) -> Vec<i64> {
    let mut next = base;
    let start = |length: &i64| {
        let start = next;
        next += length;
        start
    };
    lengths.iter().map(start).collect()
}

/// Where samples of these `lengths` end, if the first one starts at `base`.
pub(crate) fn ends_of(base: i64, lengths: &[i64]) -> Vec<i64> {
    let mut end = base;
    let end_of = |length: &i64| {
        end += length;
        end
    };
    lengths.iter().map(end_of).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::Durability;
    use crate::format::DATA;
    use crate::io::mapping::Mode;
    use crate::schema::MemberNames;
    use crate::testing::folder;
    use crate::testing::stores::Store;

    /// The extents of a dataset of `bytes` bytes whose files state these starts and ends.
    fn extents(starts: &[i64], ends: &[i64], bytes: usize) -> Extents {
        let folder = folder();
        let dir = folder.path().join("map");
        (Store::named("ragged 1-D").create)(&dir, Durability::Process, &vec![0; starts.len()]).unwrap();
        let names = MemberNames::default();
        let schema = Schema::ragged(&names, true);
        let column = |role, values: &[i64]| {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            fs::write(dir.join(schema.path(role)).join(DATA), bytes).unwrap();
            Column::open(&dir, schema, role, values.len() as u64, true).unwrap()
        };
        let (starts, ends) = (column(Role::Starts, starts), column(Role::Ends, ends));
        fs::write(dir.join(DATA), vec![7; bytes]).unwrap();
        let data = Region::open(&Mode::ReadOnly.open(&dir.join(DATA)).unwrap(), Mode::ReadOnly, bytes).unwrap();
        Extents { starts, ends, data }
    }

    /// Values that files may state: most are near the data, others are negative or as large as can be.
    fn hostile() -> impl Strategy<Value = i64> {
        prop_oneof![8 => -2_i64..12, 1 => prop::sample::select(&[i64::MIN, i64::MAX, 1 << 62][..])]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn samples_start_where_the_ones_before_end(base in 0_i64..1 << 40, lengths in vec(0_i64..1 << 20, 0..20)) {
            let (starts, ends) = (starts_of(base, &lengths), ends_of(base, &lengths));
            let found: Vec<i64> = starts.iter().zip(&ends).map(|(start, end)| end - start).collect();
            prop_assert_eq!(&found, &lengths);
            let expected: Vec<i64> = std::iter::once(base).chain(ends).take(lengths.len()).collect();
            prop_assert_eq!(starts, expected);
        }

        #[test]
        fn consecutive_samples_have_the_bytes_from_the_first_start_to_the_last_end(
            lengths in vec(0_i64..5, 1..10),
            item_size in 1_usize..9,
            bounds in (0_usize..10, 0_usize..11),
        ) {
            let (starts, ends) = (starts_of(0, &lengths), ends_of(0, &lengths));
            let total = usize::try_from(lengths.iter().sum::<i64>()).unwrap() * item_size;
            let found = extents(&starts, &ends, total).contiguous(bounds.0..bounds.1, item_size);
            let is_within = bounds.0 < bounds.1 && bounds.1 <= lengths.len();
            let byte = |element: i64| usize::try_from(element).unwrap() * item_size;
            prop_assert_eq!(found, is_within.then(|| byte(starts[bounds.0])..byte(ends[bounds.1 - 1])));
        }

        #[test]
        fn extents_that_are_not_contiguous_or_leave_the_data_have_no_range(
            offsets in vec((hostile(), hostile()), 1..6),
            item_size in 1_usize..9,
        ) {
            let (starts, ends): (Vec<i64>, Vec<i64>) = offsets.into_iter().unzip();
            let found = extents(&starts, &ends, 40).contiguous(0..starts.len(), item_size);
            let follows = (1..starts.len()).all(|i| starts[i] == ends[i - 1]);
            let (start, end, size) = (i128::from(starts[0]), i128::from(ends[ends.len() - 1]), item_size as i128);
            let is_inside = start >= 0 && start <= end && end * size <= 40;
            prop_assert_eq!(found.is_some(), follows && is_inside);
            if let Some(bytes) = found {
                prop_assert_eq!(bytes.start as i128..bytes.end as i128, start * size..end * size);
            }
        }
    }
}
