//! The counts and sizes of all members, and whether they fit each other: what can be told without reading samples.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::report::Finding;
use crate::commit::{check_intent, has_intent};
use crate::dense::{read_dtype, read_order, read_shape};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::format::{self, Kind, Order, is_possible};
use crate::layout::Layout;
use crate::storage::{
    Identity, check_directory, kind_of, no_data_set, open_member, read_at, read_text, size_of_member,
};

/// Looks at a state that a writer may be changing this often before calling it damaged.
const LOOKS: u32 = 5;

/// What a member is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The elements, or the bytes of strings.
    Data,
    /// First element of each sample, and one past the last.
    Starts,
    Ends,
    /// Elements of each sample.
    Elements,
    /// The one axis of each sample, where all are 0-D or 1-D.
    Shapes,
    /// Nested shapes: the axes of all samples; where those of each sample start and end, and how many they are, twice.
    Axes,
    AxesStarts,
    AxesEnds,
    Ranks,
    RankShapes,
}

impl Role {
    /// The members of a data set, the commit point last.
    const fn all(kind: Kind, is_flat: bool) -> &'static [Self] {
        use Role::{Axes, AxesEnds, AxesStarts, Data, Elements, Ends, RankShapes, Ranks, Shapes, Starts};
        match (kind, is_flat) {
            (Kind::Numpy, _) => &[Data],
            (Kind::String, _) => &[Data, Ends, Starts],
            (Kind::Ragged, true) => &[Data, Elements, Shapes, Ends, Starts],
            (Kind::Ragged, false) => &[Data, Elements, Axes, Ranks, RankShapes, AxesEnds, AxesStarts, Ends, Starts],
        }
    }

    /// The member's directory, relative to the data set's.
    fn path(self, layout: &Layout) -> PathBuf {
        let inner = Layout::default();
        let nested = |key: &str| Path::new(&layout.shapes).join(key);
        match self {
            Self::Data => PathBuf::new(),
            Self::Starts => layout.starts.clone().into(),
            Self::Ends => layout.ends.clone().into(),
            Self::Elements => layout.flattened_shapes.clone().into(),
            Self::Shapes | Self::Axes => layout.shapes.clone().into(),
            Self::AxesStarts => nested(&inner.starts),
            Self::AxesEnds => nested(&inner.ends),
            Self::Ranks => nested(&inner.flattened_shapes),
            Self::RankShapes => nested(&inner.shapes),
        }
    }

    /// Whether it has one row a sample.
    pub const fn is_column(self) -> bool {
        !matches!(self, Self::Data | Self::Axes)
    }

    /// The member whose last value says how many rows this one has.
    const fn measure(self) -> Self {
        if matches!(self, Self::Axes) { Self::AxesEnds } else { Self::Ends }
    }

    /// The text of its `type.ninja`.
    const fn kind(self, whole: Kind) -> Kind {
        match self {
            Self::Data => whole,
            Self::Axes => Kind::Ragged,
            _ => Kind::Numpy,
        }
    }
}

/// What is there of one member. What could not be read is `None`, and a finding.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub role: Role,
    /// Its directory, relative to the data set's.
    pub path: PathBuf,
    /// `None` for the bytes of strings, too.
    pub shape: Option<Vec<u64>>,
    pub dtype: Option<Dtype>,
    pub order: Option<Order>,
    /// Bytes of `data.ninja`.
    pub size: Option<u64>,
    /// Bytes of one row.
    pub row_size: Option<u64>,
    /// Rows that are committed.
    pub rows: u64,
}

impl Member {
    /// A file of it, relative to the data set's directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Rows that its `shape.ninja` counts.
    pub fn counted(&self) -> Option<u64> {
        self.shape.as_ref()?.first().copied()
    }

    /// Committed bytes.
    pub fn needed(&self) -> u64 {
        self.rows.saturating_mul(self.row_size.unwrap_or(0))
    }

