//! One dense array. Its files are also what the members of the other stores consist of.

mod extend;
mod rows;
mod view;

use std::path::{Path, PathBuf};

pub(crate) use extend::Extend;
pub(crate) use rows::Rows;
pub(crate) use view::View;

use crate::error::{Error, Result};
use crate::format::dtype::{Dtype, Element, typed};
use crate::format::{self, Kind, Order};
use crate::io::mapping::Mode;
use crate::options::Options;
use crate::paths::absolute;
use crate::schema::{Header, MemberNames, Role, Schema};
use crate::selection::{MappedFile, check_indices, for_each_block};
use crate::txn::{self, Chunk, NewData, NewMember, Writer};

/// One dense array in a directory.
///
/// ```
/// use mmap_ninja::{Dense, Dtype, Element, Mode, Order};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("vectors");
/// Dense::create(&path, &Dtype::of::<f32>(), &[2, 3], Order::C, Element::bytes(&[0_f32; 6]))?;
/// let mut vectors = Dense::open(&path, Mode::ReadOnly)?;
/// vectors.extend(&Dtype::of::<f32>(), &[1, 3], Element::bytes(&[1_f32, 2.0, 3.0]))?;
/// assert_eq!(vectors.shape(), [3, 3]);
/// assert_eq!(vectors.values::<f32>()?[6..], [1.0, 2.0, 3.0]);
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
#[derive(Debug)]
pub struct Dense {
    dir: PathBuf,
    options: Options,
    pub(crate) view: View,
    writer: Writer,
}

impl Dense {
    /// Opens the array in `dir`, which may also be a member of another dataset.
    ///
    /// # Errors
    /// [`Error::Io`] where there is none; [`Error::Corrupt`] where the files contradict each other.
    pub fn open(dir: impl AsRef<Path>, mode: Mode) -> Result<Self> {
        Self::open_with(dir, Options::from(mode))
    }

