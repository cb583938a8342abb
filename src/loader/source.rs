//! What batches are read from: one or several datasets of one kind and dtype.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::buffer::{Buffer, Pool};
use super::rows::Rows;
use crate::batch::cast::Cast;
use crate::batch::gather::{arrow_offsets, concatenate, total_len};
use crate::batch::pad::{PaddedPlan, Padding, pad};
use crate::error::{Error, Result};
use crate::format::dtype::Dtype;
use crate::io::advice::PrefetchPolicy;
use crate::memory;
use crate::order::Draw;
use crate::ragged::{self, Ragged};
use crate::sample::Sample;
use crate::strings::{self, NO_UTF8, Strings};

/// The samples of a batch, copied.
#[derive(Debug)]
pub enum Batch {
    /// Samples one after another, as [`Gathered`](crate::Gathered) is; texts as UTF-8.
    Gathered {
        /// The elements.
        values: Buffer,
        /// The element at which each sample starts, and the end of the last one.
        offsets: Vec<i64>,
    },
    /// Samples in blocks of one shape, as [`Padded`](crate::Padded) is.
    Padded {
        /// The blocks.
        values: Buffer,
        /// The number of samples, and the maximum of each axis.
        shape: Vec<usize>,
        /// The shapes of all samples, one after another.
        lengths: Vec<i64>,
    },
    /// Rows of a dense array.
    Rows {
        /// The elements.
        values: Buffer,
        /// The number of rows.
        len: usize,
    },
    /// The batch of every field.
    Fields(Vec<Batch>),
}

/// Where batches are read from.
#[derive(Clone, Debug)]
pub struct Source(Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Ragged { views: Vec<ragged::View>, padding: Option<Vec<u8>>, cast: Cast },
    Strings(Vec<strings::View>),
    Rows { arrays: Vec<Rows>, cast: Cast },
    Fields(Vec<Source>),
}

impl Source {
    /// Ragged datasets of one dtype. Samples are padded with the element `padding`, on the right, if it is given.
    ///
    /// # Errors
    /// [`Error::Dtype`] where the dtypes differ; [`Error::Shape`] where `padding` does not have the size of an element.
    pub fn ragged(datasets: &[&Ragged], padding: Option<&[u8]>) -> Result<Self> {
        let item_size = datasets.first().map_or(1, |ragged| ragged.view.item_size);
        Self::of_ragged(datasets, padding, Cast::none(item_size))
    }

    /// As [`Source::ragged`], with the elements cast to `dtype` as [`Ragged::gather_as`] does. The padding is an element of
    /// that dtype.
    ///
    /// # Errors
    /// As [`Source::ragged`]; [`Error::Dtype`] where the cast could change a value.
    pub fn ragged_as(datasets: &[&Ragged], padding: Option<&[u8]>, dtype: &Dtype) -> Result<Self> {
        let cast = datasets.first().map_or(Ok(Cast::none(1)), |ragged| ragged.view.cast_to(dtype))?;
        Self::of_ragged(datasets, padding, cast)
    }

    fn of_ragged(datasets: &[&Ragged], padding: Option<&[u8]>, cast: Cast) -> Result<Self> {
        let views = datasets.iter().map(|ragged| ragged.view.clone()).collect();
        Self::of_ragged_views(views, padding.map(<[u8]>::to_vec), cast)
    }

    pub(crate) fn of_ragged_views(views: Vec<ragged::View>, padding: Option<Vec<u8>>, cast: Cast) -> Result<Self> {
        let dtype = |view: &ragged::View| view.header.as_ref().map(|header| header.dtype.clone());
        for view in &views {
            view.check_open()?;
            if dtype(view) != dtype(&views[0]) {
                let (one, other) = (views[0].dir.display(), view.dir.display());
                return Err(Error::Dtype { what: format!("{one} and {other} have different dtypes") });
            }
        }
        if let Some(value) = padding.as_ref().filter(|value| value.len() != cast.item_size()) {
            let (found, expected) = (value.len(), cast.item_size());
            let what = format!("the padding value has {found} bytes, an element has {expected}");
            return Err(Error::Shape { what });
        }
        Ok(Self(Kind::Ragged { views, padding, cast }))
    }

