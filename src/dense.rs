//! One dense array: a directory with `dtype.ninja`, `shape.ninja`, `order.ninja` and `data.ninja`. The other
//! stores are made of such members.

use std::path::{Path, PathBuf};

use crate::commit::{self, Build, DirLock, Durability, Growth, NewMember, Source, Writer};
use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};
use crate::format::{self, Kind, MAX_AXES, Order, element_count, encode_shape, is_possible, parse_shape};
use crate::mapping::{Mode, Region};
use crate::options::Options;
use crate::settle::settle;
use crate::storage::{Member, kind_of, no_data_set, read_text};

/// What the text files of a dense member state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    pub order: Order,
}

impl Header {
    /// Reads a member's texts.
    pub fn read(dir: &Path) -> Result<Self> {
        Self::of(dir, read_shape(dir)?)
    }

    /// Reads a member's texts but for its shape, which is known.
    fn of(dir: &Path, shape: Vec<u64>) -> Result<Self> {
        let (dtype, order) = (read_dtype(dir)?, read_order(dir)?);
        Ok(Self { dtype, shape, order })
    }

    /// Bytes of all elements; `None` where no file could have so many, or NumPy has no array of that shape.
    pub fn bytes(&self) -> Option<u64> {
        let item_size = self.dtype.item_size() as u64;
        let is_possible = self.shape.len() <= MAX_AXES && is_possible(self.shape.iter().copied(), item_size);
        element_count(&self.shape).filter(|_| is_possible).map(|count| count * item_size)
    }

    /// Elements along the first axis; 1 for a 0-D array.
    pub fn rows(&self) -> u64 {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The same with another number of rows.
    pub fn with_rows(&self, rows: u64) -> Self {
        let mut header = self.clone();
        if let Some(first) = header.shape.first_mut() {
            *first = rows;
        }
        header
    }

    /// The texts of a new member.
    pub fn texts(&self, kind: Kind) -> Vec<(&'static str, Vec<u8>)> {
        vec![
            (format::TYPE, kind.name().into()),
            (format::DTYPE, self.dtype.text().into()),
            (format::SHAPE, encode_shape(&self.shape)),
            (format::ORDER, self.order.name().into()),
        ]
    }
}

/// The axes that a member's `shape.ninja` states.
pub(crate) fn read_shape(dir: &Path) -> Result<Vec<u64>> {
    let path = dir.join(format::SHAPE);
    parse_shape(&read_text(&path)?).ok_or_else(|| Error::corrupt(path, "no sequence of axes"))
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
    Order::parse(&read_text(&path)?).ok_or_else(|| Error::corrupt(path, "neither C nor F"))
}

/// The bytes that must be in `data.ninja` for `header`, after a check that they are. `at_rest`: no others either,
/// but for the one byte that stands for none.
pub(crate) fn check_size(data: &Member, header: &Header, at_rest: bool) -> Result<usize> {
    let Member { path, size, .. } = data;
    let needed =
        header.bytes().ok_or_else(|| Error::corrupt(path.with_file_name(format::SHAPE), "too many elements"))?;
    let surplus = *size > needed && !(needed == 0 && *size == 1);
    if *size < needed || (at_rest && surplus) {
        return Err(Error::corrupt(path, format!("the file has {size} bytes, its shape and dtype ask for {needed}")));
    }
    usize::try_from(needed).map_err(|_| Error::corrupt(path, "too large for this machine's address space"))
}

/// A new dense member with the data in `chunks`.
pub(crate) fn new_member<'a>(path: PathBuf, kind: Kind, header: &Header, chunks: Vec<&'a [u8]>) -> NewMember<'a> {
    NewMember { path, texts: header.texts(kind), data: Some(chunks), padded: true }
}

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
#[derive(Clone, Debug)]
pub struct Dense {
    dir: PathBuf,
    options: Options,
    header: Header,
    data: Region,
}

impl Dense {
    /// Opens the array in `dir`, which may also be a member of another data set.
    ///
    /// # Errors
    /// [`Error::Io`] where there is none, [`Error::Corrupt`] where the files contradict each other.
    pub fn open(dir: impl AsRef<Path>, mode: Mode) -> Result<Self> {
        Self::open_with(dir, Options::from(mode))
    }

