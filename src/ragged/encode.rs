//! Samples on their way into the files: checked, and laid out as the members of the schema.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::view::View;
use crate::error::{Error, Result};
use crate::extents::{ends_of, starts_of};
use crate::format::dtype::Dtype;
use crate::format::{MAX_AXES, Order, element_count};
use crate::io::advice::PrefetchPolicy;
use crate::memory;
use crate::offsets::Offsets;
use crate::options::Options;
use crate::sample::Sample;
use crate::schema::{Header, MemberNames, Role, Rows, Schema};
use crate::selection::MappedFile;
use crate::txn::{Chunk, DataAppend, MemberAppend, NewData, NewMember, Plan, Planner, check_exclusive};

/// Encoded samples.
pub(crate) struct EncodedBatch<'a> {
    data: Vec<Chunk<'a>>,
    shapes: Shapes<'a>,
}

/// The shapes of encoded samples.
pub(super) enum Shapes<'a> {
    /// Of any samples.
    List(Cow<'a, ShapeList>),
    /// Of samples that have one axis each, and whose offsets are known.
    Flat(Offsets<'a>),
}

/// The values that a member of int64 gains from samples of one axis each, after `elements` elements and `axes` entries of
/// other samples.
fn flat_column<'a>(offsets: &Offsets<'a>, role: Role, elements: i64, axes: i64) -> Chunk<'a> {
    let rows = |base: i64, step: i64| {
        Chunk::computed(offsets.len(), move |start, out| {
            (start as i64..).zip(out).for_each(|(row, value)| *value = base + row * step);
        })
    };
    match role {
        Role::Starts => offsets.starts(elements),
        Role::Ends => offsets.ends(elements),
        Role::Elements | Role::Shapes | Role::Axes => offsets.lengths(),
        Role::AxesStarts => rows(axes, 1),
        Role::AxesEnds => rows(axes + 1, 1),
        Role::Ranks | Role::RankShapes => rows(1, 0),
        // The elements themselves are not int64.
        Role::Data => Chunk::Values(Cow::Borrowed(&[])),
    }
}

/// The shapes of samples, one after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShapeList {
    /// Elements of each sample.
    elements: Vec<i64>,
    /// The axes of all samples one after another; a scalar has the one entry 0.
    axes: Vec<i64>,
    /// Entries of each sample in `axes`.
    ranks: Vec<i64>,
}

impl ShapeList {
    /// An empty list with room for samples of these numbers of axes.
    pub fn with_room(dir: &Path, samples: usize, ranks: impl Iterator<Item = usize>) -> Result<Self> {
        let axes = ranks.fold(0_usize, |sum, rank| sum.saturating_add(rank.max(1)));
        let (elements, ranks) = (memory::with_room(dir, samples)?, memory::with_room(dir, samples)?);
        Ok(Self { elements, axes: memory::with_room(dir, axes)?, ranks })
    }

    /// Adds a sample.
    pub fn push(&mut self, elements: i64, shape: &[i64]) {
        let shape = if shape.is_empty() { &[0] } else { shape };
        self.elements.push(elements);
        self.axes.extend_from_slice(shape);
        self.ranks.push(shape.len() as i64);
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Elements of each sample.
    pub fn elements(&self) -> &[i64] {
        &self.elements
    }

    /// Removes all samples, and keeps the memory for others.
    pub fn clear(&mut self) {
        self.elements.clear();
        self.axes.clear();
        self.ranks.clear();
    }

    fn extend(&mut self, others: &Self) {
        self.elements.extend_from_slice(&others.elements);
        self.axes.extend_from_slice(&others.axes);
        self.ranks.extend_from_slice(&others.ranks);
    }

    fn is_flat(&self) -> bool {
        self.ranks.iter().all(|&rank| rank == 1)
    }

    /// The first sample whose axes behind the first one are not `trailing`, and its shape.
    fn position_without(&self, trailing: &[i64]) -> Option<(usize, &[i64])> {
        let mut rest = &self.axes[..];
        self.ranks.iter().enumerate().find_map(|(place, &rank)| {
            let (shape, after) = rest.split_at_checked(usize::try_from(rank).ok()?)?;
            rest = after;
            (shape.get(1..) != Some(trailing)).then_some((place, shape))
        })
    }

    /// The values that a member of int64 gains, after `elements` elements and `axes` entries of other samples.
    fn column(&self, role: Role, elements: i64, axes: i64) -> Cow<'_, [i64]> {
        match role {
            Role::Starts => starts_of(elements, &self.elements).into(),
            Role::Ends => ends_of(elements, &self.elements).into(),
            Role::Shapes | Role::Axes => (&self.axes).into(),
            Role::AxesStarts => starts_of(axes, &self.ranks).into(),
            Role::AxesEnds => ends_of(axes, &self.ranks).into(),
            Role::Ranks | Role::RankShapes => (&self.ranks).into(),
            Role::Elements => (&self.elements).into(),
            // The elements themselves are not int64.
            Role::Data => Cow::Borrowed(&[]),
        }
    }
}

