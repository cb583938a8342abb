//! The append of records: what all fields gain, under one commit point.

use std::path::{Path, PathBuf};

use super::values::{Column, FieldPlanner};
use super::view::{Field, FieldView, View};
use crate::error::{Error, Result};
use crate::format::fields::{FieldList, FieldSpec};
use crate::format::{self, Kind, encode_shape};
use crate::options::Options;
use crate::txn::{MemberAppend, NewData, NewMember, Plan, Planner, check_exclusive};

/// The append of the same number of samples to every field.
pub(super) struct Append<'a> {
    dir: &'a Path,
    options: &'a Options,
    columns: &'a [Column<'a>],
    /// That of each column.
    planners: Vec<FieldPlanner<'a>>,
    /// The records that must be there, and no others: those of a build.
    expected: Option<usize>,
}

impl<'a> Append<'a> {
    /// `dirs` are the directories of the columns.
    pub fn new(
        dir: &'a Path,
        options: &'a Options,
        columns: &'a [Column<'a>],
        dirs: &'a [PathBuf],
        expected: Option<usize>,
    ) -> Result<Self> {
        let planner = |(column, dir): (&'a Column<'a>, &'a PathBuf)| column.planner(dir, options);
        let planners = columns.iter().zip(dirs).map(planner).collect::<Result<_>>()?;
        Ok(Self { dir, options, columns, planners, expected })
    }

    fn added(&self) -> usize {
        self.columns.first().map_or(0, |column| column.len)
    }

    /// The planner of each field, in the order of the fields.
    fn pairs<'b>(&'b self, view: &'b View) -> Result<Vec<(&'b Field, &'b FieldPlanner<'a>)>> {
        check_same_fields(self.dir, &view.fields, self.columns)?;
        let find = |field: &'b Field| {
            let place = self.columns.iter().position(|column| column.spec.name == field.spec.name);
            place.map(|place| (field, &self.planners[place]))
        };
        Ok(view.fields.iter().filter_map(find).collect())
    }
}

impl Planner for Append<'_> {
    type View = View;

    fn read(&self) -> Result<View> {
        let view = View::open(self.dir, self.options, None)?;
        view.check_counts().map(|()| view)
    }

    fn plan<'a>(&'a self, view: &'a View) -> Result<Plan<'a>> {
        check_exclusive(self.dir, view.len, self.expected)?;
        if view.is_outdated() {
            return Err(Error::Argument { what: format!("{}: its fields have changed", self.dir.display()) });
        }
        if !view.exists() {
            return new_members(self.dir, self.columns).map(Plan::Create);
        }
        for column in self.columns {
            let field = view.field(&column.spec.name);
            if let Some(axes) = field.and_then(|field| field.spec.trailing_axes()) {
                column.check_axes(self.dir, view.len, axes)?;
            }
        }
        let (mut appends, mut new) = (Vec::new(), Vec::new());
        for (field, planner) in self.pairs(view)? {
            match planner.plan(self.dir, field)? {
                Plan::Append(members) => appends.extend(members.into_iter().map(|member| nested(field, member))),
                Plan::Restructure(members) => new.extend(members.into_iter().map(|member| nested_new(field, member))),
                Plan::Create(_) => return Err(in_f_order(self.dir, field)),
            }
        }
        if view.is_bare() {
            let specs = view.fields.iter().map(|field| field.spec.clone()).collect();
            new.push(root(self.dir, specs, view.len)?);
        }
        if !new.is_empty() {
            return Ok(Plan::Restructure(new));
        }
        let rows = Some([view.len as u64, (view.len + self.added()) as u64]);
        appends.push(MemberAppend { member: PathBuf::new(), rows, data: None });
        Ok(Plan::Append(appends))
    }

    fn grown(&self, view: &View, appends: &[MemberAppend]) -> Result<View> {
        let first = |append: &MemberAppend| append.member.components().next().map(|name| name.as_os_str().to_owned());
        let mut groups = appends.chunk_by(|one, other| first(one) == first(other));
        let grow = |(field, planner): (&Field, &FieldPlanner)| {
            let view = planner.grown(field, groups.next().unwrap_or_default())?;
            Ok(Field { spec: field.spec.clone(), view })
        };
        let fields = self.pairs(view)?.into_iter().map(grow).collect::<Result<_>>()?;
        Ok(view.grown(fields, self.added()))
    }
}

