//! The names of a data set's sub-directories, which a caller may choose.

use std::path::{Component, Path};

use crate::error::{Error, Result};
use crate::format::{CHECKSUMS, NEW_CHECKSUMS};

/// Names of the sub-directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// First element of each sample, or first byte of each string.
    pub starts: String,
    /// One past the last.
    pub ends: String,
    /// Shapes of the samples.
    pub shapes: String,
    /// Elements of each sample.
    pub flattened_shapes: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            starts: "starts".to_owned(),
            ends: "ends".to_owned(),
            shapes: "shapes".to_owned(),
            flattened_shapes: "flattened_shapes".to_owned(),
        }
    }
}

impl Layout {
    /// Refuses names that lead out of the directory, or that stand for two things.
    pub(crate) fn check(&self) -> Result<()> {
        let names = [&self.starts, &self.ends, &self.shapes, &self.flattened_shapes];
        for (place, name) in names.iter().enumerate() {
            let mut parts = Path::new(name).components();
            let is_one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            let is_file = Path::new(name).extension().is_some_and(|end| end == "ninja")
                || [CHECKSUMS, NEW_CHECKSUMS].contains(&name.as_str());
            if !is_one || is_file || names[..place].contains(name) {
                let what = format!("'{name}' cannot be the name of a sub-directory, or stands for two of them");
                return Err(Error::Argument { what });
            }
        }
        Ok(())
    }
}
