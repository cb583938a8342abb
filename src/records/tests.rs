//! Records whose fields are added, removed, appended to by others, or torn.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::options::Options;
use crate::stream::Writer;
use crate::testing::folder;
use crate::testing::stores::Store;
use crate::txn::testing::fault::{Fault, count_operations, inject};
use crate::{Dense, Dtype, Durability, Error, FieldBatch, Kind, Mode, Ragged, Records, Result, Sample, Strings};
use crate::{repair, verify, write_checksums};

const EIO: i32 = 5;
const FAULTS: [Fault; 4] = [Fault::Kill, Fault::Torn, Fault::Error(EIO), Fault::Short];

/// Records of seven samples in `<folder>/train`.
fn create() -> (TempDir, std::path::PathBuf) {
    let folder = folder();
    let path = folder.path().join("train");
    (Store::named("records").create)(&path, Durability::Process, &[1, 2, 3, 4, 5, 6, 7]).unwrap();
    (folder, path)
}

fn open(path: &Path) -> Records {
    Records::open(path, Mode::ReadOnly).unwrap()
}

fn names(path: &Path) -> Vec<String> {
    open(path).fields().map(|(name, _)| name.to_owned()).collect()
}

fn append_one(path: &Path) -> Result<()> {
    (Store::named("records").append)(path, Durability::Process, &[9])
}

fn add_scores(path: &Path) -> Result<()> {
    let build = open(path).add_field("score", false)?;
    let samples: Vec<_> = (0..7_u8).map(|score| [score]).collect();
    let samples: Vec<_> = samples.iter().map(|score| Sample::new(score, &[1])).collect();
    Ragged::open(build.partial(), Mode::ReadOnly)?.append(&Dtype::of::<u8>(), &samples)?;
    build.finish()
}

/// The visible entries of the directory that are neither fields nor files of the records.
fn strays(path: &Path) -> Vec<String> {
    let known = ["type.ninja", "fields.json", "shape.ninja", "tokens", "caption", "vector", "score"];
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter(|name| !name.starts_with('.') && !known.contains(&name.as_str())).collect()
}

#[test]
fn a_fault_while_a_field_is_added_leaves_the_records_with_or_without_it() {
    let operations = {
        let (_folder, path) = create();
        count_operations(|| add_scores(&path).unwrap())
    };
    for fault in FAULTS {
        for n in 0..operations {
            let (_folder, path) = create();
            let before = (Store::named("records").read)(&path).unwrap();
            let (added, _) = inject(n, fault, || add_scores(&path));
            let point = format!("{fault:?} at operation {n} of {operations}");
            let is_there = names(&path).contains(&"score".to_owned());
            assert!(added.is_err() || is_there, "{point}");
            assert_eq!((Store::named("records").read)(&path).unwrap(), before, "{point}");
            if !is_there {
                add_scores(&path).unwrap_or_else(|error| panic!("{point}: again: {error}"));
            }
            assert_eq!(open(&path).ragged("score").unwrap().values::<u8>(6).unwrap(), [6], "{point}");
            assert_eq!(strays(&path), Vec::<String>::new(), "{point}");
            assert!(verify(&path).unwrap().is_ok(), "{point}");
        }
    }
}

#[test]
fn a_fault_while_a_field_is_removed_leaves_the_records_with_or_without_it() {
    let operations = {
        let (_folder, path) = create();
        count_operations(|| open(&path).remove_field("vector").unwrap())
    };
    for fault in FAULTS {
        for n in 0..operations {
            let (_folder, path) = create();
            let (_, _) = inject(n, fault, || open(&path).remove_field("vector"));
            let point = format!("{fault:?} at operation {n} of {operations}");
            if names(&path).contains(&"vector".to_owned()) {
                open(&path).remove_field("vector").unwrap_or_else(|error| panic!("{point}: again: {error}"));
            }
            assert_eq!(names(&path), ["tokens", "caption"], "{point}");
            // Whatever is left of the field makes room for one of the same name.
            let build = open(&path).add_field("vector", false).unwrap_or_else(|error| panic!("{point}: {error}"));
            Strings::create(build.partial(), None, &["x"; 7]).unwrap();
            build.finish().unwrap();
            assert_eq!(open(&path).strings("vector").unwrap().len(), 7, "{point}");
        }
    }
}