impl FieldPlanner<'_> {
    fn plan<'a>(&'a self, dir: &Path, field: &'a Field) -> Result<Plan<'a>> {
        match (self, &field.view) {
            (Self::Ragged(planner), FieldView::Ragged(view)) => planner.plan(view),
            (Self::Strings(planner), FieldView::Strings(view)) => planner.plan(view),
            (Self::Dense(planner), FieldView::Dense(view)) => planner.plan(view),
            _ => Err(other_kind(dir, &field.spec)),
        }
    }

    fn grown(&self, field: &Field, appends: &[MemberAppend]) -> Result<FieldView> {
        match (self, &field.view) {
            (Self::Ragged(planner), FieldView::Ragged(view)) => planner.grown(view, appends).map(FieldView::Ragged),
            (Self::Strings(planner), FieldView::Strings(view)) => planner.grown(view, appends).map(FieldView::Strings),
            (Self::Dense(planner), FieldView::Dense(view)) => planner.grown(view, appends).map(FieldView::Dense),
            _ => Err(other_kind(Path::new(""), &field.spec)),
        }
    }
}

/// All members of new records that hold these columns alone.
pub(super) fn new_members<'a>(dir: &Path, columns: &'a [Column<'a>]) -> Result<Vec<NewMember<'a>>> {
    let mut members = Vec::new();
    for column in columns {
        if let Some(axes) = column.spec.trailing_axes() {
            column.check_axes(dir, 0, axes)?;
        }
        let own = column.new_members(&dir.join(&column.spec.name))?;
        members.extend(
            own.into_iter().map(|member| NewMember { member: prefixed(&column.spec, &member.member), ..member }),
        );
    }
    let specs = columns.iter().map(|column| column.spec.clone()).collect();
    members.push(root(dir, specs, columns.first().map_or(0, |column| column.len))?);
    Ok(members)
}

/// The files beside the fields.
pub(super) fn root(dir: &Path, specs: Vec<FieldSpec>, rows: usize) -> Result<NewMember<'static>> {
    let list = FieldList::new(specs).map_err(|what| Error::Argument { what: format!("{}: {what}", dir.display()) })?;
    let texts = vec![
        (format::TYPE, Kind::Records.name().into()),
        (format::FIELDS, list.encode()),
        (format::SHAPE, encode_shape(&[rows as u64])),
    ];
    Ok(NewMember { member: PathBuf::new(), texts, data: NewData::Absent, is_counted: true })
}

fn nested<'a>(field: &Field, append: MemberAppend<'a>) -> MemberAppend<'a> {
    MemberAppend { member: prefixed(&field.spec, &append.member), ..append }
}

fn nested_new<'a>(field: &Field, new: NewMember<'a>) -> NewMember<'a> {
    NewMember { member: prefixed(&field.spec, &new.member), ..new }
}

/// The path of a field's member, relative to the records' directory.
pub(super) fn prefixed(spec: &FieldSpec, member: &Path) -> PathBuf {
    let name = Path::new(&spec.name);
    if member.as_os_str().is_empty() { name.to_owned() } else { name.join(member) }
}

/// Checks that a batch has a column for every field, of its kind, and no others.
fn check_same_fields(dir: &Path, fields: &[Field], columns: &[Column]) -> Result<()> {
    let dir = dir.display();
    if let Some(field) = fields.iter().find(|field| columns.iter().all(|column| column.spec.name != field.spec.name)) {
        return Err(Error::Argument { what: format!("{dir}: the field '{}' is missing", field.spec.name) });
    }
    if let Some(column) = columns.iter().find(|column| fields.iter().all(|field| column.spec.name != field.spec.name)) {
        return Err(Error::Argument { what: format!("{dir}: the records have no field '{}'", column.spec.name) });
    }
    Ok(())
}

fn other_kind(dir: &Path, spec: &FieldSpec) -> Error {
    let what =
        format!("{}: the field '{}' is of kind '{}'; its new samples are not", dir.display(), spec.name, spec.kind);
    Error::Argument { what }
}

fn in_f_order(dir: &Path, field: &Field) -> Error {
    let what = format!(
        "{}: the field '{}' is an array in F order, whose columns would all have to move; copy it in C order",
        dir.display(),
        field.spec.name
    );
    Error::Shape { what }
}
