//! The first pass: every byte against its checksum, or, where there is none, whether it can be read.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use super::block_reader::BLOCK;
use super::checksums::{Checksums, Entry, Place, blocks, files_of, name_of, sum_of};
use super::inspect::{Inspection, Member};
use super::report::{Finding, Report};
use super::samples::Extent;
use crate::error::Result;
use crate::format::{CHECKSUMS, DATA, Kind, Order};
use crate::io::untrusted::{open_member, read_at, skip_hole};
use crate::schema::{Content, Role, Schema};

/// Blocks that differ, until it is known which samples they touch.
#[derive(Default)]
pub(super) struct DamagedBlocks {
    /// In the elements, or the bytes of strings.
    data: Vec<Damage>,
    /// In the axes of nested shapes.
    axes: Vec<Damage>,
    others: Vec<Damage>,
}

struct Damage {
    finding: Finding,
    bytes: Range<u64>,
}

/// Told of bytes that were read.
type Pass<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

/// Reads all files, and compares those that `checksums` cover.
pub(super) fn check_blocks(
    dir: &Path,
    schema: Schema,
    inspection: &Inspection,
    checksums: Option<&Checksums>,
    report: &mut Report,
    pass: Pass,
) -> Result<DamagedBlocks> {
    let mut damages = DamagedBlocks::default();
    let places = files_of(dir, schema, inspection);
    if let Some(checksums) = checksums {
        note_coverage(checksums, inspection, &places, report);
    }
    for place in &places {
        let entry = checksums.and_then(|checksums| checksums.files.get(&name_of(&place.file)));
        // What cannot be opened is a finding already.
        let Ok(file) = open_member(&dir.join(&place.file), false) else { continue };
        match entry {
            Some(entry) => damages.compare(inspection, place, &file, entry, report, pass)?,
            None if place.content == Content::Data => damages.read(place, &file, pass)?,
            None => {}
        }
    }
    Ok(damages)
}

fn note_coverage(checksums: &Checksums, inspection: &Inspection, places: &[Place], report: &mut Report) {
    for name in checksums.files.keys() {
        if !places.iter().any(|place| name_of(&place.file) == *name) {
            report.add(Finding::of(CHECKSUMS, format!("it covers '{name}', which is not there")));
        }
    }
    let is_covered = |place: &&Place| checksums.files.contains_key(&name_of(&place.file));
    for place in places.iter().filter(|place| !is_covered(place)) {
        report.add(Finding::of(place.file.clone(), "it was not there when the checksums were written"));
    }
    if checksums.samples < inspection.samples {
        let what = "samples appended since are not covered; write the checksums again";
        report.note(Finding::of(CHECKSUMS, what).touching(Some(checksums.samples..inspection.samples)));
    }
}

impl DamagedBlocks {
    fn compare(
        &mut self,
        inspection: &Inspection,
        place: &Place,
        file: &File,
        entry: &Entry,
        report: &mut Report,
        pass: Pass,
    ) -> Result<()> {
        let size = file.metadata().map_or(0, |found| found.len());
        if let Some(what) = contradiction(place, size, entry).or_else(|| unverifiable(inspection, place, entry)) {
            report.add(Finding::of(place.file.clone(), what));
        }
        // What is left of a file that was cut short may be damaged, too.
        let is_left = |(number, block): &(usize, Range<u64>)| block.end <= size && entry.sum(*number).is_some();
        for (number, block) in blocks(entry.start..entry.end).enumerate().take_while(is_left) {
            let what = match sum_of(file, &block) {
                Ok(sum) if entry.sum(number) == Some(sum) => None,
                Ok(_) => Some("what is stored differs from its checksum".to_owned()),
                Err(error) => Some(format!("it cannot be read: {error}")),
            };
            match what {
                None => report.checked += block.end - block.start,
                Some(what) => self.add(place, block.clone(), what),
            }
            pass(block.end - block.start)?;
        }
        Ok(())
    }