    /// The same with options, of which an array heeds all but the layout.
    ///
    /// # Errors
    /// As [`Dense::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        let dir = crate::absolute(dir.as_ref())?;
        match kind_of(&dir)? {
            Some(Kind::Numpy | Kind::Ragged) => {}
            Some(found) => return Err(Error::WrongKind { path: dir, expected: Kind::Numpy, found }),
            None => return Err(no_data_set(&dir)),
        }
        let (header, data) = settle(&dir, &dir, |shape, at_rest| {
            let header = Header::of(&dir, shape.to_vec())?;
            let data = options.mode.open(&dir.join(format::DATA))?;
            let len = check_size(&data, &header, at_rest)?;
            Ok((header, Region::open(&data, options.mode, len)?))
        })?;
        data.advise(options.access);
        Ok(Self { dir, options, header, data })
    }

    /// Writes a new array, in place of whatever data set is in `dir`. `bytes` holds the elements in `order`.
    ///
    /// # Errors
    /// [`Error::Shape`] where `bytes` does not have the size that `shape` asks for; [`Error::Io`].
    pub fn create(dir: impl AsRef<Path>, dtype: &Dtype, shape: &[u64], order: Order, bytes: &[u8]) -> Result<()> {
        Self::create_with(dir, &Options::default(), dtype, shape, order, bytes)
    }

    /// The same with options, of which a new array heeds the durability and the timeout.
    ///
    /// # Errors
    /// As [`Dense::create`]; [`Error::Busy`].
    pub fn create_with(
        dir: impl AsRef<Path>,
        options: &Options,
        dtype: &Dtype,
        shape: &[u64],
        order: Order,
        bytes: &[u8],
    ) -> Result<()> {
        let header = Header { dtype: dtype.clone(), shape: shape.to_vec(), order };
        create(dir.as_ref(), &header, vec![bytes], options)
    }

    /// Writes a new array of zeros, which take no space on disk until they are assigned to.
    ///
    /// # Errors
    /// [`Error::Shape`] where it would be too large for any file; [`Error::Io`].
    pub fn create_zeros(dir: impl AsRef<Path>, dtype: &Dtype, shape: &[u64], order: Order) -> Result<()> {
        let dir = crate::absolute(dir.as_ref())?;
        let header = Header { dtype: dtype.clone(), shape: shape.to_vec(), order };
        let size = header.bytes().ok_or_else(|| too_large(&dir, shape))?;
        let build = Build::beside(&dir)?;
        build.write(&new_member(PathBuf::new(), Kind::Numpy, &header, vec![]))?;
        build.stretch(size)?;
        build.publish(&dir, &Options::default())
    }

    /// Appends rows: `bytes` holds an array of the same shape but for the first axis, in this array's order.
    ///
    /// # Errors
    /// [`Error::Dtype`] and [`Error::Shape`] where they differ; [`Error::Corrupt`]; [`Error::Io`]. Then nothing
    /// has changed.
    pub fn extend(&mut self, dtype: &Dtype, shape: &[u64], bytes: &[u8]) -> Result<()> {
        let rows = Header { dtype: dtype.clone(), shape: shape.to_vec(), order: self.order() };
        extend(&self.dir, &rows, vec![bytes], None, &self.options)?;
        self.refresh()
    }

    /// Appends the rows of `other`, which are copied within the kernel.
    ///
    /// # Errors
    /// As [`Dense::extend`]; [`Error::Shape`] where one of the two is in F order and the other in C order.
    pub fn join(&mut self, other: &Self) -> Result<()> {
        let file = other.data.reopen(&other.dir.join(format::DATA));
        let source = file.as_ref().map(|file| Source { file, offset: 0 });
        extend(&self.dir, &other.header, vec![other.bytes()], source, &self.options)?;
        self.refresh()
    }

    /// The mapped bytes.
    #[cfg(feature = "python")]
    pub(crate) fn region(&self) -> &Region {
        &self.data
    }

    fn refresh(&mut self) -> Result<()> {
        *self = Self::open_with(&self.dir, self.options.clone())?;
        Ok(())
    }

    /// The axes.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.header.shape
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> &Dtype {
        &self.header.dtype
    }

    /// The memory layout.
    #[must_use]
    pub fn order(&self) -> Order {
        self.header.order
    }

    /// All elements as bytes, in the array's order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.data.bytes()
    }

    /// All elements, in the array's order.
    ///
    /// # Errors
    /// [`Error::Dtype`] where they are no `T`.
    pub fn values<T: Element>(&self) -> Result<&[T]> {
        typed(&self.dir, &self.header.dtype, self.bytes())
    }

    /// Row `index` along the first axis, as bytes; `None` where there is none or the order is F.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&[u8]> {
        let rows = usize::try_from(self.header.rows()).ok().filter(|&rows| index < rows)?;
        let size = self.data.bytes().len() / rows;
        (self.header.order == Order::C).then(|| &self.data.bytes()[index * size..(index + 1) * size])
    }
}

/// The elements that lie in `bytes`.
pub(crate) fn typed<'a, T: Element>(dir: &Path, dtype: &Dtype, bytes: &'a [u8]) -> Result<&'a [T]> {
    if dtype.is::<T>() && bytes.is_empty() {
        return Ok(&[]);
    }
    if dtype.is::<T>()
        && let Ok(values) = bytemuck::try_cast_slice(bytes)
    {
        return Ok(values);
    }
    Err(Error::Dtype { what: format!("{}: elements are {}, not {}", dir.display(), dtype.text(), T::NAME) })
}

