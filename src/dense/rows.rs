//! Rows of an array, as bytes in C order.

use std::borrow::Cow;
use std::path::Path;

use crate::error::Result;
use crate::format::Order;
use crate::memory;
use crate::schema::Header;
use crate::selection::MappedFile;
use crate::txn::Chunk;

/// The rows of an array.
pub(crate) struct Rows<'a> {
    dir: &'a Path,
    bytes: &'a [u8],
    item_size: usize,
    /// Bytes of one row.
    size: usize,
    /// Where the elements of the first row lie, if those of a row do not lie one after another.
    offsets: Option<Vec<usize>>,
}

impl<'a> Rows<'a> {
    /// The rows of an array of at least one axis, whose elements are `bytes`.
    pub fn new(dir: &'a Path, header: &Header, bytes: &'a [u8]) -> Result<Self> {
        let (item_size, rows) = (header.dtype.item_size(), usize::try_from(header.rows()).unwrap_or(usize::MAX));
        let size = bytes.len().checked_div(rows).unwrap_or(0);
        let is_scattered = header.order == Order::F && header.shape.len() > 1;
        let offsets = if is_scattered { Some(offsets_in_f(dir, header, size / item_size)?) } else { None };
        Ok(Self { dir, bytes, item_size, size, offsets })
    }

    /// Bytes of one row.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The rows at `indices`, all of which exist, one after another. They are mapped by `data`.
    pub fn chunks<'b>(&self, indices: &[usize], data: &'b MappedFile) -> Result<Vec<Chunk<'b>>>
    where
        'a: 'b,
    {
        let Some(offsets) = &self.offsets else {
            let rows = indices.iter().map(|&index| &self.bytes[index * self.size..(index + 1) * self.size]);
            data.prefetch(rows.clone());
            return Ok(data.runs(rows));
        };
        let mut gathered = memory::with_room(self.dir, indices.len().saturating_mul(self.size))?;
        for &index in indices {
            for offset in offsets {
                let start = offset + index * self.item_size;
                gathered.extend_from_slice(&self.bytes[start..start + self.item_size]);
            }
        }
        Ok(vec![Chunk::Bytes(Cow::Owned(gathered))])
    }
}

/// Where the elements of the first row of an array in F order lie, in C order.
fn offsets_in_f(dir: &Path, header: &Header, elements: usize) -> Result<Vec<usize>> {
    let mut offsets = memory::with_room(dir, elements)?;
    let axis = |place: usize| usize::try_from(header.shape[place]).unwrap_or(usize::MAX);
    for element in 0..elements {
        // The position along each axis, from the last, which varies fastest in C order, to the second.
        let (mut rest, mut position) = (element, 0);
        let mut positions = [0; crate::format::MAX_AXES];
        for place in (1..header.shape.len()).rev() {
            positions[place] = rest % axis(place);
            rest /= axis(place);
        }
        for place in (1..header.shape.len()).rev() {
            position = position * axis(place) + positions[place];
        }
        offsets.push(position * axis(0) * header.dtype.item_size());
    }
    Ok(offsets)
}