#[test]
fn a_writer_that_has_kept_its_files_open_notices_a_new_field() {
    let (_folder, path) = create();
    let mut kept = open(&path);
    let label = FieldBatch::dense("vector", &Dtype::of::<u16>(), &[1, 8], &[1_u16; 8]);
    let caption = FieldBatch::strings("caption", &["text"]);
    let tokens = [Sample::new(&[1_u16], &[1])];
    let batch = [FieldBatch::ragged("tokens", &Dtype::of::<u16>(), &tokens), caption, label];
    kept.append(&batch[..]).unwrap();
    kept.append(&batch[..]).unwrap();
    let build = open(&path).add_field("score", false).unwrap();
    Strings::create(build.partial(), None, &["x"; 9]).unwrap();
    build.finish().unwrap();
    assert!(matches!(kept.append(&batch[..]), Err(Error::Argument { .. })), "the new field is missing");
    assert_eq!(open(&path).len(), 9);
}

#[test]
fn a_field_of_another_length_is_not_added() {
    let (_folder, path) = create();
    let build = open(&path).add_field("score", false).unwrap();
    Strings::create(build.partial(), None, &["x"; 6]).unwrap();
    assert!(matches!(build.finish(), Err(Error::Argument { .. })));
    assert_eq!(names(&path), ["tokens", "caption", "vector"]);
    let build = open(&path).add_field("score", true).unwrap();
    Strings::open(build.partial(), Mode::ReadOnly).unwrap().append(&["y"]).unwrap();
    build.finish().unwrap();
    assert_eq!(open(&path).strings("score").unwrap().get(6).unwrap(), "y");
}

#[test]
fn a_field_does_not_grow_by_itself() {
    let (_folder, path) = create();
    let field = path.join("tokens");
    let mut tokens = Ragged::open(&field, Mode::ReadOnly).unwrap();
    let sample = [Sample::new(&[1_u16], &[1])];
    assert!(matches!(tokens.append(&Dtype::of::<u16>(), &sample), Err(Error::Argument { .. })));
    assert!(matches!(Ragged::create(&field, &Dtype::of::<u16>(), &sample), Err(Error::Argument { .. })));
    assert!(matches!(crate::BuildSession::begin(&field, false), Err(Error::Argument { .. })));
    assert!(matches!(repair(&field, true), Err(Error::Argument { .. })));
    assert_eq!(tokens.len(), 7);
}

/// Adds a sample to the field `tokens` as a program would that knows nothing of records.
fn add_alone(path: &Path) {
    let (list, hidden) = (path.join("fields.json"), path.join("hidden"));
    fs::rename(&list, &hidden).unwrap();
    let mut tokens = Ragged::open(path.join("tokens"), Mode::ReadOnly).unwrap();
    tokens.append(&Dtype::of::<u16>(), &[Sample::new(&[1_u16], &[1])]).unwrap();
    fs::rename(&hidden, &list).unwrap();
}

#[test]
fn samples_that_others_add_to_a_field_alone_are_ignored_reported_and_kept_until_a_repair() {
    let (_folder, path) = create();
    let before = (Store::named("records").read)(&path).unwrap();
    add_alone(&path);
    assert_eq!((Store::named("records").read)(&path).unwrap(), before);
    assert_eq!(Ragged::open(path.join("tokens"), Mode::ReadOnly).unwrap().len(), 7, "the field by itself");
    let report = verify(&path).unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert!(report.findings[0].message.contains("8 samples, the records are 7"), "{report}");
    assert!(matches!(append_one(&path), Err(Error::Argument { .. })));
    let planned = repair(&path, false).unwrap();
    assert!(!planned.actions.is_empty() && verify(&path).unwrap() == report, "{planned}");
    let done = repair(&path, true).unwrap();
    assert!(done.problems.is_empty(), "{done}");
    assert!(verify(&path).unwrap().is_ok());
    append_one(&path).unwrap();
    assert_eq!((Store::named("records").read)(&path).unwrap()[..7], before);
}

