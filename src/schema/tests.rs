//! The schema agrees with itself, and with what the stores write.

use std::collections::BTreeSet;
use std::fs;

use super::*;
use crate::format::ZSTD_LEVEL;
use crate::testing::folder;
use crate::testing::stores::{STORES, State};
use crate::{Durability, Result};

/// The schemas of all kinds.
fn schemas(names: &MemberNames) -> [Schema<'_>; 4] {
    let numpy = Schema { kind: Kind::Numpy, is_flat: true, names };
    [numpy, Schema::strings(names), Schema::ragged(names, true), Schema::ragged(names, false)]
}

fn custom_names() -> MemberNames {
    MemberNames { starts: "a".into(), ends: "b".into(), shapes: "c".into(), flattened_shapes: "d".into() }
}

/// Any possible header of a member.
fn header(schema: Schema, role: Role) -> Option<Header> {
    let any = Header { dtype: Dtype::of::<f32>(), shape: vec![5], order: Order::F };
    let is_column = role.is_column() || role == Role::Axes;
    schema.is_counted(role).then(|| if is_column { schema.column_header(role, 5) } else { any })
}

#[test]
fn members_are_those_of_the_format() {
    let (names, member) = (MemberNames::default(), |path, axes| (path, Kind::Numpy, None, axes));
    let data = |kind, flag, axes| ("", kind, flag, axes);
    let expected = [
        vec![data(Kind::Numpy, None, Axes::Any)],
        vec![data(Kind::String, None, Axes::One), member("ends", Axes::One), member("starts", Axes::One)],
        vec![
            data(Kind::Ragged, Some(true), Axes::One),
            member("flattened_shapes", Axes::One),
            member("shapes", Axes::Column),
            member("ends", Axes::One),
            member("starts", Axes::One),
        ],
        vec![
            data(Kind::Ragged, Some(false), Axes::One),
            member("flattened_shapes", Axes::One),
            ("shapes", Kind::Ragged, Some(true), Axes::One),
            member("shapes/flattened_shapes", Axes::One),
            member("shapes/shapes", Axes::Column),
            member("shapes/ends", Axes::One),
            member("shapes/starts", Axes::One),
            member("ends", Axes::One),
            member("starts", Axes::One),
        ],
    ];
    for (schema, expected) in schemas(&names).into_iter().zip(expected) {
        let found = schema.roles().iter().map(|&role| {
            let (kind, flag, axes) = (schema.member_kind(role), schema.flag(role), schema.axes(role));
            (schema.path(role), kind, flag, axes)
        });
        let expected = expected.into_iter().map(|(path, kind, flag, axes)| (PathBuf::from(path), kind, flag, axes));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

#[test]
fn the_commit_point_counts_samples_and_is_written_last() {
    let names = MemberNames::default();
    let commit_points = schemas(&names).map(|schema| {
        let role = *schema.roles().last().unwrap();
        assert_eq!((schema.rows(role), schema.is_counted(role)), (Rows::Samples, true));
        role
    });
    assert_eq!(commit_points, [Role::Data, Role::Starts, Role::Starts, Role::Starts]);
}

#[test]
fn a_member_is_written_before_the_one_that_counts_its_rows() {
    let names = MemberNames::default();
    for schema in schemas(&names) {
        let position = |role| schema.roles().iter().position(|other| *other == role).unwrap();
        for &role in schema.roles() {
            match schema.rows(role) {
                Rows::UpTo(ends) => assert!(position(role) < position(ends), "{role:?}"),
                Rows::Samples => assert!(role.is_column() || schema.kind == Kind::Numpy, "{role:?}"),
            }
        }
    }
}

#[test]
fn every_member_has_a_directory_of_its_own() {
    for names in [MemberNames::default(), custom_names()] {
        for schema in schemas(&names) {
            let paths: BTreeSet<_> = schema.roles().iter().map(|&role| schema.path(role)).collect();
            assert_eq!(paths.len(), schema.roles().len(), "{paths:?}");
            assert_eq!(schema.path(Role::Data), Path::new(""));
        }
    }
}

#[test]
fn the_texts_of_every_member_read_back() {
    let names = custom_names();
    for schema in schemas(&names) {
        for &role in schema.roles() {
            let (folder, header) = (folder(), header(schema, role));
            let texts = schema.texts(role, header.as_ref());
            for (name, text) in texts {
                fs::write(folder.path().join(name), text).unwrap();
            }
            assert_eq!(kind_of(folder.path()).unwrap(), Some(schema.member_kind(role)));
            assert_eq!(Header::read(folder.path()).ok(), header, "{role:?}");
            assert_eq!(read_is_flat(folder.path()).ok(), schema.flag(role), "{role:?}");
        }
    }
}

#[test]
fn the_files_of_a_member_are_its_data_and_its_texts() {
    let names = MemberNames::default();
    for schema in schemas(&names) {
        for &role in schema.roles() {
            // Old releases wrote no `type.ninja`, which need not be there.
            let files = schema.files(role).into_iter().map(|(name, _)| name).chain([format::TYPE]);
            let files: BTreeSet<_> = files.collect();
            let texts = schema.texts(role, header(schema, role).as_ref());
            let expected: BTreeSet<_> = texts.iter().map(|(name, _)| *name).chain([format::DATA]).collect();
            assert_eq!(files, expected, "{role:?}");
            assert!(files.iter().chain(schema.optional_files(role)).all(|name| is_own(schema, role, name.as_ref())));
        }
    }
}

/// All files below `dir`, relative to `root`.
fn files_below(root: &Path, dir: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(root, &path));
        } else {
            files.insert(path.strip_prefix(root).unwrap().to_owned());
        }
    }
    files
}

