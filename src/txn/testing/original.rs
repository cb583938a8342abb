//! Version 0.9, the original, reads datasets after a crash of this crate: it sees the old or the new state, or raises
//! an error. It never silently reads anything else.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::disk::Disk;
use super::scenario::{Scenario, scenarios};
use super::{Expected, dataset_in};
use crate::Durability;
use crate::testing::stores::State;
use crate::testing::{folder, is_soak};
use crate::txn::testing::fault::{Fault, count_operations, inject};

/// The Python interpreter of the environment with the original, which `make test` creates.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/build/original/bin/python");
/// There once that environment is complete.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/build/original/.installed");
const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/txn/testing/original_reader.py");

/// The samples that the original reads from each dataset, or its error.
fn ask(questions: &[(String, String)]) -> Vec<Result<State, String>> {
    let mut reader = Command::new(PYTHON)
        .args(["-W", "ignore", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (reader.stdin.take().unwrap(), BufReader::new(reader.stdout.take().unwrap()));
    let mut lines = output.lines();
    let answers = questions.iter().map(|(kind, path)| {
        writeln!(input, "{kind} {path}").unwrap();
        parse(&lines.next().expect("the original exited").unwrap())
    });
    let answers = answers.collect();
    drop(input);
    reader.wait().unwrap();
    answers
}

fn parse(line: &str) -> Result<State, String> {
    let bytes =
        |hex: &str| (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
    match serde_json::from_str::<Vec<(Vec<i64>, String)>>(line) {
        Ok(samples) => Ok(samples.into_iter().map(|(shape, hex)| (shape, bytes(&hex))).collect()),
        Err(_) => Err(line.to_owned()),
    }
}

fn kind(store: &str) -> String {
    ["ragged", "rows"].into_iter().find(|kind| store.starts_with(kind)).unwrap_or("strings").to_owned()
}

/// The state without the foreign file.
fn without_notes(path: &Path, state: &State) -> State {
    let has_notes = fs::exists(path.join("notes.txt")).unwrap();
    state[usize::from(has_notes).min(state.len())..].to_vec()
}

#[test]
fn the_original_sees_the_old_or_the_new_state_or_refuses() {
    if !Path::new(INSTALLED).exists() {
        return println!("skipped: `make test` installs the original");
    }
    let (mut points, mut refused) = (0, 0);
    // It reads the fields of records one by one, and after a crash some may be ahead of others.
    let known = |scenario: &Scenario| !scenario.store.name.starts_with("records");
    for scenario in scenarios(Durability::Process).filter(known) {
        let expected = Expected::of(&scenario);
        let before = folder();
        scenario.prepare(&dataset_in(&before)).unwrap();
        let before = Disk::read(before.path());
        let whole = folder();
        before.write_to(whole.path());
        let operations = count_operations(|| scenario.act(&dataset_in(&whole)).unwrap());
        for fault in [Fault::Kill, Fault::Torn] {
            let crashes = (0..=operations).step_by(if is_soak() { 1 } else { 13 });
            let folders: Vec<_> = crashes
                .map(|n| {
                    let folder = folder();
                    before.write_to(folder.path());
                    let _ = inject(n, fault, || scenario.act(&dataset_in(&folder)));
                    folder
                })
                .collect();
            let question = |folder| (kind(scenario.store.name), dataset_in(folder).display().to_string());
            for (folder, answer) in folders.iter().zip(ask(&folders.iter().map(question).collect::<Vec<_>>())) {
                let states = [&expected.old, &expected.new].map(|state| without_notes(&dataset_in(folder), state));
                points += 1;
                match answer {
                    Ok(seen) => assert!(states.contains(&seen), "{}: {fault:?}: {seen:?}", scenario.name()),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    println!("the original: {points} points, old or new at {}, refused at {refused}", points - refused);
    assert!(points > 200 && refused < points / 2, "{points} points, {refused} refused");
}