/// Writes a new array, whose elements lie in `chunks` one after another.
pub(crate) fn create(dir: &Path, header: &Header, chunks: Vec<&[u8]>, options: &Options) -> Result<()> {
    let dir = crate::absolute(dir)?;
    check_fit(&dir, header, &chunks)?;
    let build = Build::beside(&dir)?;
    build.write(&new_member(PathBuf::new(), Kind::Numpy, header, chunks))?;
    build.publish(&dir, options)
}

/// Appends rows, which lie in `chunks` one after another, to the array in `dir`.
pub(crate) fn extend(
    dir: &Path,
    added: &Header,
    chunks: Vec<&[u8]>,
    source: Option<Source>,
    options: &Options,
) -> Result<()> {
    let dir = crate::absolute(dir)?;
    let lock = DirLock::acquire(&dir, options.timeout)?;
    let Some(lock) = lock else { return Err(no_data_set(&dir)) };
    commit::recover(&dir, &lock)?;
    let old = Header::read(&dir)?;
    check_size(&Member::open(&dir.join(format::DATA), false)?, &old, true)?;
    check_same(&dir, &old, added)?;
    check_fit(&dir, added, &chunks)?;
    let rows = old.rows().checked_add(added.rows()).ok_or_else(|| too_large(&dir, &added.shape))?;
    let new = old.with_rows(rows);
    let (Some(offset), Some(_)) = (old.bytes(), new.bytes()) else { return Err(too_large(&dir, &added.shape)) };
    if old.order == Order::F && old.shape.len() > 1 {
        return interleave(&dir, &lock, &old, &new, &chunks.concat(), options.durability);
    }
    let growth = Growth { member: PathBuf::new(), rows: Some([old.rows(), rows]), offset, chunks, source };
    let growths = [growth];
    Writer::open(&dir, &growths)?.append(&lock, &growths, options.durability, || Ok(()))
}

/// Rows added to an array in F order go between its columns: the array is written anew.
fn interleave(
    dir: &Path,
    lock: &DirLock,
    old: &Header,
    new: &Header,
    bytes: &[u8],
    durability: Durability,
) -> Result<()> {
    let present = Dense::open(dir, Mode::ReadOnly)?;
    let (old_step, new_step) = (column_bytes(old), column_bytes(new) - column_bytes(old));
    let columns = chunks_of(present.bytes(), old_step).zip(chunks_of(bytes, new_step));
    let build = Build::beside(dir)?;
    let chunks = columns.flat_map(|(left, right)| [left, right]).collect();
    build.write(&new_member(PathBuf::new(), Kind::Numpy, new, chunks))?;
    build.replace(dir, lock, durability)
}

/// Bytes of one index of all axes but the first, in F order.
fn column_bytes(header: &Header) -> usize {
    usize::try_from(header.rows()).unwrap_or(usize::MAX).saturating_mul(header.dtype.item_size())
}

/// Pieces of `step` bytes; without end where they are empty.
fn chunks_of(bytes: &[u8], step: usize) -> Box<dyn Iterator<Item = &[u8]> + '_> {
    if step == 0 { Box::new(std::iter::repeat(&[][..])) } else { Box::new(bytes.chunks_exact(step)) }
}

fn check_same(dir: &Path, old: &Header, added: &Header) -> Result<()> {
    let shape = &added.shape;
    if old.dtype != added.dtype {
        let (found, expected) = (added.dtype.text(), old.dtype.text());
        return Err(Error::Dtype { what: format!("{}: elements are {expected}, not {found}", dir.display()) });
    }
    if old.shape.is_empty() || shape.len() != old.shape.len() || shape[1..] != old.shape[1..] {
        let what = format!("{}: rows of shape {:?} do not fit {:?}", dir.display(), shape, old.shape);
        return Err(Error::Shape { what });
    }
    if old.order != added.order && shape.len() > 1 {
        let (ours, theirs) = (old.order.name(), added.order.name());
        let what = format!("{}: rows in {theirs} order cannot follow those in {ours} order", dir.display());
        return Err(Error::Shape { what });
    }
    Ok(())
}

fn check_fit(dir: &Path, header: &Header, chunks: &[&[u8]]) -> Result<()> {
    let found: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    if header.bytes() == Some(found as u64) {
        return Ok(());
    }
    let what = format!("{}: {found} bytes do not fill the shape {:?}", dir.display(), header.shape);
    Err(Error::Shape { what })
}

fn too_large(dir: &Path, shape: &[u64]) -> Error {
    Error::Shape { what: format!("{}: the shape {shape:?} is too large for any file", dir.display()) }
}