    /// Whole rows that `data.ninja` holds; as many as are committed where they take no space.
    pub fn stored(&self) -> u64 {
        let Some(row_size) = self.row_size else { return 0 };
        self.size.unwrap_or(0).checked_div(row_size).unwrap_or(self.rows)
    }

    /// Committed rows that `data.ninja` holds.
    pub fn present(&self) -> u64 {
        self.stored().min(self.rows)
    }
}

/// What a data set claims to be.
#[derive(Debug)]
pub(super) struct Survey {
    pub kind: Kind,
    /// Committed samples.
    pub samples: u64,
    /// The commit point last.
    pub members: Vec<Member>,
    /// Contradictions.
    pub findings: Vec<Finding>,
    /// Which directory this is about.
    pub identity: Option<Identity>,
    /// Whether an append is under way or was cut off.
    pub is_unfinished: bool,
}

impl Survey {
    pub fn member(&self, role: Role) -> Option<&Member> {
        self.members.iter().find(|member| member.role == role)
    }
}

/// Looks at all members of the data set in `dir`. Contradictions are looked at again, since a writer may be at work: they
/// are damage where they stay the same.
pub(super) fn survey(dir: &Path, layout: &Layout, kind: Kind) -> Survey {
    let mut seen = Look { dir, layout, kind }.survey();
    for look in 0..LOOKS {
        if seen.findings.is_empty() {
            break;
        }
        sleep(Duration::from_millis(1 << look));
        let last = std::mem::replace(&mut seen, Look { dir, layout, kind }.survey());
        if (seen.samples, &seen.findings) == (last.samples, &last.findings) {
            break;
        }
    }
    seen
}

/// One look.
struct Look<'a> {
    dir: &'a Path,
    layout: &'a Layout,
    kind: Kind,
}

