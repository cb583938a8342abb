//! Copying records of others: the bytes of every field are copied within the kernel.

use std::path::Path;

use super::Records;
use super::append::{prefixed, root};
use super::values::{Column, Values};
use super::view::{Field, FieldView, View};
use crate::dense::{Rows, new_member};
use crate::error::{Error, Result};
use crate::format::{DATA, Order};
use crate::ragged::encode::EncodedBatch;
use crate::schema::{Header, MemberNames};
use crate::selection::{MappedFile, check_indices, for_each_block};
use crate::strings::Payload;
use crate::txn::{self, NewData, NewMember};

impl Records {
    /// Appends all records of `other`, which has the same fields.
    ///
    /// # Errors
    /// As [`Records::append`]. Records that were appended before the error stay.
    pub fn join(&mut self, other: &Self) -> Result<()> {
        self.extend_from(other, 0..other.len())
    }

    /// Appends the records of `other`, which has the same fields, at `indices`, which may repeat, in that order. Bytes that
    /// are long, or lie one after another, are copied within the kernel. Without a dataset in this directory, one with the
    /// fields of `other` is created, even if there are no indices.
    ///
    /// # Errors
    /// [`Error::OutOfRange`]. Then nothing has changed. As [`Records::append`], after which records that were appended
    /// before the error stay.
    pub fn extend_from(
        &mut self,
        other: &Self,
        indices: impl IntoIterator<Item = usize, IntoIter: Clone>,
    ) -> Result<()> {
        other.view.check_open()?;
        let indices = indices.into_iter();
        check_indices(indices.clone(), other.len(), |index| other.view.out_of_range(index))?;
        if !other.view.exists() {
            return Ok(());
        }
        if !self.view.exists() {
            let dir = self.view.dir.clone();
            txn::create(&dir, &self.options, &empty_like(&dir, &other.view)?)?;
            self.refresh()?;
        }
        let sources = other.view.fields.iter().map(|field| self.source(field, other)).collect::<Result<Vec<_>>>()?;
        for_each_block(
            indices,
            |chosen| sources.iter().for_each(|source| source.prefetch_rows(chosen)),
            |index| sources.iter().try_fold(0_u64, |sum, source| Ok(sum.saturating_add(source.size(index)?))),
            |block| {
                let columns = sources.iter().map(|source| source.column(block)).collect::<Result<Vec<_>>>()?;
                self.append_columns(&columns, None)
            },
        )
    }

    /// Where the samples of a field of `other` come from.
    fn source<'a>(&self, field: &'a Field, other: &'a Self) -> Result<FieldSource<'a>> {
        let dir = other.view.dir.join(&field.spec.name);
        let open = |data| MappedFile::open(data, &dir.join(DATA), other.options.mode);
        let (data, rows, is_copied) = match &field.view {
            FieldView::Ragged(view) => (open(&view.extents.data), None, true),
            FieldView::Strings(view) => {
                let target = self.view.field(&field.spec.name).map(|field| &field.view);
                let is_copied = matches!(target, Some(FieldView::Strings(target)) if view.is_stored_like(target));
                (open(&view.extents.data), None, is_copied)
            }
            FieldView::Dense(view) => {
                let rows = Rows::new(&other.view.dir, &view.header, view.data.bytes())?;
                (open(&view.data), Some(rows), true)
            }
        };
        Ok(FieldSource { field, data, rows, is_copied })
    }
}

/// The samples of a field.
struct FieldSource<'a> {
    field: &'a Field,
    data: MappedFile,
    /// Those of a dense field.
    rows: Option<Rows<'a>>,
    /// Whether texts are copied as they are stored.
    is_copied: bool,
}

impl FieldSource<'_> {
    fn prefetch_rows(&self, indices: &[usize]) {
        match &self.field.view {
            FieldView::Ragged(view) => view.extents.prefetch_rows(indices, &view.columns()),
            FieldView::Strings(view) => view.extents.prefetch_rows(indices, &view.columns()),
            FieldView::Dense(_) => {}
        }
    }

    /// Bytes of a sample, as it is copied.
    fn size(&self, index: usize) -> Result<u64> {
        match &self.field.view {
            FieldView::Ragged(view) => Ok(view.get(index)?.bytes.len() as u64),
            FieldView::Strings(view) if self.is_copied => Ok(view.stored(index)?.len() as u64),
            FieldView::Strings(view) => view.length(index).map(i64::cast_unsigned),
            FieldView::Dense(_) => Ok(self.rows.as_ref().map_or(0, Rows::size) as u64),
        }
    }

    /// The samples at `indices`, where they are stored.
    fn column<'a>(&'a self, indices: &'a [usize]) -> Result<Column<'a>> {
        let values = match &self.field.view {
            FieldView::Ragged(view) => {
                let Some(header) = &view.header else { return Err(no_header(self.field)) };
                let batch = EncodedBatch::of_view(view, indices, &self.data)?;
                Values::Ragged { dtype: header.dtype.clone(), batch }
            }
            FieldView::Strings(view) => {
                Values::Strings { payload: Payload::Stored { view, indices, data: &self.data }, compression: None }
            }
            FieldView::Dense(view) => {
                let header = Header { order: Order::C, ..view.header.with_rows(indices.len() as u64) };
                let chunks = self.rows.as_ref().map_or(Ok(Vec::new()), |rows| rows.chunks(indices, &self.data))?;
                Values::Dense { header, chunks }
            }
        };
        Ok(Column { spec: self.field.spec.clone(), values, len: indices.len() })
    }
}

/// The members of records with the fields of others, and no samples.
fn empty_like(dir: &Path, other: &View) -> Result<Vec<NewMember<'static>>> {
    let names = MemberNames::default();
    let mut members = Vec::new();
    for field in other.fields.iter() {
        let own = match &field.view {
            FieldView::Ragged(view) => {
                let Some(header) = &view.header else { return Err(no_header(field)) };
                let none = EncodedBatch::encode(dir, 0, &header.dtype, &[])?;
                none.new_members(&names, &header.dtype).into_iter().map(NewMember::into_owned).collect()
            }
            FieldView::Strings(view) => {
                let none = Payload::Strings(&[]).new_members(dir, &names, view.codec.as_deref())?;
                none.into_iter().map(NewMember::into_owned).collect()
            }
            FieldView::Dense(view) => {
                let header = Header { order: Order::C, ..view.header.with_rows(0) };
                vec![new_member(&header, NewData::Zeros(0))]
            }
        };
        members.extend(own.into_iter().map(|new| NewMember { member: prefixed(&field.spec, &new.member), ..new }));
    }
    members.push(root(dir, other.fields.iter().map(|field| field.spec.clone()).collect(), 0)?);
    Ok(members)
}

fn no_header(field: &Field) -> Error {
    Error::Argument { what: format!("the field '{}' has no dtype", field.spec.name) }
}