    /// As [`Dense::open`], with options, of which an array uses all but the names.
    ///
    /// # Errors
    /// As [`Dense::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        let dir = absolute(dir.as_ref())?;
        let view = txn::retry_without_kept_files(|| View::open(&dir, &options, None))?;
        Ok(Self::of_view(dir, view, options))
    }

    /// A handle that shows `view`.
    pub(crate) fn of_view(dir: PathBuf, view: View, options: Options) -> Self {
        Self { dir, options, view, writer: Writer::default() }
    }

    /// Writes a new array in place of whatever dataset is in `dir`. `bytes` holds the elements in `order`.
    ///
    /// # Errors
    /// [`Error::Shape`] where `bytes` does not have the size that `shape` and `dtype` need; [`Error::Io`].
    pub fn create(dir: impl AsRef<Path>, dtype: &Dtype, shape: &[u64], order: Order, bytes: &[u8]) -> Result<()> {
        Self::create_with(dir, &Options::default(), dtype, shape, order, bytes)
    }

    /// As [`Dense::create`], with options, of which creating uses the durability, the timeout and the cancellation.
    ///
    /// # Errors
    /// As [`Dense::create`]; [`Error::Busy`]; [`Error::Interrupted`].
    pub fn create_with(
        dir: impl AsRef<Path>,
        options: &Options,
        dtype: &Dtype,
        shape: &[u64],
        order: Order,
        bytes: &[u8],
    ) -> Result<()> {
        let dir = absolute(dir.as_ref())?;
        let header = Header { dtype: dtype.clone(), shape: shape.to_vec(), order };
        Self::create_chunks(&dir, options, &header, vec![bytes])
    }

    /// Writes a new array whose bytes lie in pieces one after another.
    pub(crate) fn create_chunks(dir: &Path, options: &Options, header: &Header, chunks: Vec<&[u8]>) -> Result<()> {
        check_fit(dir, header, chunks.iter().map(|chunk| chunk.len()).sum())?;
        let data = NewData::Chunks(chunks.into_iter().map(Into::into).collect());
        txn::create(dir, options, &[new_member(header, data)])
    }

    /// Writes a new array of zeros, which take no space on disk until they are assigned to.
    ///
    /// # Errors
    /// [`Error::Shape`] where no file can be that large; [`Error::Io`].
    pub fn create_zeros(dir: impl AsRef<Path>, dtype: &Dtype, shape: &[u64], order: Order) -> Result<()> {
        Self::create_zeros_with(dir, &Options::default(), dtype, shape, order)
    }

    /// As [`Dense::create_zeros`], with options, of which creating uses the durability, the timeout, the locking and the
    /// cancellation.
    ///
    /// # Errors
    /// As [`Dense::create_zeros`]; [`Error::Busy`]; [`Error::Interrupted`].
    pub fn create_zeros_with(
        dir: impl AsRef<Path>,
        options: &Options,
        dtype: &Dtype,
        shape: &[u64],
        order: Order,
    ) -> Result<()> {
        let dir = absolute(dir.as_ref())?;
        let header = Header { dtype: dtype.clone(), shape: shape.to_vec(), order };
        let size = header.bytes().ok_or_else(|| too_large(&dir, shape))?;
        txn::create(&dir, options, &[new_member(&header, NewData::Zeros(size))])
    }

    /// Appends rows: `bytes` holds an array of the same shape but for the first axis, in this array's order.
    ///
    /// # Errors
    /// [`Error::Dtype`] and [`Error::Shape`] where they differ; [`Error::Busy`]; [`Error::Interrupted`];
    /// [`Error::Corrupt`]; [`Error::Io`]. Then nothing has changed.
    pub fn extend(&mut self, dtype: &Dtype, shape: &[u64], bytes: &[u8]) -> Result<()> {
        let added = Header { dtype: dtype.clone(), shape: shape.to_vec(), order: self.order() };
        self.append(&added, vec![bytes.into()], None)
    }

    /// As [`Dense::extend`], for rows of a build, whose bytes lie in pieces one after another, if no others are there than
    /// this handle shows.
    pub(crate) fn extend_chunks(&mut self, dtype: &Dtype, shape: &[u64], chunks: Vec<&[u8]>) -> Result<()> {
        let added = Header { dtype: dtype.clone(), shape: shape.to_vec(), order: self.order() };
        self.append(&added, chunks.into_iter().map(Chunk::from).collect(), Some(self.rows()))
    }

    /// Appends the rows of `other`, which are copied within the kernel.
    ///
    /// # Errors
    /// As [`Dense::extend`]; [`Error::Shape`] where one of the two is in F order and the other in C order.
    pub fn join(&mut self, other: &Self) -> Result<()> {
        self.append(&other.view.header, other.mapped_file().runs(std::iter::once(other.bytes())), None)
    }

    /// Appends the rows of `other` at `indices`, which may repeat, in that order. Rows that are long, or lie one after
    /// another, are copied within the kernel. This array must be in C order, or have one axis.
    ///
    /// ```
    /// use mmap_ninja::{Dense, Dtype, Element, Mode, Order};
    /// # let dir = tempfile::tempdir().unwrap();
    /// let (path, int32) = (dir.path().join("chosen"), Dtype::of::<i32>());
    /// Dense::create(dir.path().join("all"), &int32, &[3], Order::C, Element::bytes(&[5_i32, 6, 7]))?;
    /// Dense::create_zeros(&path, &int32, &[0], Order::C)?;
    /// let mut chosen = Dense::open(&path, Mode::ReadOnly)?;
    /// chosen.extend_from(&Dense::open(dir.path().join("all"), Mode::ReadOnly)?, [2, 0])?;
    /// assert_eq!(chosen.values::<i32>()?, [7, 5]);
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfRange`]; [`Error::Shape`] where `other` has no axes. Then nothing has changed. As [`Dense::extend`],
    /// after which rows that were appended before the error stay.
    pub fn extend_from(
        &mut self,
        other: &Self,
        indices: impl IntoIterator<Item = usize, IntoIter: Clone>,
    ) -> Result<()> {
        if other.shape().is_empty() {
            return Err(Error::Shape { what: format!("{}: an array without axes has no rows", other.dir.display()) });
        }
        let (len, indices, data) = (other.rows(), indices.into_iter(), other.mapped_file());
        let absent = |index| Error::OutOfRange { path: other.dir.clone(), index, len };
        check_indices(indices.clone(), len, absent)?;
        let rows = Rows::new(&other.dir, &other.view.header, other.bytes())?;
        for_each_block(
            indices,
            |_| (),
            |_| Ok(rows.size() as u64),
            |block| {
                let added = Header { order: Order::C, ..other.view.header.with_rows(block.len() as u64) };
                self.append(&added, rows.chunks(block, &data)?, None)
            },
        )
    }

    fn mapped_file(&self) -> MappedFile {
        MappedFile::open(&self.view.data, &self.dir.join(format::DATA), self.options.mode)
    }

    fn append(&mut self, added: &Header, chunks: Vec<Chunk>, expected: Option<usize>) -> Result<()> {
        let extend = Extend::new(&self.dir, &self.options, added, chunks, expected)?;
        self.view = self.writer.append(&extend, &self.view, &self.dir, &self.options)?;
        Ok(())
    }

    /// The same array, with other options for what is written to it.
    pub(crate) fn with_options(self, options: &Options) -> Self {
        Self { options: options.clone(), ..self }
    }

    /// The number of rows; 1 for a 0-D array.
    pub(crate) fn rows(&self) -> usize {
        self.view.rows()
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The axes.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.view.header.shape
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.view.header.dtype
    }

    /// The memory layout.
    #[must_use]
    pub fn order(&self) -> Order {
        self.view.header.order
    }

    /// All elements as bytes, in the array's order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.view.data.bytes()
    }

    /// All elements, in the array's order.
    ///
    /// # Errors
    /// [`Error::Dtype`] where they are no `T`.
    pub fn values<T: Element>(&self) -> Result<&[T]> {
        typed(&self.dir, self.dtype(), self.bytes())
    }

    /// Row `index` along the first axis, as bytes; `None` where there is none or the order is F.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&[u8]> {
        if self.order() == Order::C { self.view.item(index) } else { None }
    }
}

/// The only member of a new array.
pub(crate) fn new_member<'a>(header: &Header, data: NewData<'a>) -> NewMember<'a> {
    let schema = Schema { kind: Kind::Numpy, is_flat: true, names: &MemberNames::default() };
    let texts = schema.texts(Role::Data, Some(header));
    NewMember { member: schema.path(Role::Data), texts, data, is_counted: true }
}

pub(crate) fn check_fit(dir: &Path, header: &Header, found: usize) -> Result<()> {
    if header.bytes() == Some(found as u64) {
        return Ok(());
    }
    let what = format!("{}: {found} bytes do not fill the shape {:?}", dir.display(), header.shape);
    Err(Error::Shape { what })
}

fn too_large(dir: &Path, shape: &[u64]) -> Error {
    Error::Shape { what: format!("{}: an array of shape {shape:?} is larger than any file can be", dir.display()) }
}