impl Look<'_> {
    /// The commit point is read first: whatever is read later counts at least as many. Where it has moved on
    /// meanwhile, or an intent lies there, a surplus is a writer's.
    fn survey(&self) -> Survey {
        let identity = Identity::of(self.dir);
        let mut findings = Vec::new();
        let had_intent = has_intent(self.dir);
        let is_flat = self.is_flat(&mut findings);
        let roles = Role::all(self.kind, is_flat).iter().rev();
        let mut members: Vec<Member> = roles.map(|&role| self.member(role, &mut findings)).collect();
        let commit_point = self.dir.join(&members[0].path);
        let is_unfinished = had_intent || has_intent(self.dir);
        let has_moved = read_shape(&commit_point).ok().as_ref() != members[0].shape.as_ref();
        let at_rest = !is_unfinished && !has_moved;
        let counted = members[0].counted().unwrap_or_else(|| u64::from(members[0].shape.is_some()));
        let samples = agreed(&members).filter(|_| at_rest).unwrap_or(counted);
        for place in 0..members.len() {
            members[place].rows = self.committed(&members, place, samples, &mut findings);
        }
        for member in &members {
            self.judge(member, at_rest, &mut findings);
        }
        if let Err(error) = check_intent(self.dir) {
            findings.push(Finding::from_error(self.dir, error));
        }
        members.reverse();
        Survey { kind: self.kind, samples, members, findings, identity, is_unfinished }
    }

    fn is_flat(&self, findings: &mut Vec<Finding>) -> bool {
        if self.kind != Kind::Ragged {
            return true;
        }
        let path = self.dir.join(format::SHAPES_ARE_FLAT);
        let flag = read_text(&path)
            .and_then(|text| format::parse_flag(&text).ok_or_else(|| Error::corrupt(path, "neither 0 nor 1")));
        self.keep(flag, findings).unwrap_or_else(|| {
            self.dir.join(&self.layout.shapes).join(format::SHAPES_ARE_FLAT).symlink_metadata().is_err()
        })
    }

    fn keep<T>(&self, read: Result<T>, findings: &mut Vec<Finding>) -> Option<T> {
        read.map_err(|error| findings.push(Finding::from_error(self.dir, error))).ok()
    }

    fn member(&self, role: Role, findings: &mut Vec<Finding>) -> Member {
        let path = role.path(self.layout);
        let dir = self.dir.join(&path);
        let mut member =
            Member { role, path, shape: None, dtype: None, order: None, size: None, row_size: None, rows: 0 };
        if role != Role::Data && self.keep(check_directory(&dir), findings).is_none() {
            return member;
        }
        if self.kind == Kind::String && role == Role::Data {
            member.row_size = Some(1);
        } else {
            member.shape = self.keep(read_shape(&dir), findings);
            member.dtype = self.keep(read_dtype(&dir), findings);
            member.order = self.keep(read_order(&dir), findings);
            self.measure(&mut member, findings);
        }
        member.size = self.keep(size_of_member(&dir.join(format::DATA)), findings);
        if role != Role::Data {
            self.check_kind(&member, findings);
        }
        member
    }

    /// The dtype and the axes that the role asks for, and what they make of a row.
    fn measure(&self, member: &mut Member, findings: &mut Vec<Finding>) {
        let (Some(shape), Some(dtype)) = (&member.shape, &member.dtype) else { return };
        let is_offset = member.role != Role::Data;
        if is_offset && !dtype.is::<i64>() {
            let what = format!("offsets are int64, not {}", dtype.text());
            findings.push(Finding::of(member.file(format::DTYPE), what));
            return;
        }
        let axes = shape.get(1..).unwrap_or_default();
        let is_wide = matches!(member.role, Role::Shapes | Role::RankShapes);
        let is_fitting = match member.role {
            Role::Data if self.kind == Kind::Numpy => true,
            _ if is_wide => shape.len() == 2 && axes == [1],
            _ => shape.len() == 1,
        };
        if !is_fitting {
            let wanted = if is_wide { "(samples, 1)" } else { "one axis" };
            let what = format!("the shape is {shape:?}, {wanted} is expected");
            findings.push(Finding::of(member.file(format::SHAPE), what));
            return;
        }
        // Of the others, the count is compared with those of the other members.
        if self.kind == Kind::Numpy && !is_possible(shape.iter().copied(), dtype.item_size() as u64) {
            findings.push(Finding::of(member.file(format::SHAPE), format!("no array has the shape {shape:?}")));
        }
        let axes = format::element_count(axes).unwrap_or(0);
        member.row_size = Some(axes.saturating_mul(dtype.item_size() as u64));
    }

    fn check_kind(&self, member: &Member, findings: &mut Vec<Finding>) {
        let path = member.file(format::TYPE);
        let expected = member.role.kind(self.kind);
        match read_text(&self.dir.join(&path)) {
            Ok(text) if Kind::parse(&text) == Some(expected) => {}
            Ok(_) => findings.push(Finding::of(path, format!("this is not '{expected}'"))),
            Err(error) => findings.push(Finding::from_error(self.dir, error)),
        }
        if member.role == Role::Axes {
            let path = member.file(format::SHAPES_ARE_FLAT);
            match read_text(&self.dir.join(&path)) {
                Ok(text) if format::parse_flag(&text) == Some(true) => {}
                Ok(_) => findings.push(Finding::of(path, "this is not 1, which it is for the shapes of N-D samples")),
                Err(error) => findings.push(Finding::from_error(self.dir, error)),
            }
        }
    }

    /// The rows of a member that are committed: as many as samples, or up to where the last sample ends.
    fn committed(&self, members: &[Member], place: usize, samples: u64, findings: &mut Vec<Finding>) -> u64 {
        let member = &members[place];
        if member.role.is_column() || self.kind == Kind::Numpy {
            return samples;
        }
        let role = member.role.measure();
        let Some(ends) = members.iter().find(|other| other.role == role) else { return 0 };
        // Fewer ends than samples are a finding of their own.
        let present = ends.present();
        let Some(last) = present.checked_sub(1) else { return 0 };
        let path = self.dir.join(ends.file(format::DATA));
        let end = open_member(&path, false).and_then(|file| read_end(&file, &path, last * 8));
        let Some(end) = self.keep(end, findings) else { return 0 };
        u64::try_from(end).unwrap_or_else(|_| {
            let what = format!("the end is negative: {end}");
            let finding = Finding::of(ends.file(format::DATA), what).at(last * 8);
            findings.push(finding.touching(Some(last..present)));
            0
        })
    }

    /// Count and size are those of the committed rows; where a writer is at work, at least those.
    fn judge(&self, member: &Member, at_rest: bool, findings: &mut Vec<Finding>) {
        let rows = member.rows;
        if let Some(counted) = member.counted().filter(|&counted| counted < rows || (at_rest && counted != rows)) {
            let what = format!("the count is {counted}, {rows} is expected");
            findings.push(Finding::of(member.file(format::SHAPE), what));
        }
        let (Some(size), Some(_)) = (member.size, member.row_size) else { return };
        let needed = member.needed();
        let is_padding = needed == 0 && size == 1;
        if size < needed || (at_rest && size > needed && !is_padding) {
            let what = format!("the file has {size} bytes, its shape and dtype ask for {needed}");
            let lost = member.role.is_column() || self.kind == Kind::Numpy;
            let samples = (lost && size < needed).then(|| member.present()..rows);
            findings.push(Finding::of(member.file(format::DATA), what).at(size.min(needed)).touching(samples));
        }
        if size == 0 && needed == 0 && member.dtype.is_some() {
            findings.push(Finding::of(member.file(format::DATA), "the byte that stands for none is missing"));
        }
        if is_padding && member.dtype.is_some() && self.is_set(member) {
            let what = "the byte that stands for none is not zero";
            findings.push(Finding::of(member.file(format::DATA), what).at(0));
        }
    }

    fn is_set(&self, member: &Member) -> bool {
        let mut byte = [0];
        let file = open_member(&self.dir.join(member.file(format::DATA)), false);
        // A member that has grown meanwhile holds a value there.
        file.is_ok_and(|file| {
            read_at(&file, 0, &mut byte).is_ok() && byte != [0] && file.metadata().is_ok_and(|found| found.len() == 1)
        })
    }
}

