//! The schema: which members every kind of dataset has, what their rows count, which dtype and shape they have, which files
//! each consists of, and which entries of a directory are not ours. Everything else reads it from here.
//!
//! | kind | members, in the order in which they are written; the last one is the commit point |
//! |---|---|
//! | `numpy` | the elements |
//! | `string` | the bytes, `ends`, `starts` |
//! | `ragged`, flat | the elements, `flattened_shapes`, `shapes`, `ends`, `starts` |
//! | `ragged`, N-D | as flat, with `shapes` a flat ragged dataset of the shape tuples |
//! | `records` | the members of every field, in its directory; then the count of the records |

mod detect;
mod fields;
mod foreign;
mod header;
mod names;
pub(crate) mod placeholder;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use detect::{kind_of, no_dataset};
pub(crate) use fields::{
    bare_fields, check_not_a_field, count_of_field, missing_of_records, read_fields, records_above,
};
pub(crate) use foreign::{foreign_entries, is_own};
pub(crate) use header::{Header, check_size, read_dtype, read_is_flat, read_order, read_shape};
pub use names::MemberNames;
pub(crate) use names::portable_name;

/// The deepest nesting: records, a field, its shapes, and one of their members.
pub(crate) const MAX_DEPTH: usize = 4;

use crate::format::dtype::Dtype;
use crate::format::{self, Kind, Order, encode_flag, encode_shape};

/// What a member is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The elements, or the bytes of strings.
    Data,
    /// The first element of each sample, and one past the last.
    Starts,
    Ends,
    /// Elements of each sample.
    Elements,
    /// The one axis of each sample, where all are 0-D or 1-D.
    Shapes,
    /// Nested shapes: the axes of all samples, where those of each sample start and end, and their number, twice.
    Axes,
    AxesStarts,
    AxesEnds,
    Ranks,
    RankShapes,
}

/// What the rows of a member count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// One row a sample.
    Samples,
    /// As many as the last value of another member says.
    UpTo(Role),
}

/// The shape of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axes {
    /// Any.
    Any,
    /// (rows,)
    One,
    /// (rows, 1)
    Column,
}

impl Axes {
    /// Whether a member may have this shape.
    pub fn fit(self, shape: &[u64]) -> bool {
        match self {
            Self::Any => true,
            Self::One => shape.len() == 1,
            Self::Column => matches!(shape, [_, 1]),
        }
    }

    /// The shape of a column.
    pub fn with_rows(self, rows: u64) -> Vec<u64> {
        if self == Self::Column { vec![rows, 1] } else { vec![rows] }
    }
}

/// What an append changes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing.
    Text,
    /// The row count at its beginning.
    Shape,
    /// The end.
    Data,
}

/// The schema of one dataset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema<'a> {
    pub kind: Kind,
    /// Whether all samples are 0-D or 1-D.
    pub is_flat: bool,
    pub names: &'a MemberNames,
}

impl<'a> Schema<'a> {
    /// The schema of a `ragged` dataset.
    pub const fn ragged(names: &'a MemberNames, is_flat: bool) -> Self {
        Self { kind: Kind::Ragged, is_flat, names }
    }

    /// The schema of a `string` dataset.
    pub const fn strings(names: &'a MemberNames) -> Self {
        Self { kind: Kind::String, is_flat: true, names }
    }

