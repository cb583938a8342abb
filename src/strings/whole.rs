//! A whole dataset as one Arrow column.

use super::View;
use super::gathered::first_invalid;
use crate::error::Result;
use crate::memory;
use crate::offsets::Offsets;

impl View {
    /// Where each string begins in the stored bytes, and where the last one ends, after a check of all; `None` where they are
    /// compressed, or do not lie in order without a gap.
    pub fn whole(&self) -> Result<Option<Vec<i64>>> {
        if self.codec.is_some() {
            return Ok(None);
        }
        let mut offsets = memory::with_room(&self.dir, self.len + 1)?;
        offsets.push(self.extents.starts.values().first().copied().unwrap_or(0));
        let mut is_in_order = true;
        for index in 0..self.len {
            self.stored(index)?;
            let (start, end) = self.extents.get(index).unwrap_or_default();
            is_in_order &= offsets[index] == start;
            offsets.push(end);
        }
        Ok(is_in_order.then_some(offsets))
    }

    /// Checks that strings of this dataset, which lie at `offsets` in `bytes`, are UTF-8.
    pub fn check_utf8(&self, bytes: &[u8], offsets: &[i64]) -> Result<()> {
        let offsets = Offsets::new(&self.dir, offsets, bytes.len())?;
        let invalid = first_invalid(&bytes[offsets.range()], offsets);
        invalid.map_or(Ok(()), |index| Err(self.damaged(index, "it is not UTF-8")))
    }
}
