//! What batches are read from: one or several datasets of one kind and dtype.

use std::borrow::Cow;
use std::path::Path;

use super::batch::Batch;
use super::reading::Reading;
use super::rows::Rows;
use crate::batch::cast::Cast;
use crate::error::{Error, Result};
use crate::format::dtype::Dtype;
use crate::io::advice::PrefetchPolicy;
use crate::memory;
use crate::order::Draw;
use crate::ragged::{self, Ragged};
use crate::strings::{self, Strings};

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

    /// Where errors that are of no dataset in particular say that they arose.
    pub(super) fn dir(&self) -> &Path {
        match &self.0 {
            Kind::Ragged { views, .. } => views.first().map_or(Path::new(""), |view| &view.dir),
            Kind::Strings(views) => views.first().map_or(Path::new(""), |view| &view.dir),
            Kind::Rows { arrays, .. } => arrays.first().map_or(Path::new(""), Rows::dir),
            Kind::Fields(fields) => fields.first().map_or(Path::new(""), Source::dir),
        }
    }

    /// Requests the pages of a batch, if those of this batch or of recent ones were not in memory, and says whether.
    pub(super) fn prefetch_if_cold(&self, draws: &[Draw], reading: &Reading) -> Result<bool> {
        let always = PrefetchPolicy::Always;
        match &self.0 {
            Kind::Ragged { views, .. } => {
                let prefetch = |view: &ragged::View, indices: &[usize]| view.samples(indices, always).map(drop);
                reading.prefetch(draws, views, ragged::View::is_due, prefetch)
            }
            Kind::Strings(views) => {
                let prefetch = |view: &strings::View, indices: &[usize]| view.stored_batch(indices, always).map(drop);
                reading.prefetch(draws, views, strings::View::is_due, prefetch)
            }
            Kind::Rows { arrays, .. } => {
                let prefetch = |rows: &Rows, indices: &[usize]| rows.fetch(indices, always).map(drop);
                reading.prefetch(draws, arrays, Rows::is_due, prefetch)
            }
            Kind::Fields(fields) => fields.iter().try_fold(false, |is_cold, field| {
                Ok(field.prefetch_if_cold(draws, &reading.of(field.dir()))? || is_cold)
            }),
        }
    }

    /// The samples of a batch, whose pages were requested if they had to be.
    pub(super) fn read(&self, draws: &[Draw], reading: &Reading) -> Result<Batch> {
        let never = PrefetchPolicy::Never;
        match &self.0 {
            Kind::Ragged { views, padding, cast } => {
                let samples = reading.located(draws, views, |view, indices| view.samples(indices, never))?;
                if let Some(value) = padding {
                    return reading.padded(views, draws, &samples, value, *cast);
                }
                let pieces = memory::collect(self.dir(), samples.iter().map(|sample| sample.bytes))?;
                reading.gathered(&pieces, *cast)
            }
            Kind::Strings(views) => {
                let texts = reading.located(draws, views, |view, indices| view.utf8(indices, never))?;
                let pieces: Vec<&[u8]> = memory::collect(self.dir(), texts.iter().map(Cow::as_ref))?;
                reading.gathered(&pieces, Cast::none(1))
            }
            Kind::Rows { arrays, cast } => {
                let rows = reading.located(draws, arrays, |rows, indices| rows.fetch(indices, never))?;
                Ok(Batch::Rows { values: reading.concatenated(&rows, *cast)?, len: rows.len() })
            }
            Kind::Fields(fields) => {
                let batches = fields.iter().map(|field| field.read(draws, &reading.of(field.dir())));
                batches.collect::<Result<_>>().map(Batch::Fields)
            }
        }
    }
}
