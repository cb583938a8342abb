//! The `.ninja` files: bytes in, bytes out, no I/O. All integers are little-endian, and no text ends in a newline.

pub mod dtype;
pub mod fields;
pub mod framed;
pub mod index;
pub mod kind;

pub use kind::Kind;

/// The kind of the dataset in a directory: `numpy`, `ragged`, `string` or `records`.
pub const TYPE: &str = "type.ninja";
/// The dtype, as [`crate::Dtype`] parses it.
pub const DTYPE: &str = "dtype.ninja";
/// One `<u8` per axis.
pub const SHAPE: &str = "shape.ninja";
/// `C` or `F`.
pub const ORDER: &str = "order.ninja";
/// The elements, or the bytes of strings.
pub const DATA: &str = "data.ninja";
/// `<i4`: 1 where every sample is 0-D or 1-D, else 0.
pub const SHAPES_ARE_FLAT: &str = "shapes_are_flat.ninja";
/// The zstd level of compressed strings, as decimal text.
pub const ZSTD_LEVEL: &str = "zstd_level.ninja";
/// A raw zstd dictionary.
pub const ZSTD_DICT: &str = "zstd_dict.ninja";
/// The fields of records.
pub const FIELDS: &str = "fields.json";
/// The fields while they are written.
pub const NEW_FIELDS: &str = "fields.json.new";
/// A JSON object of the user's own.
pub const ATTRS: &str = "attrs.json";
/// Checksums of the blocks of all other files, if a user has asked for them.
pub const CHECKSUMS: &str = "checksums.json";
/// The checksums while they are written.
pub const NEW_CHECKSUMS: &str = "checksums.json.new";
/// The attributes while they are written.
pub const NEW_ATTRS: &str = "attrs.json.new";
/// Where the texts of a string dataset are by their hashes, if a user has asked for it.
pub const INDEX: &str = "index.ninja";
/// The index while it is written.
pub const NEW_INDEX: &str = "index.ninja.new";
/// Locked by the builder of the dataset in a partial directory.
pub const BUILDING: &str = "building.ninja";
/// The journal of an append. It exists only while the append is under way, or after it was interrupted.
pub const JOURNAL: &str = "append.ninja";

/// The most axes that a NumPy array can have.
pub const MAX_AXES: usize = 64;

/// Memory layout of a dense array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Last axis fastest.
    C,
    /// First axis fastest.
    F,
}

impl Order {
    /// The text of `order.ninja`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::F => "F",
        }
    }

    /// The order that an `order.ninja` states.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text.trim_ascii() {
            b"C" => Some(Self::C),
            b"F" => Some(Self::F),
            _ => None,
        }
    }
}

/// The bytes of a `shape.ninja`.
#[must_use]
pub fn encode_shape(shape: &[u64]) -> Vec<u8> {
    shape.iter().flat_map(|axis| axis.to_le_bytes()).collect()
}

/// The axes that a `shape.ninja` states; `None` where its size is not a multiple of 8, it has more than
/// [`MAX_AXES`] axes, or an axis does not fit an `i64`.
#[must_use]
pub fn parse_shape(bytes: &[u8]) -> Option<Vec<u64>> {
    let (axes, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() || axes.len() > MAX_AXES {
        return None;
    }
    axes.iter().map(|axis| Some(u64::from_le_bytes(*axis)).filter(|&n| i64::try_from(n).is_ok())).collect()
}

/// The product of the axes; `None` on overflow.
#[must_use]
pub fn element_count(shape: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_u64, |product, &axis| product.checked_mul(axis))
}

/// Whether a NumPy array can have these axes. The product of the item size and all axes but those of length 0 must fit
/// an `i64`: no array of 8-byte elements has the shape (2^62, 0), although it would have no elements.
#[must_use]
pub fn is_possible(axes: impl Iterator<Item = u64>, item_size: u64) -> bool {
    let mut axes = axes.filter(|&axis| axis > 0);
    let bytes = axes.try_fold(item_size, u64::checked_mul);
    bytes.is_some_and(|bytes| i64::try_from(bytes).is_ok())
}

/// The bytes of a `shapes_are_flat.ninja`.
#[must_use]
pub const fn encode_flag(flag: bool) -> [u8; 4] {
    (flag as i32).to_le_bytes()
}

/// The flag that a `shapes_are_flat.ninja` states.
#[must_use]
pub fn parse_flag(bytes: &[u8]) -> Option<bool> {
    match i32::from_le_bytes(bytes.try_into().ok()?) {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_reads_back() {
        for shape in [vec![], vec![3], vec![2, 0, 7]] {
            assert_eq!(parse_shape(&encode_shape(&shape)), Some(shape));
        }
    }

    #[test]
    fn a_torn_shape_or_an_impossible_axis_is_refused() {
        assert_eq!(parse_shape(&[0; 7]), None);
        assert_eq!(parse_shape(&u64::MAX.to_le_bytes()), None);
        assert_eq!(parse_shape(&[0; 8 * (MAX_AXES + 1)]), None);
    }

    #[test]
    fn axes_whose_product_overflows_are_impossible_even_beside_a_zero() {
        assert!(!is_possible([1 << 62, 0].into_iter(), 8));
        assert!(is_possible([1 << 62, 0].into_iter(), 1));
        assert!(!is_possible([1 << 32, 1 << 32, 0].into_iter(), 1));
        assert!(is_possible([0, 7].into_iter(), 8));
    }

    #[test]
    fn an_overflowing_product_is_not_a_count() {
        assert_eq!(element_count(&[1 << 40, 1 << 40]), None);
        assert_eq!(element_count(&[1 << 40, 0, 1 << 40]), Some(0));
        assert_eq!(element_count(&[]), Some(1));
    }
}
