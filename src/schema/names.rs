//! The names of a dataset's sub-directories, which a caller may choose.

use std::borrow::Cow;
use std::path::{Component, Path};

use crate::error::{Error, Result};
use crate::format::{CHECKSUMS, NEW_CHECKSUMS};

/// Names of a dataset's sub-directories. Strings turn into them with `into`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberNames {
    /// The first element of each sample, or the first byte of each string.
    pub starts: Cow<'static, str>,
    /// One past the last.
    pub ends: Cow<'static, str>,
    /// Shapes of the samples.
    pub shapes: Cow<'static, str>,
    /// Elements of each sample.
    pub flattened_shapes: Cow<'static, str>,
}

impl Default for MemberNames {
    fn default() -> Self {
        Self {
            starts: Self::STARTS.into(),
            ends: Self::ENDS.into(),
            shapes: Self::SHAPES.into(),
            flattened_shapes: Self::FLATTENED_SHAPES.into(),
        }
    }
}

impl MemberNames {
    pub(super) const STARTS: &str = "starts";
    pub(super) const ENDS: &str = "ends";
    pub(super) const SHAPES: &str = "shapes";
    pub(super) const FLATTENED_SHAPES: &str = "flattened_shapes";

    /// All names; the first two are those of strings, too.
    pub(crate) fn all(&self) -> [&str; 4] {
        [&self.starts, &self.ends, &self.shapes, &self.flattened_shapes]
    }

    /// Refuses names that lead out of the directory, that are a file's, or that stand for two members.
    ///
    /// # Errors
    /// [`Error::Argument`].
    pub(crate) fn check(&self) -> Result<()> {
        let names = self.all();
        for (place, &name) in names.iter().enumerate() {
            let mut parts = Path::new(name).components();
            let is_one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            let is_file = Path::new(name).extension().is_some_and(|end| end == "ninja")
                || [CHECKSUMS, NEW_CHECKSUMS].contains(&name);
            if !is_one || is_file || names[..place].contains(&name) {
                let what = format!("'{name}' cannot be the name of a sub-directory, or is the name of two of them");
                return Err(Error::Argument { what });
            }
        }
        Ok(())
    }
}

/// A path relative to a dataset's directory, as `checksums.json` and the journal write it on every system.
pub(crate) fn portable_name(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