impl Shapes<'_> {
    /// The number of samples.
    fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Flat(offsets) => offsets.len(),
        }
    }

    /// Elements of all samples.
    fn total(&self) -> i64 {
        match self {
            Self::List(list) => list.elements.iter().sum(),
            Self::Flat(offsets) => offsets.total(),
        }
    }

    /// Entries of all shapes.
    fn axes(&self) -> usize {
        match self {
            Self::List(list) => list.axes.len(),
            Self::Flat(offsets) => offsets.len(),
        }
    }

    fn is_flat(&self) -> bool {
        match self {
            Self::List(list) => list.is_flat(),
            Self::Flat(_) => true,
        }
    }

    /// The values that a member of int64 gains, after `elements` elements and `axes` entries of other samples.
    fn column(&self, role: Role, elements: i64, axes: i64) -> Chunk<'_> {
        match self {
            Self::List(list) => Chunk::Values(list.column(role, elements, axes)),
            Self::Flat(offsets) => flat_column(offsets, role, elements, axes),
        }
    }
}

/// A new member of int64 with these values.
fn new_column<'a>(schema: Schema, role: Role, values: Chunk<'a>) -> NewMember<'a> {
    let header = schema.column_header(role, values.len() as u64 / 8);
    NewMember {
        member: schema.path(role),
        texts: schema.texts(role, Some(&header)),
        data: NewData::Chunks(vec![values]),
        is_counted: true,
    }
}

impl<'a> EncodedBatch<'a> {
    /// Checks and lays out `samples`, the first of which will have the index `first`.
    pub fn encode(dir: &Path, first: usize, dtype: &Dtype, samples: &[Sample<'a>]) -> Result<Self> {
        let mut shapes = ShapeList::with_room(dir, samples.len(), samples.iter().map(|sample| sample.shape.len()))?;
        let mut data = memory::with_room(dir, samples.len())?;
        for (i, sample) in samples.iter().enumerate() {
            let elements = count_elements(sample, dtype).ok_or_else(|| misfit(dir, first + i, sample))?;
            data.push(sample.bytes.into());
            shapes.push(elements, sample.shape);
        }
        Ok(Self::of_parts(data, Shapes::List(Cow::Owned(shapes))))
    }

    /// Samples of these shapes, whose bytes lie in `data` one after another.
    pub(super) fn of_parts(data: Vec<Chunk<'a>>, shapes: Shapes<'a>) -> Self {
        Self { data, shapes }
    }

    /// Samples that lie one after another in blocks, with the shapes of those in each.
    pub fn of_blocks(blocks: impl Iterator<Item = (&'a [u8], &'a ShapeList)>) -> Self {
        let (data, mut lists): (Vec<_>, Vec<_>) = blocks.map(|(bytes, shapes)| (Chunk::from(bytes), shapes)).unzip();
        if let [shapes] = lists[..] {
            return Self::of_parts(data, Shapes::List(Cow::Borrowed(shapes)));
        }
        let mut shapes = ShapeList::default();
        lists.drain(..).for_each(|list| shapes.extend(list));
        Self::of_parts(data, Shapes::List(Cow::Owned(shapes)))
    }

    /// Samples of another dataset, whose elements are mapped by `data`.
    pub fn of_view(view: &'a View, indices: &[usize], data: &'a MappedFile) -> Result<Self> {
        let samples = view.samples(indices, PrefetchPolicy::IfCold)?;
        let ranks = samples.iter().map(|sample| sample.shape.len());
        let mut shapes = ShapeList::with_room(&view.dir, samples.len(), ranks)?;
        for sample in &samples {
            shapes.push((sample.bytes.len() / view.item_size) as i64, sample.shape);
        }
        let data = data.runs(samples.iter().map(|sample| sample.bytes));
        Ok(Self::of_parts(data, Shapes::List(Cow::Owned(shapes))))
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// The first sample whose axes behind the first one are not `trailing`, and its shape.
    pub fn position_without(&self, trailing: &[i64]) -> Option<(usize, Cow<'_, [i64]>)> {
        match &self.shapes {
            Shapes::List(list) => list.position_without(trailing).map(|(place, shape)| (place, shape.into())),
            Shapes::Flat(_) if trailing.is_empty() => None,
            Shapes::Flat(offsets) => offsets.first_length().map(|length| (0, vec![length].into())),
        }
    }

    /// Elements of all samples.
    pub fn elements(&self) -> i64 {
        self.shapes.total()
    }

    fn data_chunks(&self) -> Vec<Chunk<'_>> {
        self.data.iter().map(Chunk::reborrow).collect()
    }

    /// The members of a dataset that holds these samples alone.
    pub fn new_members(&self, names: &MemberNames, dtype: &Dtype) -> Vec<NewMember<'_>> {
        let schema = Schema::ragged(names, self.shapes.is_flat());
        let header = Header { dtype: dtype.clone(), shape: vec![self.elements().cast_unsigned()], order: Order::C };
        let member = |&role: &Role| match role {
            Role::Data => NewMember {
                member: schema.path(role),
                texts: schema.texts(role, Some(&header)),
                data: NewData::Chunks(self.data_chunks()),
                is_counted: true,
            },
            column => new_column(schema, column, self.shapes.column(column, 0, 0)),
        };
        schema.roles().iter().map(member).collect()
    }

