//! What the mapped file of a dense array held at one moment.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::{self, Kind, Order};
use crate::io::advice::{PrefetchPolicy, fetch_rows, probe_item};
use crate::io::mapping::Region;
use crate::io::residency::Residency;
use crate::memory;
use crate::options::Options;
use crate::schema::{Header, check_size, kind_of, no_dataset};
use crate::txn::read_consistent;

/// What the mapped file held at one moment. It is cheap to clone and never changes.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub header: Arc<Header>,
    pub data: Region,
}

impl View {
    /// Maps the array in `dir`. `rows` is how many it has, where that is not for itself to say.
    pub fn open(dir: &Path, options: &Options, rows: Option<u64>) -> Result<Self> {
        match kind_of(dir)? {
            Some(Kind::Numpy | Kind::Ragged) => {}
            Some(found) => return Err(Error::WrongKind { path: dir.to_owned(), expected: Kind::Numpy, found }),
            None => return Err(no_dataset(dir)),
        }
        let view = read_consistent(dir, dir, rows, |shape, quiescent| Self::read(dir, options, shape, quiescent))?;
        view.data.advise(options.access);
        Ok(view)
    }

    fn read(dir: &Path, options: &Options, shape: &[u64], quiescent: bool) -> Result<Self> {
        let header = Header::with_shape(dir, shape.to_vec())?;
        if !quiescent && header.order == Order::F && shape.len() > 1 {
            let what = "columns in F order cannot be read without the rows that are not committed";
            return Err(Error::corrupt(dir.join(format::SHAPE), what));
        }
        let data = options.mode.open(&dir.join(format::DATA))?;
        let len = check_size(&data, header.bytes(), quiescent)?;
        let data = Region::open(&data, options.mode, len)?;
        Ok(Self { header: Arc::new(header), data })
    }

    /// The number of rows; 1 for a 0-D array.
    pub fn rows(&self) -> usize {
        usize::try_from(self.header.rows()).unwrap_or(usize::MAX)
    }

    /// Whether the elements of several rows alternate.
    pub fn is_in_columns(&self) -> bool {
        self.header.order == Order::F && self.header.shape.len() > 1
    }

    /// Row `index`, as [`View::row`] gives it. Now and then, its pages are prefetched if they are not in memory.
    #[inline]
    pub fn item(&self, index: usize) -> Option<&[u8]> {
        if self.data.residency().is_none_or(Residency::skips_item) {
            return self.row(index);
        }
        probe_item(&self.data, index, &[], || Ok(self.row(index)), |row| row.unwrap_or_default()).ok()?
    }

    /// The rows at `indices`, all of which exist, of an array in C order. Cold ones are prefetched.
    pub fn fetch(&self, dir: &Path, indices: &[usize], policy: PrefetchPolicy) -> Result<Vec<&[u8]>> {
        let size = self.row(0).map_or(0, <[u8]>::len);
        let offsets: Vec<usize> = memory::collect(dir, indices.iter().map(|&index| index * size))?;
        fetch_rows(dir, self.data.bytes(), &offsets, size, policy)
    }

    /// Row `index` along the first axis, as bytes; `None` where there is none, or where elements of several rows alternate.
    pub fn row(&self, index: usize) -> Option<&[u8]> {
        let rows = usize::try_from(self.header.rows()).ok().filter(|&rows| index < rows)?;
        let size = self.data.bytes().len() / rows;
        (!self.is_in_columns()).then(|| &self.data.bytes()[index * size..(index + 1) * size])
    }
}