/// The count that all columns but the commit point state, where all have exactly as many rows: should the commit point
/// state another, it is the one that is wrong.
fn agreed(members: &[Member]) -> Option<u64> {
    let mut columns = members.iter().filter(|member| member.role.is_column());
    let commit_point = columns.next().filter(|first| first.role == Role::Starts)?;
    let count = members.iter().find(|member| member.role == Role::Ends)?.counted()?;
    let has = |member: &Member| member.stored() == count || (count == 0 && member.size == Some(1));
    let agrees = |member: &Member| member.counted() == Some(count) && has(member);
    (has(commit_point) && columns.all(agrees)).then_some(count)
}

fn read_end(file: &std::fs::File, path: &Path, offset: u64) -> Result<i64> {
    let mut bytes = [0; 8];
    read_at(file, offset, &mut bytes).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    Ok(i64::from_le_bytes(bytes))
}

/// What the directory holds. What `type.ninja` should say but does not is a finding.
///
/// # Errors
/// [`Error::Io`] where there is no directory, or nothing of a data set in it.
pub(super) fn kind(dir: &Path) -> Result<std::result::Result<Kind, Finding>> {
    match kind_of(dir) {
        Ok(Some(kind)) => Ok(Ok(kind)),
        Ok(None) => Err(no_data_set(dir)),
        Err(error) if dir.is_dir() => Ok(Err(Finding::from_error(dir, error))),
        Err(error) => Err(error),
    }
}
