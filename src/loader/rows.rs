//! The rows of a dense array in C order.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dense::Dense;
use crate::error::{Error, Result};
use crate::format::Order;
use crate::io::advice::{PrefetchPolicy, fetch_rows};
use crate::io::mapping::{Region, is_resident};
use crate::memory;

/// Bytes that stay where they are while this lives.
pub(crate) type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The rows of a dense array: its parts along the first axis.
#[derive(Clone)]
pub struct Rows {
    dir: PathBuf,
    /// The dtype and shape of a row, as a text.
    what: String,
    bytes: Bytes,
    size: usize,
    len: usize,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({} of {} bytes)", self.len, self.size)
    }
}

impl AsRef<[u8]> for Region {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Rows {
    /// The rows of `array`.
    ///
    /// # Errors
    /// [`Error::Shape`] where it is 0-D or in F order.
    pub fn of(array: &Dense) -> Result<Self> {
        let rows = array.shape().first().filter(|_| array.order() == Order::C).map(|&rows| usize::try_from(rows));
        let Some(Ok(len)) = rows else {
            let what = format!("{}: only an array of at least one axis in C order has rows", array.dir().display());
            return Err(Error::Shape { what });
        };
        let what = format!("{} {:?}", array.dtype().text(), &array.shape()[1..]);
        Ok(Self::new(array.dir(), what, Arc::new(array.view.data.clone()), len))
    }

    /// `len` rows that fill `bytes`; `what` tells their dtype and shape from others.
    pub(crate) fn new(dir: &Path, what: String, bytes: Bytes, len: usize) -> Self {
        let size = (*bytes).as_ref().len().checked_div(len).unwrap_or(0);
        Self { dir: dir.to_owned(), what, bytes, size, len }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    /// Bytes of a row.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether a page of the first or the last of these rows is not in memory.
    pub(super) fn is_due(&self, indices: &[usize]) -> bool {
        let bytes = (*self.bytes).as_ref();
        let is_cold = |&index: &usize| index < self.len && !is_resident(&bytes[index * self.size..][..self.size]);
        [indices.first(), indices.last()].into_iter().flatten().any(is_cold)
    }

    /// The rows at `indices`.
    pub(super) fn fetch(&self, indices: &[usize], policy: PrefetchPolicy) -> Result<Vec<&[u8]>> {
        if let Some(&index) = indices.iter().find(|&&index| index >= self.len) {
            return Err(Error::OutOfRange { path: self.dir.clone(), index: index as i64, len: self.len });
        }
        let offsets = memory::collect(&self.dir, indices.iter().map(|&index| index * self.size))?;
        fetch_rows(&self.dir, (*self.bytes).as_ref(), &offsets, self.size, policy)
    }
}
