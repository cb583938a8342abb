//! The placeholder of an empty array: one zero byte in `data.ninja`, since NumPy cannot map an empty file. Only the bytes
//! of strings, which no `shape.ninja` counts, are an empty file where there are none.

/// What an empty array holds.
pub(crate) const PLACEHOLDER: [u8; 1] = [0];

/// The size of a `data.ninja` with `bytes` committed bytes, whose rows a `shape.ninja` counts or does not.
pub(crate) fn size_on_disk(bytes: u64, is_counted: bool) -> u64 {
    if is_counted { bytes.max(1) } else { bytes }
}

/// Whether a `data.ninja` of `size` holds `bytes` committed bytes and nothing else. Readers accept a placeholder, and its
/// absence, in every member.
pub(crate) fn is_exact(size: u64, bytes: u64) -> bool {
    size == bytes || is_placeholder(size, bytes)
}

/// Whether a `data.ninja` of `size` holds the placeholder, and no committed bytes.
pub(crate) fn is_placeholder(size: u64, bytes: u64) -> bool {
    bytes == 0 && size == 1
}
