//! The kinds of datasets.

use std::fmt;

/// What a directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One dense array.
    Numpy,
    /// Samples of any shape and one dtype.
    Ragged,
    /// UTF-8 strings.
    String,
    /// Records of several fields, each of which is a dataset of another kind.
    Records,
}

impl Kind {
    /// The text of `type.ninja`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Numpy => "numpy",
            Self::Ragged => "ragged",
            Self::String => "string",
            Self::Records => "records",
        }
    }

    /// The kind that a `type.ninja` states.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let all = [Self::Numpy, Self::Ragged, Self::String, Self::Records];
        all.into_iter().find(|kind| kind.name().as_bytes() == text.trim_ascii())
    }

    /// The end of an error message, which says how to open a dataset of this kind.
    pub(crate) const fn opener(self) -> &'static str {
        match self {
            Self::Numpy => "; open it with mmap_ninja.numpy.open_existing (in Rust, Dense)",
            Self::Ragged => "; open it with RaggedMmap (in Rust, Ragged)",
            Self::String => "; open it with StringsMmap (in Rust, Strings)",
            Self::Records => "; open it with RecordsMmap (in Rust, Records)",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
