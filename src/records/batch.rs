//! Batches of records.

use super::Records;
use super::view::{Field, FieldView};
use crate::batch::Gathered;
use crate::batch::cast::Cast;
use crate::batch::gather::{concatenate, init_vec, total_len};
use crate::error::Result;
use crate::io::advice::PrefetchPolicy;

/// One field of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Batch {
    /// The elements or the UTF-8 bytes of samples, one after another, and where each begins.
    Gathered(Gathered),
    /// The rows of a dense field, one after another.
    Rows(Vec<u8>),
}

impl Records {
    /// The records at `indices`, field by field.
    ///
    /// ```
    /// use mmap_ninja::{Batch, Dtype, FieldBatch, Mode, Records};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("train");
    /// let labels = FieldBatch::dense("label", &Dtype::of::<u8>(), &[3], &[7_u8, 8, 9]);
    /// Records::create(&path, &[labels])?;
    /// let batch = Records::open(&path, Mode::ReadOnly)?.batch(&[2, 0])?;
    /// assert_eq!(batch, [("label".to_owned(), Batch::Rows(vec![9, 7]))]);
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed); [`Error::OutOfRange`](crate::Error::OutOfRange);
    /// [`Error::Corrupt`](crate::Error::Corrupt); [`Error::Io`](crate::Error::Io) where no memory holds the batch.
    pub fn batch(&self, indices: &[usize]) -> Result<Vec<(String, Batch)>> {
        self.view.check_open()?;
        if let Some(&index) = indices.iter().find(|&&index| index >= self.len()) {
            return Err(self.view.out_of_range(index as i64));
        }
        let batch = |field: &Field| Ok((field.spec.name.clone(), self.batch_of(field, indices)?));
        self.view.fields.iter().map(batch).collect()
    }

    fn batch_of(&self, field: &Field, indices: &[usize]) -> Result<Batch> {
        let name = &field.spec.name;
        match &field.view {
            FieldView::Ragged(_) => self.ragged(name)?.gather(indices).map(Batch::Gathered),
            FieldView::Strings(_) => self.strings(name)?.gather(indices).map(Batch::Gathered),
            FieldView::Dense(view) => {
                let rows = view.fetch(&self.view.dir, indices, PrefetchPolicy::IfCold)?;
                let size = total_len(rows.iter().map(|row| row.len()), Cast::none(1));
                init_vec(&self.view.dir, size, |out| concatenate(&rows, Cast::none(1), out)).map(Batch::Rows)
            }
        }
    }
}
