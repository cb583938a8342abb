//! The first pass: compares every block with its checksum, and reads the blocks that have none.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use super::block_reader::BLOCK;
use super::checksums::{Checksums, Coverage, MemberFile, blocks, files_of, sum_of};
use super::inspect::{Inspection, MemberState};
use super::report::{Finding, Report, UNREADABLE};
use super::samples::SampleBytes;
use crate::error::Result;
use crate::format::{CHECKSUMS, DATA, Kind, Order};
use crate::io::untrusted::{open_member, read_at, skip_hole};
use crate::schema::{Content, Role, Schema, portable_name};

/// The damaged blocks. Which samples they touch is known only after the second pass.
#[derive(Default)]
pub(super) struct DamagedBlocks {
    /// Blocks of the elements, or of the bytes of strings.
    data: Vec<DamagedRange>,
    /// Blocks of the axes of nested shapes.
    axes: Vec<DamagedRange>,
    others: Vec<DamagedRange>,
}

struct DamagedRange {
    finding: Finding,
    bytes: Range<u64>,
}

/// Called with the number of bytes that were read.
type Advance<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

/// Reads all files, and compares them with `checksums`.
pub(super) fn check_blocks(
    dir: &Path,
    schema: Schema,
    inspection: &Inspection,
    checksums: Option<&Checksums>,
    report: &mut Report,
    advance: Advance,
) -> Result<DamagedBlocks> {
    let mut damaged = DamagedBlocks::default();
    let files = files_of(dir, schema, inspection);
    if let Some(checksums) = checksums {
        note_coverage(checksums, inspection, &files, report);
    }
    for file in &files {
        let coverage = checksums.and_then(|checksums| checksums.files.get(&portable_name(&file.path)));
        // The inspection has reported files that cannot be opened.
        let Ok(opened) = open_member(&dir.join(&file.path), false) else { continue };
        match coverage {
            Some(coverage) => damaged.compare(inspection, file, &opened, coverage, report, advance)?,
            None if file.content == Content::Data => damaged.read(file, &opened, advance)?,
            None => {}
        }
    }
    Ok(damaged)
}

/// Reports files and samples that the checksums do not cover, or that no longer exist.
fn note_coverage(checksums: &Checksums, inspection: &Inspection, files: &[MemberFile], report: &mut Report) {
    for name in checksums.files.keys() {
        if !files.iter().any(|file| portable_name(&file.path) == *name) {
            report.add(Finding::of(CHECKSUMS, format!("the checksums cover '{name}', which is missing")));
        }
    }
    for file in files.iter().filter(|file| !checksums.files.contains_key(&portable_name(&file.path))) {
        report.add(Finding::of(file.path.clone(), "this did not exist when the checksums were written"));
    }
    if checksums.samples < inspection.samples {
        let what = "samples that were appended since are not covered; write the checksums again";
        report.note(Finding::of(CHECKSUMS, what).touching(Some(checksums.samples..inspection.samples)));
    }
}

impl DamagedBlocks {
    fn compare(
        &mut self,
        inspection: &Inspection,
        file: &MemberFile,
        opened: &File,
        coverage: &Coverage,
        report: &mut Report,
        advance: Advance,
    ) -> Result<()> {
        let size = opened.metadata().map_or(0, |found| found.len());
        if let Some(what) = contradiction(file, size, coverage).or_else(|| unverifiable(inspection, file, coverage)) {
            report.add(Finding::of(file.path.clone(), what));
        }
        // The rest of a truncated file may be damaged, too.
        let is_stored = |(number, block): &(usize, Range<u64>)| block.end <= size && coverage.sum(*number).is_some();
        for (number, block) in blocks(coverage.start..coverage.end).enumerate().take_while(is_stored) {
            let what = match sum_of(opened, &block) {
                Ok(sum) if coverage.sum(number) == Some(sum) => None,
                Ok(_) => Some("the stored bytes differ from their checksum".to_owned()),
                Err(error) => Some(format!("{UNREADABLE}: {error}")),
            };
            match what {
                None => report.checked += block.end - block.start,
                Some(what) => self.add(file, block.clone(), what),
            }
            advance(block.end - block.start)?;
        }
        Ok(())
    }

