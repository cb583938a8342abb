//! Files that an untrusted directory may hold.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::folder;

/// The result of `act`, which must not block.
fn without_blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(act()));
    receiver.recv_timeout(Duration::from_secs(60)).expect("the call blocks or panics")
}

/// One of each kind of entry that is not a regular file; most are made in `dir`.
fn hostile_entries(dir: &Path) -> Vec<PathBuf> {
    let entry = |name: &str| dir.join(name);
    fs::create_dir(entry("directory")).unwrap();
    symlink(entry("loop"), entry("loop")).unwrap();
    symlink("/dev/null", entry("link to nothing")).unwrap();
    symlink(entry("directory"), entry("link to directory")).unwrap();
    symlink(entry("missing"), entry("dangling link")).unwrap();
    symlink("/dev/zero", entry("link to device")).unwrap();
    assert!(Command::new("mkfifo").arg(entry("fifo")).status().unwrap().success());
    symlink(entry("fifo"), entry("link to fifo")).unwrap();
    let names = [
        "directory",
        "loop",
        "link to directory",
        "dangling link",
        "link to device",
        "link to nothing",
        "fifo",
        "link to fifo",
    ];
    names.into_iter().map(entry).chain([PathBuf::from("/dev/zero")]).collect()
}

#[test]
fn only_regular_files_are_read_and_nothing_blocks() {
    let folder = folder();
    for path in hostile_entries(folder.path()) {
        let opened = path.clone();
        let outcomes = without_blocking(move || {
            [
                Member::open(&opened, false).map(drop),
                read_text(&opened).map(drop),
                read_at_most(&opened, u64::MAX).map(drop),
                read_optional(&opened, u64::MAX).map(drop),
                size_of_member(&opened).map(drop),
            ]
        });
        for (call, outcome) in outcomes.into_iter().enumerate() {
            assert!(matches!(outcome, Err(Error::Corrupt { .. })), "{}, call {call}: {outcome:?}", path.display());
        }
        let opened = path.clone();
        let written = without_blocking(move || Member::open(&opened, true).map(drop));
        let is_refused = matches!(written, Err(Error::Corrupt { .. } | Error::Linked { .. }));
        assert!(is_refused, "{}: {written:?}", path.display());
    }
}

#[test]
fn a_link_to_a_regular_file_is_read_and_never_written_through() -> Result<()> {
    let folder = folder();
    let (file, link, chain) = (folder.path().join("file"), folder.path().join("link"), folder.path().join("chain"));
    fs::write(&file, "12345").unwrap();
    symlink("file", &link).unwrap();
    symlink("link", &chain).unwrap();
    for path in [&link, &chain] {
        assert_eq!(read_text(path)?, b"12345");
        assert_eq!(read_at_most(path, 10)?, b"12345");
        assert_eq!(size_of_member(path)?, 5);
        let member = Member::open(path, false)?;
        assert_eq!((member.size, Some(member.identity)), (5, FileId::of(&file)));
        assert!(matches!(Member::open(path, true), Err(Error::Linked { .. })));
    }
    Ok(())
}

#[test]
fn only_directories_are_taken_for_directories() {
    let folder = folder();
    for path in hostile_entries(folder.path()) {
        let found = check_directory(&path);
        assert_eq!(found.is_ok(), path.ends_with("directory"), "{}: {found:?}", path.display());
    }
    assert!(check_directory(&folder.path().join("missing")).unwrap_err().is_not_found());
}

#[test]
fn a_missing_file_is_not_damage() {
    let folder = folder();
    let path = folder.path().join("missing");
    assert_eq!(read_optional(&path, 10).unwrap(), None);
    assert!(read_text(&path).unwrap_err().is_not_found());
    assert!(read_at_most(&path, 10).unwrap_err().is_not_found());
    assert!(size_of_member(&path).unwrap_err().is_not_found());
    assert_eq!(FileId::of(&path), None);
}

#[test]
fn a_text_of_any_size_up_to_the_cap_is_read_completely() {
    let folder = folder();
    let path = folder.path().join("text");
    for size in [0, 1, 127, 128, 129, 5000, MAX_TEXT, MAX_TEXT + 1] {
        let text: Vec<u8> = (0..=250).cycle().take(usize::try_from(size).unwrap()).collect();
        fs::write(&path, &text).unwrap();
        assert_eq!(size_of_member(&path).unwrap(), size);
        match read_text(&path) {
            Ok(found) => assert!(found == text && size <= MAX_TEXT, "{size} bytes"),
            Err(error) => assert!(matches!(error, Error::Corrupt { .. }) && size > MAX_TEXT, "{size} bytes: {error}"),
        }
    }
}

#[test]
fn a_file_beyond_its_cap_is_refused_without_reading_it() {
    let folder = folder();
    let path = folder.path().join("large");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    for outcome in [read_text(&path), read_at_most(&path, (1 << 40) - 1)] {
        assert!(matches!(outcome, Err(Error::Corrupt { .. })));
    }
    File::options().write(true).open(&path).unwrap().set_len(10).unwrap();
    assert_eq!(read_at_most(&path, 10).unwrap(), [0; 10]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_with_more_bytes_than_its_size_is_read_up_to_its_size() {
    let status = Path::new("/proc/self/status");
    assert_eq!(Member::open(status, false).unwrap().size, 0);
    assert_eq!(read_at_most(status, 10).unwrap(), [0; 0]);
}

#[test]
fn a_file_that_grows_while_it_is_read_reads_as_one_of_its_states() {
    const SIZE: usize = 3000;
    let folder = folder();
    let path = folder.path().join("growing");
    let whole: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
    let mut file = File::create(&path).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| whole.iter().for_each(|byte| file.write_all(&[*byte]).unwrap()));
        let mut len = 0;
        while len < SIZE {
            for text in [read_text(&path).unwrap(), read_at_most(&path, SIZE as u64).unwrap()] {
                assert!(text.len() >= len && text == whole[..text.len()]);
                len = text.len();
            }
        }
    });
}

#[test]
fn a_file_keeps_its_identity_under_another_name_and_loses_it_when_replaced() {
    let folder = folder();
    let [file, link, other] = ["file", "link", "other"].map(|name| folder.path().join(name));
    fs::write(&file, "1").unwrap();
    fs::write(&other, "1").unwrap();
    fs::hard_link(&file, &link).unwrap();
    let id = FileId::of(&file);
    assert_eq!(FileId::of(&link), id);
    assert_eq!(Some(Member::open(&file, false).unwrap().identity), id);
    fs::rename(&other, &file).unwrap();
    assert_ne!(FileId::of(&file), id);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_bytes_of_a_skipped_hole_are_zeros(
        written in vec(0_u64..1 << 20, 0..4),
        offsets in vec(0_u64..(1 << 20) + 10, 1..20),
    ) {
        let folder = folder();
        let path = folder.path().join("sparse");
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        file.set_len(1 << 20).unwrap();
        for offset in &written {
            file.write_all_at(&[7], *offset).unwrap();
        }
        let bytes = fs::read(&path).unwrap();
        for offset in offsets {
            let found = skip_hole(&file, offset);
            prop_assert!(found >= offset);
            let skipped = usize::try_from(offset).unwrap()..usize::try_from(found).unwrap_or(bytes.len());
            prop_assert!(bytes.get(skipped).unwrap_or_default().iter().all(|byte| *byte == 0));
        }
        for offset in written {
            prop_assert_eq!(skip_hole(&file, offset), offset);
        }
    }
}
