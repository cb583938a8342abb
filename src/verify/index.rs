//! Checks the index of strings: whether its pages are whole and in order, and whether it fits the texts.

use std::fs::File;
use std::path::Path;

use super::block_reader::BLOCK;
use super::inspect::Inspection;
use super::report::{Finding, Report};
use crate::error::{At, Result};
use crate::format::index::{Header, PAGE};
use crate::format::{DATA, INDEX};
use crate::io::untrusted::{Member, open_member, read_at, skip_hole};
use crate::schema::{Role, Schema};

/// Called with the number of bytes that were read.
type Advance<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

const DAMAGED: &str = "the index is damaged; it is not used: write it again, or repair the dataset, which removes it";
const STALE: &str = "the texts have changed since the index was written; it is not used: write it again";
const PARTIAL: &str = "texts that were appended since are not in the index, and compared one by one; write it again";

/// Bytes that [`check_index`] reads, besides the index.
pub(super) fn bytes_to_read(dir: &Path, inspection: &Inspection) -> u64 {
    let Ok(index) = dir.join(INDEX).symlink_metadata() else { return 0 };
    inspection.members.iter().fold(index.len(), |sum, member| sum.saturating_add(member.needed()))
}

/// Checks the index of the strings in `dir`, if there is one.
pub(super) fn check_index(
    dir: &Path,
    schema: Schema,
    inspection: &Inspection,
    report: &mut Report,
    advance: Advance,
) -> Result<()> {
    let path = dir.join(INDEX);
    let index = match Member::open(&path, false) {
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) if error.is_no_evidence() => return Err(error),
        Err(error) => {
            report.add(Finding::from_error(dir, error));
            return Ok(());
        }
        Ok(index) => index,
    };
    let header = match check_pages(&index, advance)? {
        Ok(header) => header,
        Err(offset) => {
            report.add(Finding::of(INDEX, DAMAGED).at(offset));
            return Ok(());
        }
    };
    let samples = inspection.samples;
    if header.texts > samples || !fits(dir, schema, &header, advance)? {
        report.note(Finding::of(INDEX, STALE));
    } else if header.texts < samples {
        report.note(Finding::of(INDEX, PARTIAL).touching(Some(header.texts..samples)));
    }
    Ok(())
}

/// Whether the index in `dir` covers more than `texts` texts.
pub(super) fn outgrows(dir: &Path, texts: u64) -> bool {
    let Ok(file) = open_member(&dir.join(INDEX), false) else { return false };
    let mut page = [0; PAGE];
    read_at(&file, 0, &mut page).is_ok() && Header::parse(&page).is_some_and(|header| header.texts > texts)
}

/// The header of an index whose pages are whole and in order, or where it is damaged.
fn check_pages(index: &Member, advance: Advance) -> Result<std::result::Result<Header, u64>> {
    let mut bytes = vec![0; BLOCK];
    let is_read = read_at(&index.file, 0, &mut bytes[..PAGE]).is_ok();
    let header = is_read.then(|| Header::parse(&bytes[..PAGE])).flatten();
    let Some(header) = header.filter(|header| header.file_size() == Some(index.size)) else { return Ok(Err(0)) };
    let (mut at, mut last) = (PAGE as u64, None);
    while at < index.size {
        let len = usize::try_from(index.size - at).unwrap_or(BLOCK).min(BLOCK);
        let is_read = read_at(&index.file, at, &mut bytes[..len]).is_ok();
        for (number, page) in (at / PAGE as u64 - 1..).zip(bytes[..len].chunks(PAGE)) {
            let page = header.page(page, number).filter(|page| is_read && header.is_whole(*page));
            let follows = page.filter(|page| last.is_none_or(|last| page.before() == last));
            let is_sound = follows.is_some_and(|page| {
                page.entries().all(|entry| {
                    let is_next = last.is_none_or(|last| entry > last) && entry.1 < header.texts;
                    last = Some(entry);
                    is_next
                })
            });
            if !is_sound {
                return Ok(Err((number + 1) * PAGE as u64));
            }
        }
        advance(len as u64)?;
        at += len as u64;
    }
    Ok(Ok(header))
}

/// Whether the covered bytes are those that were indexed.
fn fits(dir: &Path, schema: Schema, header: &Header, advance: Advance) -> Result<bool> {
    let column = header.texts * 8;
    for (role, len, expected) in [
        (Role::Data, header.bytes, header.sums[0]),
        (Role::Starts, column, header.sums[1]),
        (Role::Ends, column, header.sums[2]),
    ] {
        let path = dir.join(schema.path(role)).join(DATA);
        let file = open_member(&path, false)?;
        if file.metadata().at(&path)?.len() < len || sum_of(&file, len, advance)? != Some(expected) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The CRC-32 of the first `len` bytes; `None` where they cannot be read. Texts do not leave holes, which an untrusted
/// file may have of any size.
fn sum_of(file: &File, len: u64, advance: Advance) -> Result<Option<u32>> {
    let (mut hasher, mut bytes, mut at) = (crc32fast::Hasher::new(), vec![0; BLOCK], 0);
    while at < len {
        let part = usize::try_from(len - at).unwrap_or(BLOCK).min(BLOCK);
        if skip_hole(file, at) >= at + BLOCK as u64 || read_at(file, at, &mut bytes[..part]).is_err() {
            return Ok(None);
        }
        hasher.update(&bytes[..part]);
        advance(part as u64)?;
        at += part as u64;
    }
    Ok(Some(hasher.finalize()))
}
