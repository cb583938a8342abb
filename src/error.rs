//! The error type. Every variant carries the evidence, so that a message can name the file, the sample and what was
//! expected.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::format::kind::Kind;

/// What every fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a dataset could not be opened, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}: {source}{}", path.display(), hint(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The files contradict each other or the format.
    #[error("{}: {what}", path.display())]
    Corrupt {
        /// The file at fault.
        path: PathBuf,
        /// The contradiction.
        what: String,
    },
    /// The directory holds another kind of dataset.
    #[error("{}: this directory holds a dataset of kind '{found}', not '{expected}'{}", path.display(), found.opener())]
    WrongKind {
        /// The directory.
        path: PathBuf,
        /// The kind that was asked for.
        expected: Kind,
        /// The kind that `type.ninja` states.
        found: Kind,
    },
    /// There is no sample at that index.
    #[error("{}: index {index} is out of range for {len} samples", path.display())]
    OutOfRange {
        /// The directory.
        path: PathBuf,
        /// The index as given.
        index: i64,
        /// The number of samples.
        len: usize,
    },
    /// The element type cannot be stored, or is not that of the dataset.
    #[error("{what}")]
    Dtype {
        /// The dtype, the place, and what was expected.
        what: String,
    },
    /// The shape does not fit the elements, or the dataset.
    #[error("{what}")]
    Shape {
        /// The shape, the place, and what was expected.
        what: String,
    },
    /// An argument that no dataset could accept.
    #[error("{what}")]
    Argument {
        /// The argument and what was expected.
        what: String,
    },
    /// The caller cancelled the operation while it waited for another writer, or read a dataset.
    #[error("{}: interrupted before the work on this dataset was done", path.display())]
    Interrupted {
        /// The directory.
        path: PathBuf,
    },
    /// The handle was closed.
    #[error("{}: this handle is closed", path.display())]
    Closed {
        /// The directory.
        path: PathBuf,
    },
    /// The dataset was opened for reading only.
    #[error("{}: assignment destination is read-only; open it with a writable mode such as 'r+'", path.display())]
    ReadOnly {
        /// The directory.
        path: PathBuf,
    },
    /// A file of the dataset is a symbolic link, through which nothing is written.
    #[error("{}: this is a symbolic link, which is only read through; copy the dataset to change it (cp -rL)", path.display())]
    Linked {
        /// The link.
        path: PathBuf,
    },
    /// Another writer holds the directory.
    #[error("{}: another writer holds this dataset (waited {:.1} s); try again when it is done", path.display(), waited.as_secs_f64())]
    Busy {
        /// The directory.
        path: PathBuf,
        /// How long this call waited.
        waited: Duration,
    },
    /// Another builder is at work. No call waits for it, since a build may take hours.
    #[error("{}: another builder is at work on this dataset; try again when it is done", path.display())]
    Building {
        /// The directory that is being built.
        path: PathBuf,
    },
}

impl Error {
    /// Damage in the file `path`.
    pub(crate) fn corrupt(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Corrupt { path: path.into(), what: what.into() }
    }

    /// Whether it tells nothing about the dataset: memory was refused, or this process may not read a file.
    pub(crate) fn is_no_evidence(&self) -> bool {
        use io::ErrorKind::{OutOfMemory, PermissionDenied};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), OutOfMemory | PermissionDenied))
    }

    /// Whether this process has too many open files.
    pub(crate) fn is_too_many_files(&self) -> bool {
        matches!(self, Self::Io { source, .. } if cfg!(unix) && source.raw_os_error() == Some(24))
    }

    /// Whether the system reports that the file or directory does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// What to do about an error of the system that does not say it.
pub(crate) fn hint(source: &io::Error) -> &'static str {
    // These numbers are the same on all Unix systems.
    const ENODEV: i32 = 19;
    const EMFILE: i32 = 24;
    match source.raw_os_error().filter(|_| cfg!(unix)) {
        Some(EMFILE) => "; close maps that are not used, or raise the limit (ulimit -n)",
        Some(ENODEV) => {
            "; this file system cannot share mappings: open the dataset with mode='r', or move it elsewhere"
        }
        _ => "",
    }
}

/// Attaches the path to an I/O error, so that `?` chains stay short.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { path: path.to_owned(), source })
    }
}

#[cfg(unix)]
impl<T> At<T> for std::result::Result<T, rustix::io::Errno> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(io::Error::from).at(path)
    }
}