/// Checks that the dataset in `dir` has exactly the files of its schema.
fn check_files(dir: &Path, what: &str) {
    let names = MemberNames::default();
    let kind = kind_of(dir).unwrap().unwrap();
    let is_flat = kind != Kind::Ragged || read_is_flat(dir).unwrap();
    let schema = Schema { kind, is_flat, names: &names };
    let (mut required, mut optional) = (BTreeSet::new(), BTreeSet::new());
    for &role in schema.roles() {
        required.extend(schema.files(role).into_iter().map(|(name, _)| schema.path(role).join(name)));
        optional.extend(schema.optional_files(role).iter().map(|name| schema.path(role).join(name)));
    }
    let mut found = files_below(dir, dir);
    if kind == Kind::Records {
        for field in read_fields(dir).unwrap().fields {
            check_files(&dir.join(&field.name), if field.kind == Kind::String { "frames" } else { what });
            found.retain(|path| !path.starts_with(&field.name));
        }
    }
    assert!(required.is_subset(&found), "{what}: {found:?}");
    assert!(found.difference(&required).all(|file| optional.contains(file)), "{what}: {found:?}");
    assert_eq!(found.contains(Path::new(ZSTD_LEVEL)), what.starts_with("frames"), "{what}");
    assert_eq!(foreign_entries(dir).unwrap(), Vec::<std::ffi::OsString>::new(), "{what}");
    if kind != Kind::Records {
        check_sizes(dir, schema, what);
    }
}

/// Checks that every member has the rows and the bytes that the schema demands.
fn check_sizes(dir: &Path, schema: Schema, what: &str) {
    let rows = |role| read_shape(&dir.join(schema.path(role))).unwrap().first().copied().unwrap_or(1);
    let samples = rows(*schema.roles().last().unwrap());
    for &role in schema.roles().iter().filter(|&&role| schema.is_counted(role)) {
        let member = dir.join(schema.path(role));
        let header = Header::read(&member).unwrap();
        if role != Role::Data {
            assert_eq!(header, schema.column_header(role, header.rows()), "{what}: {role:?}");
        }
        if schema.rows(role) == Rows::Samples {
            assert_eq!(header.rows(), samples, "{what}: {role:?}");
        }
        let size = fs::metadata(member.join(format::DATA)).unwrap().len();
        assert_eq!(size, placeholder::size_on_disk(header.bytes().unwrap(), true), "{what}: {role:?}");
    }
}

#[test]
fn every_store_writes_exactly_the_files_of_its_schema() {
    for store in STORES {
        let folder = folder();
        let path = folder.path().join("map");
        let read = || -> Result<State> { (store.read)(&path) };
        (store.create)(&path, Durability::Process, store.old).unwrap();
        assert_eq!(read().unwrap().len(), store.old.len() + store.extra);
        check_files(&path, store.name);
        (store.append)(&path, Durability::Process, store.new).unwrap();
        check_files(&path, store.name);
    }
}