    /// The members in the order in which they are written, the commit point last.
    pub const fn roles(self) -> &'static [Role] {
        use Role::{Axes, AxesEnds, AxesStarts, Data, Elements, Ends, RankShapes, Ranks, Shapes, Starts};
        match (self.kind, self.is_flat) {
            (Kind::Numpy | Kind::Records, _) => &[Data],
            (Kind::String, _) => &[Data, Ends, Starts],
            (Kind::Ragged, true) => &[Data, Elements, Shapes, Ends, Starts],
            (Kind::Ragged, false) => &[Data, Elements, Axes, Ranks, RankShapes, AxesEnds, AxesStarts, Ends, Starts],
        }
    }

    /// The directory of a member, relative to the dataset's.
    pub fn path(self, role: Role) -> PathBuf {
        let nested = |inner: &str| Path::new(&*self.names.shapes).join(inner);
        match role {
            Role::Data => PathBuf::new(),
            Role::Starts => PathBuf::from(&*self.names.starts),
            Role::Ends => PathBuf::from(&*self.names.ends),
            Role::Elements => PathBuf::from(&*self.names.flattened_shapes),
            Role::Shapes | Role::Axes => PathBuf::from(&*self.names.shapes),
            Role::AxesStarts => nested(MemberNames::STARTS),
            Role::AxesEnds => nested(MemberNames::ENDS),
            Role::Ranks => nested(MemberNames::FLATTENED_SHAPES),
            Role::RankShapes => nested(MemberNames::SHAPES),
        }
    }

    /// What the rows of a member count.
    pub const fn rows(self, role: Role) -> Rows {
        match (self.kind, role) {
            (Kind::Ragged | Kind::String, Role::Data) => Rows::UpTo(Role::Ends),
            (_, Role::Axes) => Rows::UpTo(Role::AxesEnds),
            _ => Rows::Samples,
        }
    }

    /// The shape of a member.
    pub const fn axes(self, role: Role) -> Axes {
        match (self.kind, role) {
            (Kind::Numpy, Role::Data) => Axes::Any,
            (_, Role::Shapes | Role::RankShapes) => Axes::Column,
            _ => Axes::One,
        }
    }

    /// Whether a `shape.ninja` counts the rows of a member, which a `dtype.ninja` describes. The bytes of strings have
    /// neither.
    pub const fn is_counted(self, role: Role) -> bool {
        !matches!((self.kind, role), (Kind::String, Role::Data))
    }

    /// What the `type.ninja` of a member states.
    pub const fn member_kind(self, role: Role) -> Kind {
        match role {
            Role::Data => self.kind,
            Role::Axes => Kind::Ragged,
            _ => Kind::Numpy,
        }
    }

    /// What the `shapes_are_flat.ninja` of a member states; `None` where it has no such file.
    pub const fn flag(self, role: Role) -> Option<bool> {
        match (self.kind, role) {
            (Kind::Ragged, Role::Data) => Some(self.is_flat),
            (_, Role::Axes) => Some(true),
            _ => None,
        }
    }

    /// The header of a member of int64 that has `rows`.
    pub fn column_header(self, role: Role, rows: u64) -> Header {
        Header { dtype: Dtype::of::<i64>(), shape: self.axes(role).with_rows(rows), order: Order::C }
    }

    /// The text files of a new member, by name; `header` is that of a member whose rows are counted.
    pub fn texts(self, role: Role, header: Option<&Header>) -> Vec<(&'static str, Vec<u8>)> {
        let mut texts = vec![(format::TYPE, self.member_kind(role).name().into())];
        if let Some(header) = header {
            texts.extend([
                (format::DTYPE, header.dtype.text().into()),
                (format::SHAPE, encode_shape(&header.shape)),
                (format::ORDER, header.order.name().into()),
            ]);
        }
        texts.extend(self.flag_text(role));
        texts
    }

    /// The `shapes_are_flat.ninja` of a member, if it has one.
    pub fn flag_text(self, role: Role) -> Option<(&'static str, Vec<u8>)> {
        self.flag(role).map(|flag| (format::SHAPES_ARE_FLAT, encode_flag(flag).into()))
    }

    /// The files of a member that must be there.
    pub fn files(self, role: Role) -> Vec<(&'static str, Content)> {
        if self.kind == Kind::Records {
            return vec![(format::FIELDS, Content::Text), (format::SHAPE, Content::Shape)];
        }
        let mut files = vec![(format::DATA, Content::Data)];
        if self.is_counted(role) {
            files.extend([
                (format::DTYPE, Content::Text),
                (format::SHAPE, Content::Shape),
                (format::ORDER, Content::Text),
            ]);
        }
        files.extend(self.flag(role).map(|_| (format::SHAPES_ARE_FLAT, Content::Text)));
        files
    }

    /// The files of a member that may be there. Releases before 0.4.0 wrote no `type.ninja`.
    pub const fn optional_files(self, role: Role) -> &'static [&'static str] {
        match (self.kind, role) {
            (Kind::String, Role::Data) => &[format::TYPE, format::ZSTD_LEVEL, format::ZSTD_DICT],
            (Kind::Records, _) => &[format::TYPE, format::NEW_FIELDS],
            _ => &[format::TYPE],
        }
    }
}

impl Role {
    /// Whether it has one row a sample, whatever the kind.
    pub const fn is_column(self) -> bool {
        !matches!(self, Self::Data | Self::Axes)
    }
}
