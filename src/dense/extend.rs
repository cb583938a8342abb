//! The append of rows to a dense array.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use super::{View, check_fit, new_member, too_large};
use crate::error::{Error, Result};
use crate::format::{DATA, Order};
use crate::options::Options;
use crate::schema::Header;
use crate::txn::{Chunk, DataAppend, MemberAppend, NewData, Plan, Planner, check_exclusive};

/// Rows to append.
pub(crate) struct Extend<'a> {
    dir: &'a Path,
    options: &'a Options,
    added: &'a Header,
    chunks: Vec<Chunk<'a>>,
    /// The rows that must be there, and no others: those of a build.
    expected: Option<usize>,
    /// The rows in one piece, where columns are to be cut out of them.
    whole: OnceCell<Vec<u8>>,
}

impl<'a> Extend<'a> {
    /// Rows with the header `added`, whose bytes lie in `chunks` one after another.
    pub fn new(
        dir: &'a Path,
        options: &'a Options,
        added: &'a Header,
        chunks: Vec<Chunk<'a>>,
        expected: Option<usize>,
    ) -> Result<Self> {
        check_fit(dir, added, chunks.iter().map(Chunk::len).sum())?;
        Ok(Self { dir, options, added, chunks, expected, whole: OnceCell::new() })
    }
}

impl Planner for Extend<'_> {
    type View = View;

    fn read(&self) -> Result<View> {
        View::open(self.dir, self.options, None)
    }

    fn plan<'a>(&'a self, View { header: old, data: present }: &'a View) -> Result<Plan<'a>> {
        check_exclusive(self.dir, usize::try_from(old.rows()).unwrap_or(usize::MAX), self.expected)?;
        check_same(self.dir, old, self.added)?;
        let too_large = || too_large(self.dir, &self.added.shape);
        let rows = old.rows().checked_add(self.added.rows()).ok_or_else(too_large)?;
        let new = old.with_rows(rows);
        let (Some(offset), Some(_)) = (old.bytes(), new.bytes()) else { return Err(too_large()) };
        if old.order == Order::F && old.shape.len() > 1 {
            let added = self.whole.get_or_init(|| Chunk::concat(&self.chunks));
            let columns = NewData::Chunks(interleave(old, present.bytes(), &new, added));
            return Ok(Plan::Create(vec![new_member(&new, columns)]));
        }
        Ok(Plan::Append(vec![MemberAppend {
            member: "".into(),
            rows: Some([old.rows(), rows]),
            data: Some(DataAppend { offset, chunks: self.chunks.iter().map(Chunk::reborrow).collect() }),
        }]))
    }

    fn grown(&self, View { header: old, data: present }: &View, appends: &[MemberAppend]) -> Result<View> {
        let header = Arc::new(old.with_rows(old.rows() + self.added.rows()));
        let bytes = appends.first().map_or(0, MemberAppend::end);
        let len = usize::try_from(bytes).unwrap_or(usize::MAX);
        let data = present.grown(|| self.dir.join(DATA), self.options.mode, len)?;
        data.advise(self.options.access);
        Ok(View { header, data })
    }
}

/// Rows added to an array in F order go between its columns.
fn interleave<'a>(old: &Header, present: &'a [u8], new: &Header, added: &'a [u8]) -> Vec<Chunk<'a>> {
    let (old_step, new_step) = (column_bytes(old), column_bytes(new) - column_bytes(old));
    if old_step + new_step == 0 {
        return Vec::new();
    }
    let columns = pieces(present, old_step).zip(pieces(added, new_step));
    columns.flat_map(|(left, right)| [left.into(), right.into()]).collect()
}

/// Bytes of one column, which has an element of every row, in F order.
fn column_bytes(header: &Header) -> usize {
    usize::try_from(header.rows()).unwrap_or(usize::MAX).saturating_mul(header.dtype.item_size())
}

/// Pieces of `step` bytes; without end where they are empty.
fn pieces(bytes: &[u8], step: usize) -> Box<dyn Iterator<Item = &[u8]> + '_> {
    if step == 0 { Box::new(std::iter::repeat(&[][..])) } else { Box::new(bytes.chunks_exact(step)) }
}

fn check_same(dir: &Path, old: &Header, added: &Header) -> Result<()> {
    let (dir, shape) = (dir.display(), &added.shape);
    if old.dtype != added.dtype {
        let (found, expected) = (added.dtype.text(), old.dtype.text());
        return Err(Error::Dtype { what: format!("{dir}: the rows are {found}, the array is {expected}") });
    }
    if old.shape.is_empty() || shape.len() != old.shape.len() || shape[1..] != old.shape[1..] {
        let what = format!("{dir}: rows of shape {shape:?} do not fit an array of shape {:?}", old.shape);
        return Err(Error::Shape { what });
    }
    if old.order != added.order && shape.len() > 1 {
        let (ours, theirs) = (old.order.name(), added.order.name());
        let what = format!("{dir}: rows in {theirs} order cannot be appended to an array in {ours} order");
        return Err(Error::Shape { what });
    }
    Ok(())
}