    /// What the samples add to each member of the dataset that `view` shows.
    fn appends(&self, names: &MemberNames, view: &View) -> Vec<MemberAppend<'_>> {
        let schema = Schema::ragged(names, view.is_flat());
        let (elements, axes) = (view.elements(), view.axes());
        let rows_before = |role| match schema.rows(role) {
            Rows::Samples => view.len as u64,
            Rows::UpTo(Role::AxesEnds) => axes.cast_unsigned(),
            Rows::UpTo(_) => elements.cast_unsigned(),
        };
        let append = |&role: &Role| {
            let before = rows_before(role);
            let member = schema.path(role);
            if role == Role::Data {
                let rows = Some([before, before + self.elements().cast_unsigned()]);
                let offset = before * view.item_size as u64;
                let data = DataAppend { offset, chunks: self.data_chunks() };
                return MemberAppend { member, rows, data: Some(data) };
            }
            let values = self.shapes.column(role, elements, axes);
            let rows = Some([before, before + values.len() as u64 / 8]);
            let data = DataAppend { offset: before * 8, chunks: vec![values] };
            MemberAppend { member, rows, data: Some(data) }
        };
        schema.roles().iter().map(append).collect()
    }
}

/// The append of a batch to a ragged dataset.
pub(crate) struct Append<'a> {
    pub dir: &'a Path,
    pub options: &'a Options,
    pub dtype: &'a Dtype,
    pub batch: &'a EncodedBatch<'a>,
    /// The samples that must be there, and no others: those of a build.
    pub expected: Option<usize>,
}

impl Planner for Append<'_> {
    type View = View;

    fn read(&self) -> Result<View> {
        View::open(self.dir, self.options, None)
    }

    fn plan<'a>(&'a self, view: &'a View) -> Result<Plan<'a>> {
        let names = &self.options.names;
        check_exclusive(self.dir, view.len, self.expected)?;
        let Some(header) = &view.header else {
            return Ok(Plan::Create(self.batch.new_members(names, self.dtype)));
        };
        if header.dtype != *self.dtype {
            let (expected, found) = (header.dtype.text(), self.dtype.text());
            let what = format!("{}: the samples are {found}, the dataset is {expected}", self.dir.display());
            return Err(Error::Dtype { what });
        }
        if view.is_flat() && !self.batch.shapes.is_flat() {
            return Ok(Plan::Restructure(promote_to_nd(names, view.flat_shapes())));
        }
        Ok(Plan::Append(self.batch.appends(names, view)))
    }

    fn grown(&self, view: &View, _appends: &[MemberAppend]) -> Result<View> {
        view.grown(self.options, self.batch.len(), self.batch.elements(), self.batch.shapes.axes())
    }
}

/// The members that change when the first N-D sample comes to a dataset of 1-D samples of these `lengths`.
fn promote_to_nd(names: &MemberNames, lengths: &[i64]) -> Vec<NewMember<'static>> {
    let schema = Schema::ragged(names, false);
    let shapes = ShapeList { elements: Vec::new(), axes: lengths.to_vec(), ranks: vec![1; lengths.len()] };
    let is_nested = |role: &&Role| schema.path(**role).starts_with(&*names.shapes);
    let nested = schema
        .roles()
        .iter()
        .filter(is_nested)
        .map(|&role| new_column(schema, role, Chunk::Values(shapes.column(role, 0, 0))).into_owned());
    let flag = NewMember {
        member: PathBuf::new(),
        texts: schema.flag_text(Role::Data).into_iter().collect(),
        data: NewData::Absent,
        is_counted: true,
    };
    std::iter::once(flag).chain(nested).collect()
}

/// The elements of a sample whose bytes fit its shape.
pub(super) fn count_elements(sample: &Sample, dtype: &Dtype) -> Option<i64> {
    if sample.shape.len() > MAX_AXES {
        return None;
    }
    let shape: Vec<u64> = sample.shape.iter().map(|&axis| u64::try_from(axis).ok()).collect::<Option<_>>()?;
    let elements = element_count(&shape)?;
    let bytes = elements.checked_mul(dtype.item_size() as u64)?;
    if bytes == sample.bytes.len() as u64 { i64::try_from(elements).ok() } else { None }
}

pub(super) fn misfit(dir: &Path, index: usize, sample: &Sample) -> Error {
    let Sample { bytes, shape } = sample;
    let what = format!("{}: sample {index}: {} bytes do not fill the shape {shape:?}", dir.display(), bytes.len());
    Error::Shape { what }
}
