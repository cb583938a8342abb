//! The header of a dense member: what its text files state.

use std::path::Path;

use super::placeholder;
use crate::error::{Error, Result};
use crate::format::dtype::Dtype;
use crate::format::{self, MAX_AXES, Order, element_count, is_possible, parse_shape};
use crate::io::untrusted::{Member, read_text};

/// What the text files of a dense member state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    pub order: Order,
}

impl Header {
    /// Reads the text files of a member.
    pub fn read(dir: &Path) -> Result<Self> {
        Self::with_shape(dir, read_shape(dir)?)
    }

    /// Reads the text files of a member whose shape is known.
    pub fn with_shape(dir: &Path, shape: Vec<u64>) -> Result<Self> {
        let (dtype, order) = (read_dtype(dir)?, read_order(dir)?);
        Ok(Self { dtype, shape, order })
    }

    /// Bytes of all elements; `None` where they exceed every file, or NumPy has no array of that shape.
    pub fn bytes(&self) -> Option<u64> {
        let item_size = self.dtype.item_size() as u64;
        let is_possible = self.shape.len() <= MAX_AXES && is_possible(self.shape.iter().copied(), item_size);
        element_count(&self.shape).filter(|_| is_possible).map(|count| count * item_size)
    }

    /// Elements along the first axis; 1 for a 0-D array.
    pub fn rows(&self) -> u64 {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The header of an array with another number of rows.
    pub fn with_rows(&self, rows: u64) -> Self {
        let mut header = self.clone();
        if let Some(first) = header.shape.first_mut() {
            *first = rows;
        }
        header
    }
}

/// The axes that a member's `shape.ninja` states.
pub(crate) fn read_shape(dir: &Path) -> Result<Vec<u64>> {
    let path = dir.join(format::SHAPE);
    parse_shape(&read_text(&path)?).ok_or_else(|| Error::corrupt(path, "this is not a sequence of axes"))
}

/// What a member's `dtype.ninja` states.
pub(crate) fn read_dtype(dir: &Path) -> Result<Dtype> {
    let path = dir.join(format::DTYPE);
    let text = String::from_utf8(read_text(&path)?).map_err(|_| Error::corrupt(&path, "the dtype is not text"))?;
    Dtype::parse(text.trim()).map_err(|error| Error::corrupt(&path, error.to_string()))
}

/// What a member's `order.ninja` states.
pub(crate) fn read_order(dir: &Path) -> Result<Order> {
    let path = dir.join(format::ORDER);
    Order::parse(&read_text(&path)?).ok_or_else(|| Error::corrupt(path, "the order is neither C nor F"))
}

/// Whether all samples of the ragged dataset in `dir` are 0-D or 1-D.
pub(crate) fn read_is_flat(dir: &Path) -> Result<bool> {
    let path = dir.join(format::SHAPES_ARE_FLAT);
    format::parse_flag(&read_text(&path)?).ok_or_else(|| Error::corrupt(path, "the flag is neither 0 nor 1"))
}

/// The bytes that a member needs in `data.ninja`, after a check that the file holds them. A `quiescent` member holds no
/// others.
pub(crate) fn check_size(data: &Member, needed: Option<u64>, quiescent: bool) -> Result<usize> {
    let Member { path, size, .. } = data;
    let needed = needed.ok_or_else(|| Error::corrupt(path.with_file_name(format::SHAPE), "too many elements"))?;
    if *size < needed || (quiescent && !placeholder::is_exact(*size, needed)) {
        let what = format!("the file has {size} bytes, expected {needed} from its shape and dtype");
        return Err(Error::corrupt(path, what));
    }
    usize::try_from(needed).map_err(|_| Error::corrupt(path, "too large for this machine's address space"))
}
