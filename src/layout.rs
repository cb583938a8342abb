//! The names of a data set's sub-directories, which a caller may choose.

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
