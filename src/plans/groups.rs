//! Groups of samples in two flat arrays: the samples of all groups one after another, and where each group starts.

use super::Piece;
use super::lengths::Integers;

/// Groups of whole samples, or of what is left of samples longer than a row. Behind them come rows that one piece of a long
/// sample fills.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    /// The length of every sample.
    pub lengths: Integers,
    /// The samples of all groups, one after another.
    pub samples: Integers,
    /// Where each group starts among `samples`, and the end of the last one.
    pub offsets: Integers,
    /// The length of a row.
    pub row: usize,
    /// The samples that fill rows of their own.
    pub long: Integers,
    /// How many rows these and the ones before them fill.
    pub long_rows: Integers,
}

impl Groups {
    pub fn len(&self) -> usize {
        self.grouped() + self.long_rows.len().checked_sub(1).map_or(0, |last| self.long_rows.index(last))
    }

    fn grouped(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn pieces(&self, index: usize) -> impl Iterator<Item = Piece> + '_ {
        let (places, filled) = match index.checked_sub(self.grouped()) {
            None => (self.offsets.index(index)..self.offsets.index(index + 1), None),
            Some(row) => (0..0, Some(self.filled(row))),
        };
        places.map(|place| self.placed(self.samples.index(place))).chain(filled)
    }

    /// The piece of a sample that is in a group.
    fn placed(&self, sample: usize) -> Piece {
        let length = self.lengths.index(sample);
        let len = if length > self.row { length % self.row } else { length };
        Piece { sample, start: length - len, len }
    }

    /// The piece that fills a row by itself.
    fn filled(&self, row: usize) -> Piece {
        let place = self.long_rows.count_up_to(row as u64);
        let before = place.checked_sub(1).map_or(0, |last| self.long_rows.index(last));
        Piece { sample: self.long.index(place), start: (row - before) * self.row, len: self.row }
    }

    pub fn size(&self) -> usize {
        [&self.lengths, &self.samples, &self.offsets, &self.long, &self.long_rows].map(Integers::size).iter().sum()
    }
}