    /// Texts.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn strings(datasets: &[&Strings]) -> Result<Self> {
        Self::of_string_views(datasets.iter().map(|strings| strings.view.clone()).collect())
    }

    pub(crate) fn of_string_views(views: Vec<strings::View>) -> Result<Self> {
        views.iter().try_for_each(strings::View::check_open)?;
        Ok(Self(Kind::Strings(views)))
    }

    /// Rows of one size of dense arrays.
    ///
    /// # Errors
    /// [`Error::Shape`] where the sizes differ.
    pub fn rows(arrays: Vec<Rows>) -> Result<Self> {
        Self::of_rows(arrays, Cast::none(1))
    }

    pub(crate) fn of_rows(arrays: Vec<Rows>, cast: Cast) -> Result<Self> {
        for rows in &arrays {
            if rows.size() != arrays[0].size() {
                let (one, other) = (arrays[0].dir().display(), rows.dir().display());
                return Err(Error::Shape { what: format!("{one} and {other} have rows of different sizes") });
            }
        }
        Ok(Self(Kind::Rows { arrays, cast }))
    }

    /// Fields of the same samples, such as those of records: a batch has one of each.
    ///
    /// # Errors
    /// [`Error::Shape`] where there are different numbers of samples.
    pub fn fields(fields: Vec<Source>) -> Result<Self> {
        match fields.iter().find(|field| field.len() != fields[0].len()) {
            None => Ok(Self(Kind::Fields(fields))),
            Some(other) => {
                let (one, other) = (fields[0].len(), other.len());
                Err(Error::Shape { what: format!("a field has {one} samples, another {other}") })
            }
        }
    }

    /// Samples of the first dataset.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Ragged { views, .. } => views.first().map_or(0, |view| view.len),
            Kind::Strings(views) => views.first().map_or(0, |view| view.len),
            Kind::Rows { arrays, .. } => arrays.first().map_or(0, Rows::len),
            Kind::Fields(fields) => fields.first().map_or(0, Source::len),
        }
    }

    /// Whether the first dataset has no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The arrays of a batch.
    pub(super) fn arrays(&self) -> usize {
        if let Kind::Fields(fields) = &self.0 { fields.iter().map(Source::arrays).sum() } else { 1 }
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.0
    }

    /// Requests the pages of a batch that will be read later, if those of this kind were not in memory of late.
    pub(super) fn prefetch(&self, draws: &[Draw]) {
        match &self.0 {
            Kind::Ragged { views, .. } => {
                for (view, indices) in views.iter().zip(split(draws, views.len())) {
                    let last = || indices.last().and_then(|&last| view.get(last).ok()).map(|sample| sample.bytes);
                    if view.extents.is_due(PrefetchPolicy::IfCold, &indices, last) {
                        let _ = view.samples(&indices, PrefetchPolicy::Always);
                    }
                }
            }
            Kind::Strings(views) => {
                for (view, indices) in views.iter().zip(split(draws, views.len())) {
                    let last = || indices.last().and_then(|&last| view.stored(last).ok());
                    if view.extents.is_due(PrefetchPolicy::IfCold, &indices, last) {
                        let _ = view.stored_batch(&indices, PrefetchPolicy::Always);
                    }
                }
            }
            Kind::Rows { arrays, .. } => {
                for (rows, indices) in arrays.iter().zip(split(draws, arrays.len())) {
                    let _ = rows.fetch(&indices);
                }
            }
            Kind::Fields(fields) => fields.iter().for_each(|field| field.prefetch(draws)),
        }
    }

    pub(super) fn read(&self, draws: &[Draw], pool: &Arc<Pool>) -> Result<Batch> {
        match &self.0 {
            Kind::Ragged { views, padding, cast } => {
                let samples = collect(draws, views, |view, indices| view.samples(indices, PrefetchPolicy::IfCold))?;
                if let Some(value) = padding {
                    return padded(views, draws, &samples, value, *cast, pool);
                }
                let pieces = memory::collect(&views[0].dir, samples.iter().map(|sample| sample.bytes))?;
                gathered(&views[0].dir, &pieces, *cast, pool)
            }
            Kind::Strings(views) => {
                let texts = collect(draws, views, strings::View::gather)?;
                for (draw, text) in draws.iter().zip(&texts) {
                    if std::str::from_utf8(text).is_err() {
                        return Err(views[draw.source].damaged(draw.index, NO_UTF8));
                    }
                }
                let pieces: Vec<&[u8]> = memory::collect(&views[0].dir, texts.iter().map(Cow::as_ref))?;
                gathered(&views[0].dir, &pieces, Cast::none(1), pool)
            }
            Kind::Rows { arrays, cast } => {
                let rows = collect(draws, arrays, Rows::fetch)?;
                let total = total_len(rows.iter().map(|row| row.len()), *cast);
                let values = pool.fill(arrays[0].dir(), total, |out| concatenate(&rows, *cast, out))?;
                Ok(Batch::Rows { values, len: rows.len() })
            }
            Kind::Fields(fields) => {
                fields.iter().map(|field| field.read(draws, pool)).collect::<Result<_>>().map(Batch::Fields)
            }
        }
    }
}