#[test]
fn records_of_which_a_field_is_torn_are_cut_to_the_longest_common_length() {
    for (field, cut) in [("tokens", 9), ("caption", 1), ("vector", 20)] {
        let (_folder, path) = create();
        let before = (Store::named("records").read)(&path).unwrap();
        let data = path.join(field).join("data.ninja");
        let size = fs::metadata(&data).unwrap().len();
        fs::OpenOptions::new().write(true).open(&data).unwrap().set_len(size - cut).unwrap();
        assert!(matches!(Records::open(&path, Mode::ReadOnly), Err(Error::Corrupt { .. })), "{field}");
        assert!(!verify(&path).unwrap().is_ok(), "{field}");
        let done = repair(&path, true).unwrap();
        assert!(done.problems.is_empty(), "{field}: {done}");
        let after = (Store::named("records").read)(&path).unwrap();
        assert!(after.len() < 7 && after.len() > 3 && before[..after.len()] == after, "{field}: {}", after.len());
        append_one(&path).unwrap();
        assert!(verify(&path).unwrap().is_ok(), "{field}");
    }
}

#[test]
fn checksums_cover_every_field() {
    let (_folder, path) = create();
    write_checksums(&path).unwrap();
    append_one(&path).unwrap();
    assert!(verify(&path).unwrap().is_ok());
    for field in ["tokens", "caption", "vector"] {
        let data = path.join(field).join("data.ninja");
        let sound = fs::read(&data).unwrap();
        let mut damaged = sound.clone();
        damaged[3] ^= 1;
        fs::write(&data, damaged).unwrap();
        let report = verify(&path).unwrap();
        assert!(report.findings.iter().any(|finding| finding.file.starts_with(field)), "{field}: {report}");
        fs::write(&data, sound).unwrap();
    }
}

#[test]
fn a_directory_of_fields_without_a_list_opens_and_gets_one_with_the_first_append() {
    let folder = folder();
    let path = folder.path().join("frame");
    Strings::create(path.join("name"), None, &["a", "b"]).unwrap();
    Dense::create(path.join("label"), &Dtype::of::<u8>(), &[2], crate::Order::C, &[7, 8]).unwrap();
    let mut records = open(&path);
    assert_eq!(records.fields().collect::<Vec<_>>(), [("label", Kind::Numpy), ("name", Kind::String)]);
    let label = FieldBatch::dense("label", &Dtype::of::<u8>(), &[1], &[9_u8]);
    records.append(&[FieldBatch::strings("name", &["c"]), label]).unwrap();
    assert_eq!(records.strings("name").unwrap().get(2).unwrap(), "c");
    assert!(path.join("fields.json").exists());
    assert_eq!(open(&path).len(), 3);
}

#[test]
fn fields_of_different_lengths_are_damage_that_lists_them() {
    let folder = folder();
    let path = folder.path().join("frame");
    Strings::create(path.join("name"), None, &["a", "b"]).unwrap();
    Strings::create(path.join("text"), None, &["a"]).unwrap();
    let error = Records::open(&path, Mode::ReadOnly).unwrap_err().to_string();
    assert!(error.contains("name has 2, text has 1"), "{error}");
    let done = repair(&path, true).unwrap();
    assert!(done.problems.is_empty(), "{done}");
    assert_eq!(open(&path).len(), 1);
}

#[test]
fn batches_that_do_not_fit_the_records_change_nothing() {
    let (_folder, path) = create();
    let before = (Store::named("records").read)(&path).unwrap();
    let (uint16, uint8) = (Dtype::of::<u16>(), Dtype::of::<u8>());
    let tokens = [Sample::new(&[1_u16], &[1])];
    let bytes = [Sample::new(&[1_u8], &[1])];
    let good = || {
        vec![
            FieldBatch::ragged("tokens", &uint16, &tokens),
            FieldBatch::strings("caption", &["x"]),
            FieldBatch::dense("vector", &uint16, &[1, 8], &[1_u16; 8]),
        ]
    };
    let replaced = |place: usize, batch| {
        let mut batches = good();
        batches[place] = batch;
        batches
    };
    let surplus = good().into_iter().chain([FieldBatch::strings("more", &["x"])]).collect();
    for batch in [
        good()[..2].to_vec(),
        surplus,
        replaced(0, FieldBatch::ragged("tokens", &uint8, &bytes)),
        replaced(0, FieldBatch::strings("tokens", &["x"])),
        replaced(1, FieldBatch::strings("caption", &["x", "y"])),
        replaced(2, FieldBatch::dense("vector", &uint16, &[1, 7], &[1_u16; 7])),
        vec![],
    ] {
        assert!(open(&path).append(&batch).is_err(), "{batch:?}");
        assert_eq!((Store::named("records").read)(&path).unwrap(), before);
    }
    open(&path).append(&good()).unwrap();
    assert_eq!(open(&path).len(), 8);
}

