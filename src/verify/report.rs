//! The report of a verification.

use std::fmt;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::format::Kind;

/// The most findings that a report lists, and the most notes: an untrusted dataset decides how many there are.
const MAX_LISTED: usize = 1000;

/// What a finding says about bytes that the system does not read.
pub(super) const UNREADABLE: &str = "this cannot be read";

/// A statement about one place in a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The file or directory, relative to the dataset's directory.
    pub file: PathBuf,
    /// The first affected byte, if it is known.
    pub offset: Option<u64>,
    /// The affected samples (strings, or rows of a dense array), if they are known.
    pub samples: Option<Range<u64>>,
    /// What was found.
    pub message: String,
}

impl Finding {
    /// A statement about a whole file.
    pub(super) fn of(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { file: file.into(), offset: None, samples: None, message: message.into() }
    }

    /// The error that occurred while a file of the dataset in `dir` was read.
    pub(super) fn from_error(dir: &Path, error: Error) -> Self {
        let relative = |path: PathBuf| path.strip_prefix(dir).map(Path::to_owned).unwrap_or(path);
        match error {
            Error::Corrupt { path, what } => Self::of(relative(path), what),
            Error::Io { path, source } if source.kind() == ErrorKind::NotFound => {
                Self::of(relative(path), "this is missing")
            }
            Error::Io { path, source } => Self::of(relative(path), format!("{UNREADABLE}: {source}")),
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

/// The report of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The kind of the dataset; `None` where `type.ninja` does not state one.
    pub kind: Option<Kind>,
    /// The committed samples: strings, or rows of a dense array.
    pub samples: u64,
    /// Bytes of all members that were read. Those that were read twice count once.
    pub bytes: u64,
    /// Bytes that match their checksums.
    pub checked: u64,
    /// Damage.
    pub findings: Vec<Finding>,
    /// Observations that are not damage: an append under way, files that are not part of the dataset, samples that
    /// overlap or have gaps between them, samples without checksums.
    pub notes: Vec<Finding>,
    /// The number of findings beyond those in `findings`.
    pub unlisted: u64,
}

impl Report {
    /// Whether there is no damage.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_LISTED { self.findings.push(finding) } else { self.unlisted += 1 }
    }

    pub(super) fn note(&mut self, note: Finding) {
        if self.notes.len() < MAX_LISTED {
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
            pluralize(self.samples, "sample"),
            pluralize(self.bytes, "byte"),
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
pub(super) fn pluralize(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A number with a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Merges findings about consecutive samples that say the same about the same file.
#[derive(Default)]
pub(super) struct Runs {
    open: Vec<(&'static str, Finding)>,
}

impl Runs {
    /// Adds a `flaw` of the samples in `range`, which must follow all earlier ranges.
    pub fn add(&mut self, range: Range<u64>, flaw: Flaw, report: impl FnMut(Finding)) {
        let same = |(what, finding): &(&str, Finding)| *what == flaw.what && finding.file == flaw.file;
        if let Some(index) = self.open.iter().position(same) {
            let (_, finding) = &mut self.open[index];
            if let Some(samples) = finding.samples.as_mut().filter(|samples| samples.end == range.start) {
                samples.end = range.end;
                return;
            }
            self.close(index, report);
        }
        let message =
            if flaw.detail.is_empty() { flaw.what.into() } else { format!("{} ({})", flaw.what, flaw.detail) };
        let finding = Finding { file: flaw.file, offset: flaw.offset, samples: Some(range), message };
        self.open.push((flaw.what, finding));
    }

    fn close(&mut self, index: usize, mut report: impl FnMut(Finding)) {
        report(self.open.swap_remove(index).1);
    }

    /// Reports the remaining findings in the order of their samples.
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
    /// The values of the first sample of a run.
    pub detail: String,
}