/// The indices that are drawn from each source.
fn split(draws: &[Draw], sources: usize) -> Vec<Vec<usize>> {
    let of = |source| draws.iter().filter(move |draw| draw.source == source).map(|draw| draw.index).collect();
    (0..sources).map(of).collect()
}

/// What `fetch` finds in every source, in the order of the draws.
fn collect<'a, S, T>(
    draws: &[Draw],
    sources: &'a [S],
    fetch: impl Fn(&'a S, &[usize]) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let indices = split(draws, sources.len());
    if let ([source], [indices]) = (sources, &*indices) {
        return fetch(source, indices);
    }
    let found = sources.iter().zip(&indices).map(|(source, indices)| Ok(fetch(source, indices)?.into_iter()));
    let mut found = found.collect::<Result<Vec<_>>>()?;
    Ok(draws.iter().filter_map(|draw| found[draw.source].next()).collect())
}

fn gathered(dir: &Path, pieces: &[&[u8]], cast: Cast, pool: &Arc<Pool>) -> Result<Batch> {
    let total = total_len(pieces.iter().map(|piece| piece.len()), cast);
    let offsets = arrow_offsets(dir, pieces.iter().map(|piece| cast.count(piece.len())))?;
    let values = pool.fill(dir, total, |out| concatenate(pieces, cast, out))?;
    Ok(Batch::Gathered { values, offsets })
}

fn padded(
    views: &[ragged::View],
    draws: &[Draw],
    samples: &[Sample],
    value: &[u8],
    cast: Cast,
    pool: &Arc<Pool>,
) -> Result<Batch> {
    let dir = &views[0].dir;
    let rank = views[0].rank_of(samples);
    let room = memory::with_room(dir, samples.len().saturating_mul(rank))?;
    let padding = Padding { value, ..Padding::default() };
    let plan = PaddedPlan::new(samples, rank, &padding, room);
    let plan = plan.map_err(|place| mixed_ranks(views, [(draws[0], samples[0]), (draws[place], samples[place])]))?;
    let shape: Vec<usize> = std::iter::once(samples.len()).chain(plan.shape.iter().copied()).collect();
    let total = shape.iter().try_fold(value.len(), |total, &axis| total.checked_mul(axis));
    let total = if shape.contains(&0) { Some(0) } else { total };
    let values = pool.fill(dir, total, |out| pad(samples, &plan.shape, &padding, cast, out))?;
    Ok(Batch::Padded { values, shape, lengths: plan.lengths })
}

#[cold]
fn mixed_ranks(views: &[ragged::View], found: [(Draw, Sample); 2]) -> Error {
    let [one, other] = found.map(|(draw, sample)| {
        let (dir, axes) = (views[draw.source].dir.display(), sample.shape.len());
        format!("sample {} of {dir} has {axes} axes", draw.index)
    });
    Error::Shape { what: format!("{one} and {other}; a padded batch needs samples of one rank") }
}