    /// Whether all of a file can be read that no checksum covers.
    fn read(&mut self, place: &Place, file: &File, pass: Pass) -> Result<()> {
        let mut buffer = Vec::new();
        let end = place.member.size.unwrap_or(0).min(place.member.needed());
        let mut at = skip_hole(file, 0);
        while at < end {
            let block = at..end.min(at + BLOCK as u64);
            buffer.resize(usize::try_from(block.end - block.start).unwrap_or(0), 0);
            if let Err(error) = read_at(file, at, &mut buffer) {
                self.add(place, block.clone(), format!("it cannot be read: {error}"));
            }
            pass(block.end - block.start)?;
            at = skip_hole(file, block.end);
        }
        Ok(())
    }

    /// Neighbours are one damage.
    fn add(&mut self, place: &Place, bytes: Range<u64>, what: String) {
        let damages = match (place.content, place.member.role) {
            (Content::Data, Role::Data) => &mut self.data,
            (Content::Data, Role::Axes) => &mut self.axes,
            _ => &mut self.others,
        };
        let follows = |last: &&mut Damage| {
            last.bytes.end == bytes.start && last.finding.file == place.file && last.finding.message == what
        };
        match damages.last_mut().filter(follows) {
            Some(before) => before.bytes.end = bytes.end,
            None => damages.push(Damage { finding: Finding::of(place.file.clone(), what).at(bytes.start), bytes }),
        }
    }

    /// Tells where a sample lies.
    pub fn touch(&mut self, index: u64, extent: &Extent) {
        for (list, part) in [(&mut self.data, &extent.data), (&mut self.axes, &extent.axes)] {
            let first = list.partition_point(|damage| damage.bytes.end <= part.start);
            for damage in list[first..].iter_mut().take_while(|damage| damage.bytes.start < part.end) {
                let samples = damage.finding.samples.get_or_insert(index..index);
                *samples = samples.start.min(index)..samples.end.max(index + 1);
            }
        }
    }

    /// Reports them.
    pub fn finish(self, inspection: &Inspection, report: &mut Report) {
        for Damage { mut finding, bytes } in self.data.into_iter().chain(self.axes).chain(self.others) {
            let member = inspection.members.iter().find(|member| finding.file == member.file(DATA));
            let samples = member.and_then(|member| rows(inspection, member, &bytes));
            finding.samples = finding.samples.or(samples);
            finding.message = format!("{} (bytes {} to {})", finding.message, bytes.start, bytes.end);
            report.add(finding);
        }
    }
}

/// The samples that bytes of a member with a row a sample belong to.
fn rows(inspection: &Inspection, member: &Member, bytes: &Range<u64>) -> Option<Range<u64>> {
    let is_f = member.order == Some(Order::F) && member.shape.as_ref().is_some_and(|shape| shape.len() > 1);
    if !(member.role.is_column() || inspection.kind == Kind::Numpy) || is_f {
        return None;
    }
    let size = member.row_size.filter(|&size| size > 0)?;
    Some(bytes.start / size..bytes.end.div_ceil(size).min(member.rows))
}

/// Why nothing tells whether a count that has grown is right: the size of the data does not depend on it. (That of
/// samples is in their ends, too.)
fn unverifiable(inspection: &Inspection, place: &Place, entry: &Entry) -> Option<String> {
    let (then, now) = entry.rows.zip(place.rows()).filter(|(then, now)| now > then)?;
    let is_alone = inspection.kind == Kind::Numpy && place.member.needed() <= 1;
    is_alone.then(|| {
        format!(
            "the count is {now}, it was {then}, and no bytes tell whether rows were appended; write the checksums again"
        )
    })
}

/// Why a file cannot be what the checksums were written of.
fn contradiction(place: &Place, size: u64, entry: &Entry) -> Option<String> {
    let count = entry.rows.zip(place.rows()).filter(|(then, now)| now < then);
    if let Some((then, now)) = count {
        return Some(format!("the count is {now}, it was {then} when the checksums were written"));
    }
    if entry.rows.is_some() != place.rows().is_some() {
        return Some("the number of axes is not what it was when the checksums were written".to_owned());
    }
    let is_cut = if place.content == Content::Data { size < entry.end } else { size != entry.end };
    if is_cut {
        return Some(format!("the file has {size} bytes, it had {} when the checksums were written", entry.end));
    }
    let blocks = entry.end.saturating_sub(entry.start).div_ceil(BLOCK as u64);
    (blocks * 8 != entry.crc32.len() as u64).then(|| "the checksums do not cover what they say".to_owned())
}
