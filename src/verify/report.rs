//! What a verification has found.

use std::fmt;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::format::Kind;

/// Findings and notes that a report lists; the others are counted. A stranger's files decide how many there are.
const MOST: usize = 1000;

/// Something about one place in a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The file or directory, relative to the data set's.
    pub file: PathBuf,
    /// The first byte concerned, where that is known.
    pub offset: Option<u64>,
    /// The samples concerned, where that is known: strings, or rows of a dense array.
    pub samples: Option<Range<u64>>,
    /// What is the matter.
    pub message: String,
}

impl Finding {
    /// Something about a file as a whole.
    pub(super) fn of(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { file: file.into(), offset: None, samples: None, message: message.into() }
    }

    /// What made reading a member of `dir` impossible.
    pub(super) fn from_error(dir: &Path, error: Error) -> Self {
        let relative = |path: PathBuf| path.strip_prefix(dir).map(Path::to_owned).unwrap_or(path);
        match error {
            Error::Corrupt { path, what } => Self::of(relative(path), what),
            Error::Io { path, source } if source.kind() == ErrorKind::NotFound => {
                Self::of(relative(path), "it is missing")
            }
            Error::Io { path, source } => Self::of(relative(path), format!("it cannot be read: {source}")),
            other => Self::of("", other.to_string()),
        }
    }

    pub(super) fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    pub(super) fn touching(mut self, samples: Option<Range<u64>>) -> Self {
        self.samples = samples.filter(|samples| !samples.is_empty());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        if self.file.as_os_str().is_empty() {
            f.write_str("the directory")?;
        } else {
            write!(f, "{file}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", byte {offset}")?;
        }
        match &self.samples {
            Some(samples) if samples.end - samples.start == 1 => write!(f, ", sample {}", samples.start)?,
            Some(samples) => write!(f, ", samples {} to {}", samples.start, samples.end - 1)?,
            None => {}
        }
        write!(f, ": {}", self.message)
    }
}

/// What a verification has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What the directory holds; `None` where `type.ninja` does not tell.
    pub kind: Option<Kind>,
    /// The committed samples: strings, or rows of a dense array.
    pub samples: u64,
    /// Bytes of all members that were read, each counted once.
    pub bytes: u64,
    /// Bytes that checksums vouch for.
    pub checked: u64,
    /// Damage.
    pub findings: Vec<Finding>,
    /// What is no damage but may be of interest: an append under way, files that are no part of the data set, samples
    /// that lie apart or overlap, bytes without checksums.
    pub notes: Vec<Finding>,
    /// Findings beyond those that are listed.
    pub unlisted: u64,
}

impl Report {
    /// Whether there is no damage.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < MOST { self.findings.push(finding) } else { self.unlisted += 1 }
    }

    pub(super) fn note(&mut self, note: Finding) {
        if self.notes.len() < MOST {
            self.notes.push(note);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_ok() { "sound" } else { "damaged" };
        let kind = self.kind.map_or("unknown", Kind::name);
        write!(
            f,
            "{verdict}: {kind}, {}, {}, {} with checksums",
            count(self.samples, "sample"),
            count(self.bytes, "byte"),
            grouped(self.checked)
        )?;
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
        }
        if self.unlisted > 0 {
            write!(f, "\n  and {} more", grouped(self.unlisted))?;
        }
        for note in &self.notes {
            write!(f, "\n  note: {note}")?;
        }
        Ok(())
    }
}

/// `1 sample`, `2,000 samples`.
pub(super) fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A number with a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Findings about samples one after another, put together where they say the same of the same file.
#[derive(Default)]
pub(super) struct Runs {
    open: Vec<(&'static str, Finding)>,
}

impl Runs {
    /// The samples in `range`, which follow those that were added before, have `flaw`.
    pub fn add(&mut self, range: Range<u64>, flaw: Flaw, report: impl FnMut(Finding)) {
        let same = |(what, finding): &(&str, Finding)| *what == flaw.what && finding.file == flaw.file;
        if let Some(place) = self.open.iter().position(same) {
            let (_, finding) = &mut self.open[place];
            if let Some(samples) = finding.samples.as_mut().filter(|samples| samples.end == range.start) {
                samples.end = range.end;
                return;
            }
            self.close(place, report);
        }
        let message =
            if flaw.detail.is_empty() { flaw.what.into() } else { format!("{} ({})", flaw.what, flaw.detail) };
        let finding = Finding { file: flaw.file, offset: flaw.offset, samples: Some(range), message };
        self.open.push((flaw.what, finding));
    }

    fn close(&mut self, place: usize, mut report: impl FnMut(Finding)) {
        report(self.open.swap_remove(place).1);
    }

    /// Reports what is left, in the order of the samples.
    pub fn finish(mut self, report: impl FnMut(Finding)) {
        self.open.sort_by_key(|(_, finding)| finding.samples.as_ref().map(|samples| samples.start));
        self.open.into_iter().map(|(_, finding)| finding).for_each(report);
    }
}

/// What is wrong with one sample.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    pub file: PathBuf,
    pub offset: Option<u64>,
    pub what: &'static str,
    /// The figures of the first sample of a run.
    pub detail: String,
}
