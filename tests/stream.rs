//! Samples that come one after another end as if they had been stored at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mmap_ninja::stream::{Writer, check_exclusive};
use mmap_ninja::{BuildSession, Compression, Dense, Dtype, Element, Error, MemberNames, Options, Order};
use mmap_ninja::{Ragged, Result, Sample, Strings};

const PLAIN: Option<Compression> = None;
const PACKED: Option<Compression> = Some(Compression { level: 3, dict_size: None });
const TRAINED: Option<Compression> = Some(Compression { level: 3, dict_size: Some(512) });

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("building.ninja") {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found.into_iter().map(|(path, bytes)| (path.strip_prefix(dir).unwrap_or(&path).to_owned(), bytes)).collect()
}

fn assert_same(one: &Path, other: &Path) {
    assert_eq!(files(one), files(other));
}

fn int32() -> Dtype {
    Dtype::of::<i32>()
}

fn push_arrays(dir: &Path, count: i32) -> Result<usize> {
    let mut writer = Writer::ragged(dir, &Options::default(), &int32())?.batch_size(3);
    for number in 0..count {
        writer.push(Sample::new(&[number, number], &[1, 2]))?;
    }
    writer.finish()
}

fn text(number: usize) -> String {
    format!("text number {number} of those that are alike")
}

#[test]
fn samples_of_any_shape_are_stored_as_if_at_once() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (streamed, whole) = (dir.path().join("streamed"), dir.path().join("whole"));
    let build = BuildSession::begin(&streamed, false)?;
    assert_eq!(push_arrays(build.partial(), 10)?, 10);
    assert!(!streamed.exists());
    build.finish()?;
    let values: Vec<[i32; 2]> = (0..10).map(|number| [number, number]).collect();
    let samples: Vec<Sample> = values.iter().map(|values| Sample::new(values, &[1, 2])).collect();
    Ragged::create(&whole, &int32(), &samples)?;
    assert_same(&streamed, &whole);
    Ok(())
}

#[test]
fn texts_are_stored_as_if_at_once_and_a_dictionary_is_trained_on_the_first_batch() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..300).map(text).collect();
    for (name, compression) in [("plain", PLAIN), ("packed", PACKED), ("trained", TRAINED)] {
        let (streamed, whole) = (dir.path().join(name), dir.path().join(format!("{name} whole")));
        let mut writer = Writer::strings(&streamed, &Options::default(), compression)?.batch_size(200);
        texts.iter().try_for_each(|text| writer.push(text))?;
        assert_eq!(writer.finish()?, 300);
        Strings::create(&whole, compression, &texts[..200])?;
        Strings::open(&whole, mmap_ninja::Mode::ReadOnly)?.append(&texts[200..])?;
        assert_same(&streamed, &whole);
    }
    Ok(())
}

#[test]
fn rows_are_stored_as_if_at_once_and_go_on_after_those_that_are_there() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (streamed, whole) = (dir.path().join("streamed"), dir.path().join("whole"));
    let numbers: Vec<i32> = (0..20).collect();
    for half in numbers.chunks(10) {
        let mut writer = Writer::dense(&streamed, &Options::default(), &int32(), &[2])?.batch_size(2);
        half.chunks(2).try_for_each(|row| writer.push(Element::bytes(row)))?;
        writer.finish()?;
    }
    Dense::create(&whole, &int32(), &[10, 2], Order::C, Element::bytes(&numbers))?;
    assert_same(&streamed, &whole);
    Ok(())
}

#[test]
fn a_sample_whose_bytes_do_not_fit_its_shape_is_refused_by_its_index() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut samples = Writer::ragged(dir.path().join("samples"), &Options::default(), &int32())?;
    samples.push(Sample::new(&[1], &[1]))?;
    let error = samples.push(Sample::new(&[1], &[2])).unwrap_err();
    assert!(matches!(&error, Error::Shape { what } if what.contains("sample 1")), "{error}");
    let mut rows = Writer::dense(dir.path().join("rows"), &Options::default(), &int32(), &[2])?;
    assert!(matches!(rows.push(&[0; 4]), Err(Error::Shape { .. })));
    Ok(())
}

#[test]
fn what_a_build_has_left_is_not_resumed_as_something_else() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let (samples, texts, rows) = (dir.path().join("samples"), dir.path().join("texts"), dir.path().join("rows"));
    let options = Options::default();
    push_arrays(&samples, 4)?;
    Strings::create(&texts, PACKED, &["one"])?;
    Dense::create(&rows, &int32(), &[1, 2], Order::C, &[0; 8])?;
    let others =
        Options { names: MemberNames { ends: "other".into(), ..MemberNames::default() }, ..Options::default() };
    let refused = [
        Writer::ragged(&samples, &options, &Dtype::of::<i64>()).map(drop),
        Writer::ragged(&samples, &others, &int32()).map(drop),
        Writer::ragged(&texts, &options, &int32()).map(drop),
        Writer::strings(&texts, &options, PLAIN).map(drop),
        Writer::strings(&texts, &options, TRAINED).map(drop),
        Writer::strings(&texts, &others, PACKED).map(drop),
        Writer::strings(&rows, &options, PLAIN).map(drop),
        Writer::dense(&rows, &options, &Dtype::of::<i64>(), &[2]).map(drop),
        Writer::dense(&rows, &options, &int32(), &[3]).map(drop),
        Writer::dense(&samples, &options, &int32(), &[2]).map(drop),
    ];
    for (place, outcome) in refused.into_iter().enumerate() {
        let error = outcome.expect_err(&format!("number {place}"));
        assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    }
    assert_eq!(Writer::strings(&texts, &options, PACKED)?.stored(), 1);
    Ok(())
}

#[test]
fn a_build_that_others_have_written_to_is_refused() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("samples");
    let options = Options::default();
    push_arrays(&path, 4)?;
    check_exclusive(&path, &options, 4)?;
    for batches in [1, 20] {
        let mut writer = Writer::ragged(&path, &options, &int32())?.batch_size(1);
        let stored = push_arrays(&path, 1)?;
        let pushed = (0..batches).try_for_each(|_| writer.push(Sample::new(&[1], &[1])));
        let error = pushed.and_then(|()| writer.finish()).unwrap_err();
        assert!(error.to_string().contains("others have written"), "{error}");
        // None of the batches was added behind the samples of others.
        check_exclusive(&path, &options, stored)?;
    }
    Ok(())
}

#[test]
fn a_writer_that_is_dropped_leaves_whole_batches() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::strings(dir.path(), &Options::default(), PLAIN)?.batch_size(2);
    (0..5).try_for_each(|number| writer.push(&text(number)))?;
    drop(writer);
    assert_eq!(Writer::strings(dir.path(), &Options::default(), PLAIN)?.stored(), 4);
    Ok(())
}