    /// Reads a file that no checksum covers.
    fn read(&mut self, file: &MemberFile, opened: &File, advance: Advance) -> Result<()> {
        let mut buffer = Vec::new();
        let end = file.member.size.unwrap_or(0).min(file.member.needed());
        let mut at = skip_hole(opened, 0);
        while at < end {
            let block = at..end.min(at + BLOCK as u64);
            buffer.resize(usize::try_from(block.end - block.start).unwrap_or(0), 0);
            if let Err(error) = read_at(opened, at, &mut buffer) {
                self.add(file, block.clone(), format!("{UNREADABLE}: {error}"));
            }
            advance(block.end - block.start)?;
            at = skip_hole(opened, block.end);
        }
        Ok(())
    }

    /// Adds a block, which is merged with the one before it where both say the same.
    fn add(&mut self, file: &MemberFile, bytes: Range<u64>, what: String) {
        let ranges = match (file.content, file.member.role) {
            (Content::Data, Role::Data) => &mut self.data,
            (Content::Data, Role::Axes) => &mut self.axes,
            _ => &mut self.others,
        };
        let follows = |last: &&mut DamagedRange| {
            last.bytes.end == bytes.start && last.finding.file == file.path && last.finding.message == what
        };
        match ranges.last_mut().filter(follows) {
            Some(last) => last.bytes.end = bytes.end,
            None => ranges.push(DamagedRange { finding: Finding::of(file.path.clone(), what).at(bytes.start), bytes }),
        }
    }

    /// Adds a sample to the findings about its bytes.
    pub fn touch(&mut self, index: u64, sample: &SampleBytes) {
        for (ranges, bytes) in [(&mut self.data, &sample.data), (&mut self.axes, &sample.axes)] {
            let first = ranges.partition_point(|range| range.bytes.end <= bytes.start);
            for range in ranges[first..].iter_mut().take_while(|range| range.bytes.start < bytes.end) {
                let samples = range.finding.samples.get_or_insert(index..index);
                *samples = samples.start.min(index)..samples.end.max(index + 1);
            }
        }
    }

    /// Reports all damaged blocks.
    pub fn finish(self, inspection: &Inspection, report: &mut Report) {
        for DamagedRange { mut finding, bytes } in self.data.into_iter().chain(self.axes).chain(self.others) {
            let member = inspection.members.iter().find(|member| finding.file == member.file(DATA));
            let samples = member.and_then(|member| rows_of(inspection, member, &bytes));
            finding.samples = finding.samples.or(samples);
            finding.message = format!("{} (bytes {} to {})", finding.message, bytes.start, bytes.end);
            report.add(finding);
        }
    }
}

/// The samples to which bytes of a member with one row per sample belong.
fn rows_of(inspection: &Inspection, member: &MemberState, bytes: &Range<u64>) -> Option<Range<u64>> {
    let is_f = member.order == Some(Order::F) && member.shape.as_ref().is_some_and(|shape| shape.len() > 1);
    if !(member.role.is_column() || inspection.kind == Kind::Numpy) || is_f {
        return None;
    }
    let size = member.row_size.filter(|&size| size > 0)?;
    Some(bytes.start / size..bytes.end.div_ceil(size).min(member.rows))
}

/// Rows without bytes leave no trace of an append, so a count of them that has grown may be damaged. (Other kinds count
/// their samples in several members.)
fn unverifiable(inspection: &Inspection, file: &MemberFile, coverage: &Coverage) -> Option<String> {
    let (then, now) = coverage.rows.zip(file.rows()).filter(|(then, now)| now > then)?;
    let has_no_bytes = inspection.kind == Kind::Numpy && file.member.needed() <= 1;
    has_no_bytes.then(|| {
        format!(
            "the count is {now}, it was {then}, and rows without bytes cannot confirm it; write the checksums again"
        )
    })
}

/// Why the checksums cannot be those of this file, even if bytes were appended to it.
fn contradiction(file: &MemberFile, size: u64, coverage: &Coverage) -> Option<String> {
    let count = coverage.rows.zip(file.rows()).filter(|(then, now)| now < then);
    if let Some((then, now)) = count {
        return Some(format!("the count is {now}, it was {then} when the checksums were written"));
    }
    if coverage.rows.is_some() != file.rows().is_some() {
        return Some("the number of axes has changed since the checksums were written".to_owned());
    }
    let Coverage { start, end, .. } = coverage;
    let is_other = if file.content == Content::Data { size < *end } else { size != *end };
    if is_other {
        return Some(format!("the file has {size} bytes, it had {end} when the checksums were written"));
    }
    let blocks = end.saturating_sub(*start).div_ceil(BLOCK as u64);
    let found = coverage.crc32.len() / 8;
    let is_incomplete = blocks * 8 != coverage.crc32.len() as u64;
    is_incomplete.then(|| format!("there are {found} checksums, expected {blocks} for bytes {start} to {end}"))
}
