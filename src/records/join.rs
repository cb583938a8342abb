//! Joining records: the bytes of every field are copied within the kernel.

use std::fs::File;
use std::ops::Range;

use std::path::Path;

use super::Records;
use super::append::{prefixed, root};
use super::values::{Column, Values};
use super::view::{Field, FieldView, View};
use crate::dense::new_member;
use crate::error::{Error, Result};
use crate::format::{DATA, Order};
use crate::ragged::encode::EncodedBatch;
use crate::schema::MemberNames;
use crate::strings::{self, Payload, end_of_part};
use crate::txn::{self, NewData, NewMember, Source};

/// Records whose offsets are in memory at once.
const JOINED_AT_ONCE: usize = 1 << 20;

impl Records {
    /// Appends all records of `other`, which has the same fields.
    ///
    /// # Errors
    /// As [`Records::append`]. Records that were appended before the error stay.
    pub fn join(&mut self, other: &Self) -> Result<()> {
        other.view.check_open()?;
        if !other.view.exists() {
            return Ok(());
        }
        if !self.view.exists() {
            let dir = self.view.dir.clone();
            txn::create(&dir, &self.options, &empty_like(&dir, &other.view)?)?;
            self.refresh()?;
        }
        let files: Vec<_> = other.view.fields.iter().map(|field| reopen(&other.view, field)).collect();
        let mut start = 0;
        while start < other.len() {
            let end = self.end_of_part(other, start)?;
            let indices: Vec<usize> = (start..end).collect();
            let pairs = other.view.fields.iter().zip(&files);
            let column = pairs.map(|(field, file)| stored(field, &indices, start..end, file.as_ref()));
            let columns = column.collect::<Result<Vec<_>>>()?;
            self.append_columns(&columns, None)?;
            start = end;
        }
        Ok(())
    }

    /// The end of the part of `other`, from `start` on, that is appended at once.
    fn end_of_part(&self, other: &Self, start: usize) -> Result<usize> {
        let mut end = other.len().min(start + JOINED_AT_ONCE);
        for field in other.view.fields.iter() {
            let target = self.view.field(&field.spec.name).map_or(&field.view, |field| &field.view);
            if let (FieldView::Strings(target), FieldView::Strings(source)) = (target, &field.view) {
                end = end.min(end_of_part(target, source, start)?);
            }
        }
        Ok(end)
    }
}

/// The open `data.ninja` of a field, for the kernel to copy from.
fn reopen(view: &View, field: &Field) -> Option<File> {
    let data = match &field.view {
        FieldView::Ragged(view) => &view.extents.data,
        FieldView::Strings(view) => &view.extents.data,
        FieldView::Dense(view) => &view.data,
    };
    data.reopen(&view.dir.join(&field.spec.name).join(DATA))
}

/// The samples in `range` of a field, where they are stored.
fn stored<'a>(
    field: &'a Field,
    indices: &'a [usize],
    range: Range<usize>,
    file: Option<&'a File>,
) -> Result<Column<'a>> {
    let len = range.len();
    let values = match &field.view {
        FieldView::Ragged(view) => {
            let Some(header) = &view.header else { return Err(no_header(field)) };
            Values::Ragged { dtype: header.dtype.clone(), batch: EncodedBatch::of_view(view, range, file)? }
        }
        FieldView::Strings(view) => {
            Values::Strings { payload: Payload::Stored { view, indices, file }, compression: None }
        }
        FieldView::Dense(view) => {
            let size = view.data.bytes().len().checked_div(view.rows()).unwrap_or(0);
            let bytes = range.start * size..range.end * size;
            let source = file.map(|file| Source { file, offset: bytes.start as u64 });
            let header = view.header.with_rows(len as u64);
            if header.order == Order::F && header.shape.len() > 1 && len < view.rows() {
                return Err(Error::Shape {
                    what: format!("the field '{}' is in F order, and cannot be joined in parts", field.spec.name),
                });
            }
            Values::Dense { header, chunks: vec![&view.data.bytes()[bytes]], source }
        }
    };
    Ok(Column { spec: field.spec.clone(), values, len })
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
            FieldView::Strings(view) => strings::new_members(dir, &names, view.codec.as_deref(), &[])?,
            FieldView::Dense(view) => vec![new_member(&view.header.with_rows(0), NewData::Zeros(0))],
        };
        members.extend(own.into_iter().map(|new| NewMember { member: prefixed(&field.spec, &new.member), ..new }));
    }
    members.push(root(dir, other.fields.iter().map(|field| field.spec.clone()).collect(), 0)?);
    Ok(members)
}

fn no_header(field: &Field) -> Error {
    Error::Argument { what: format!("the field '{}' has no dtype", field.spec.name) }
}
