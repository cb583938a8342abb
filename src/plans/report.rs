//! What a plan made of the samples.

/// A number of samples, and of elements in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Samples.
    pub samples: usize,
    /// Elements.
    pub elements: u64,
}

impl Count {
    /// Counts `elements` of one more sample.
    pub(super) fn add(&mut self, elements: u64) {
        self.samples += 1;
        self.elements += elements;
    }
}

/// What became of every sample and element: `given.elements` is the sum of `placed` and of the elements that were `cut`,
/// `dropped` and `left_out`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Batches, rows or windows.
    pub batches: usize,
    /// All samples, and their elements.
    pub given: Count,
    /// Elements that are in at least one batch.
    pub placed: u64,
    /// Room for elements in all batches, padding included.
    pub room: u64,
    /// Further places of elements that are in several windows.
    pub repeated: u64,
    /// Samples that were split into pieces, and their elements. All of these are placed.
    pub split: Count,
    /// Samples that were cut to the length of a row, and the elements that this removed.
    pub cut: Count,
    /// Samples that were dropped because they are longer than a row.
    pub dropped: Count,
    /// Samples of which no element is in a window, and all elements that are in none.
    pub left_out: Count,
}

impl Report {
    /// The part of the room that elements fill; 1 if there is no room.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn fill(&self) -> f64 {
        if self.room == 0 { 1.0 } else { (self.placed + self.repeated) as f64 / self.room as f64 }
    }
}