#[test]
fn samples_of_a_field_with_fixed_axes_have_them() {
    let folder = folder();
    let path = folder.path().join("boxes");
    let float32 = Dtype::of::<f32>();
    let boxes = [Sample::new(&[0_f32; 8], &[2, 4]), Sample { bytes: &[], shape: &[0, 4] }];
    Records::create(&path, &[FieldBatch::ragged("boxes", &float32, &boxes).trailing_axes(&[4])]).unwrap();
    let flat = [Sample::new(&[0_f32; 4], &[4])];
    let refused = open(&path).append(&[FieldBatch::ragged("boxes", &float32, &flat)]);
    assert!(matches!(refused, Err(Error::Shape { .. })), "{refused:?}");
    assert_eq!(open(&path).len(), 2);
}

/// One record for each offset but the last, of which the texts and the tokens lie one after another.
fn gathered<'a>(
    tokens: &'a [u8],
    offsets: &'a [i64],
    shapes: Option<&'a [i64]>,
    names: &'a str,
) -> [FieldBatch<'a>; 2] {
    let tokens = FieldBatch::ragged_gathered("tokens", &Dtype::of::<u8>(), tokens, offsets, shapes);
    [tokens, FieldBatch::strings_gathered("name", names.as_bytes(), offsets)]
}

#[test]
fn fields_with_offsets_hold_what_lies_between_them() {
    let folder = folder();
    let (created, streamed) = (folder.path().join("created"), folder.path().join("streamed"));
    // The first two bytes and the last one belong to no record.
    let flat = gathered(&[0, 0, 1, 2, 3, 9], &[2, 4, 4, 5], None, "..abc.");
    let nested = gathered(&[4, 5], &[0, 2], Some(&[2, 1]), "de");
    Records::create(&created, &flat).unwrap();
    open(&created).append(&nested).unwrap();
    let mut writer = Writer::records(&streamed, &Options::default(), &flat).unwrap();
    writer.push(&flat).unwrap();
    writer.push(&nested).unwrap();
    assert_eq!(writer.finish().unwrap(), 4);
    for path in [created, streamed] {
        let (records, report) = (open(&path), verify(&path).unwrap());
        assert!(report.is_ok());
        let (tokens, names) = (records.ragged("tokens").unwrap(), records.strings("name").unwrap());
        assert_eq!(tokens.gather(&[0, 1, 2, 3]).unwrap().bytes, [1, 2, 3, 4, 5]);
        assert_eq!(tokens.get(3).unwrap().shape, [2, 1]);
        let found: Vec<_> = (0..4).map(|index| names.get(index).unwrap().into_owned()).collect();
        assert_eq!(found, ["ab", "", "c", "de"]);
    }
}

#[test]
fn fields_with_offsets_outside_of_their_values_are_refused() {
    let folder = folder();
    let path = folder.path().join("train");
    let refused = |fields: &[FieldBatch]| {
        let mut writer = Writer::records(folder.path().join("streamed"), &Options::default(), fields).unwrap();
        assert!(writer.push(fields).is_err());
        Records::create(&path, fields).unwrap_err().to_string()
    };
    assert!(refused(&gathered(&[1], &[0, 2], None, "ab")).contains("tokens: the last sample ends at offset 2"));
    assert!(refused(&gathered(&[1, 2], &[0, 2], None, "a")).contains("name: the last sample ends at offset 2"));
    assert!(refused(&gathered(&[1, 2], &[0, 2], Some(&[3]), "ab")).contains("tokens: sample 0"));
    assert!(refused(&gathered(&[1, 2], &[0, 1, 2], Some(&[1]), "ab")).contains("1 entries are not the shapes of 2"));
    assert!(refused(&gathered(&[1, 2], &[0, 1, 2], None, "é")).contains("name: string 0 is not UTF-8"));
    assert!(refused(&gathered(&[], &[], None, "")).contains("there are no offsets"));
    assert!(!path.exists());
}
