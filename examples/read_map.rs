//! Prints a dataset that the Python package wrote: `cargo run --example read_map -- DIRECTORY`.

use std::path::PathBuf;

use mmap_ninja::{Dense, Kind, Mode, Ragged, Records, Result, Strings};

fn main() -> Result<()> {
    let dir: PathBuf = std::env::args_os().nth(1).expect("usage: read_map DIRECTORY").into();
    match mmap_ninja::kind_of(&dir)? {
        Some(Kind::Ragged) => ragged(&Ragged::open(dir, Mode::ReadOnly)?)?,
        Some(Kind::String) => strings(&Strings::open(dir, Mode::ReadOnly)?)?,
        Some(Kind::Numpy) => dense(&Dense::open(dir, Mode::ReadOnly)?),
        Some(Kind::Records) => records(&Records::open(dir, Mode::ReadOnly)?)?,
        None => println!("no dataset"),
    }
    Ok(())
}

fn records(records: &Records) -> Result<()> {
    for (name, kind) in records.fields() {
        println!("{name}:");
        match kind {
            Kind::Ragged => ragged(&records.ragged(name)?)?,
            Kind::String => strings(&records.strings(name)?)?,
            _ => dense(&records.dense(name)?),
        }
    }
    Ok(())
}

fn ragged(samples: &Ragged) -> Result<()> {
    for index in 0..samples.len() {
        let sample = samples.get(index)?;
        println!("{index} {:?} {:?}", sample.shape, sample.bytes);
    }
    Ok(())
}

fn strings(texts: &Strings) -> Result<()> {
    for index in 0..texts.len() {
        println!("{index} {}", texts.get(index)?);
    }
    Ok(())
}

fn dense(array: &Dense) {
    println!("{} {:?} {} {:?}", array.dtype().text(), array.shape(), array.order().name(), array.bytes());
}
