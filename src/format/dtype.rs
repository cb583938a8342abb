//! Element types, as `dtype.ninja` writes them: NumPy's name (`float32`), its `str` (`>i4`, `<U10`) or, for a
//! structured dtype, its `descr` as JSON.

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// What decides whether elements can be read as a Rust type, and how they are cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Bool,
    Int,
    UInt,
    Float,
    BFloat,
    Other,
}

/// The element type of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dtype {
    text: String,
    item_size: usize,
    class: Class,
    big_endian: bool,
}

/// The dtypes of the package `ml_dtypes`, with their sizes in bytes.
pub(crate) const ML_DTYPES: [(&str, usize); 20] = [
    ("bcomplex32", 4),
    ("bfloat16", 2),
    ("complex32", 4),
    ("float4_e2m1fn", 1),
    ("float6_e2m3fn", 1),
    ("float6_e3m2fn", 1),
    ("float8_e3m4", 1),
    ("float8_e4m3", 1),
    ("float8_e4m3b11fnuz", 1),
    ("float8_e4m3fn", 1),
    ("float8_e4m3fnuz", 1),
    ("float8_e5m2", 1),
    ("float8_e5m2fnuz", 1),
    ("float8_e8m0fnu", 1),
    ("int1", 1),
    ("int2", 1),
    ("int4", 1),
    ("uint1", 1),
    ("uint2", 1),
    ("uint4", 1),
];

/// NumPy stores item sizes in a C `int`.
const MAX_ITEM_SIZE: usize = i32::MAX as usize;
/// Structured dtypes may nest this deep.
const MAX_DEPTH: usize = 16;

impl Dtype {
    /// The dtype that a `dtype.ninja` states.
    ///
    /// ```
    /// use mmap_ninja::Dtype;
    /// assert_eq!(Dtype::parse("float32")?.item_size(), 4);
    /// assert_eq!(Dtype::parse("<U10")?.item_size(), 40);
    /// assert_eq!(Dtype::parse(r#"[["x", "<i4"], ["y", "<f8", [2]]]"#)?.item_size(), 20);
    /// assert!(Dtype::parse("object").is_err());
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Dtype`] where the text does not name a dtype, or names an object dtype or one without bytes.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |why: &str| Error::Dtype { what: format!("dtype '{text}' {why}") };
        let (class, item_size, big_endian) = if text.starts_with('[') {
            let descr: Value = serde_json::from_str(text).map_err(|_| refused("is not valid JSON"))?;
            let size = struct_size(&descr, 0).ok_or_else(|| refused("is not a valid structured dtype"))?;
            (Class::Other, size, false)
        } else {
            let (class, size) = named(text).or_else(|| coded(text)).ok_or_else(|| refused(unknown(text)))?;
            (class, size, text.starts_with('>'))
        };
        if item_size == 0 || item_size > MAX_ITEM_SIZE {
            return Err(refused("has elements of 0 bytes, or of more than NumPy allows"));
        }
        Ok(Self { text: text.to_owned(), item_size, class, big_endian })
    }

    /// The dtype as `dtype.ninja` spells it, such as `float32` or `<U10`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The size of one element in bytes.
    #[must_use]
    pub const fn item_size(&self) -> usize {
        self.item_size
    }

    /// The kind and the size of a number of at most 8 bytes.
    pub(crate) fn number(&self) -> Option<(Class, usize)> {
        (self.class != Class::Other && self.item_size <= 8).then_some((self.class, self.item_size))
    }

    /// Whether the bytes of an element are in the other order than those of numbers in memory.
    pub(crate) const fn is_big_endian(&self) -> bool {
        self.big_endian && self.item_size > 1
    }

    /// The dtype of a Rust type.
    #[must_use]
    pub fn of<T: Element>() -> Self {
        Self { text: T::NAME.to_owned(), item_size: size_of::<T>(), class: class_of(T::NAME), big_endian: false }
    }

    /// Whether elements can be read as `T` without converting them.
    #[must_use]
    pub fn is<T: Element>(&self) -> bool {
        let wanted = (class_of(T::NAME), size_of::<T>());
        (self.class, self.item_size) == wanted && !self.is_big_endian()
    }
}

const fn unknown(text: &str) -> &'static str {
    match text.as_bytes() {
        b"object" | [b'|', b'O', ..] | [b'O'] => "cannot be stored, since its elements are pointers",
        _ => "is not known",
    }
}

/// Parses the names of NumPy and `ml_dtypes`.
fn named(name: &str) -> Option<(Class, usize)> {
    if let Some((_, size)) = ML_DTYPES.iter().find(|(known, _)| *known == name) {
        return Some((if name == "bfloat16" { Class::BFloat } else { Class::Other }, *size));
    }
    let (base, unit) = split_unit(name)?;
    let digits = base.find(|c: char| c.is_ascii_digit()).unwrap_or(base.len());
    let (word, bits) = base.split_at(digits);
    let bits: usize = if bits.is_empty() { 0 } else { bits.parse().ok()? };
    match (word, bits, unit.is_some()) {
        ("bool", 0, false) => Some((Class::Bool, 1)),
        ("int", 8 | 16 | 32 | 64, false) => Some((Class::Int, bits / 8)),
        ("uint", 8 | 16 | 32 | 64, false) => Some((Class::UInt, bits / 8)),
        ("float", 16 | 32 | 64 | 96 | 128, false) => Some((Class::Float, bits / 8)),
        ("complex", 64 | 128 | 192 | 256, false) => Some((Class::Other, bits / 8)),
        ("datetime" | "timedelta", 64, _) => Some((Class::Other, 8)),
        // mmap_ninja 0.9 writes `U`, `S` and `V` as their width in bits.
        ("str" | "bytes" | "void", 8.., false) if bits.is_multiple_of(8) => Some((Class::Other, bits / 8)),
        _ => None,
    }
}

/// A name or code, and the unit of a time after it, such as `[10us]`. Text after the unit is refused, since NumPy would
/// read it as another dtype than this parser.
fn split_unit(text: &str) -> Option<(&str, Option<&str>)> {
    const UNITS: [&str; 14] = ["generic", "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"];
    let Some((base, rest)) = text.split_once('[') else { return Some((text, None)) };
    let unit = rest.strip_suffix(']')?;
    let name = unit.trim_start_matches(|c: char| c.is_ascii_digit());
    let multiple = &unit[..unit.len() - name.len()];
    // NumPy parses a multiple of 0, but cannot compare or print such times.
    let is_known = UNITS.contains(&name) && multiple.trim_start_matches('0').is_empty() == multiple.is_empty();
    is_known.then_some((base, Some(unit)))
}

/// Parses the form of `np.dtype.str`: byte order, kind, size, and the unit of a time.
fn coded(code: &str) -> Option<(Class, usize)> {
    let code = code.strip_prefix(['<', '>', '|', '=']).unwrap_or(code);
    let kind = code.chars().next()?;
    let (rest, unit) = split_unit(&code[kind.len_utf8()..])?;
    if unit.is_some() && !matches!(kind, 'M' | 'm') {
        return None;
    }
    let size: usize = if rest.is_empty() && matches!(kind, 'M' | 'm') { 8 } else { rest.parse().ok()? };
    let class = match (kind, size) {
        ('b', 1) => Class::Bool,
        ('i', 1 | 2 | 4 | 8) => Class::Int,
        ('u', 1 | 2 | 4 | 8) => Class::UInt,
        ('f', 2 | 4 | 8 | 12 | 16) => Class::Float,
        ('c', 8 | 16 | 24 | 32) | ('M' | 'm', 8) | ('S' | 'V', _) => Class::Other,
        ('U', _) => return Some((Class::Other, size.checked_mul(4)?)),
        _ => return None,
    };
    Some((class, size))
}

/// The bytes of one element of a `descr`: a list of `[name, type]` or `[name, type, shape]`.
fn struct_size(descr: &Value, depth: usize) -> Option<usize> {
    let fields = descr.as_array().filter(|_| depth < MAX_DEPTH)?;
    fields.iter().try_fold(0_usize, |total, field| total.checked_add(field_size(field.as_array()?, depth)?))
}

fn field_size(field: &[Value], depth: usize) -> Option<usize> {
    let (kind, shape) = match field {
        [_, kind] => (kind, None),
        [_, kind, shape] => (kind, Some(shape.as_array()?)),
        _ => return None,
    };
    let size = match kind {
        Value::String(text) => named(text).or_else(|| coded(text))?.1,
        nested => struct_size(nested, depth + 1)?,
    };
    shape
        .into_iter()
        .flatten()
        .try_fold(size, |product, axis| product.checked_mul(usize::try_from(axis.as_u64()?).ok()?))
}

fn class_of(name: &str) -> Class {
    named(name).map_or(Class::Other, |(class, _)| class)
}

/// A Rust type whose values have the same bytes in memory and in the files.
pub trait Element: bytemuck::Pod {
    /// Its name in NumPy.
    const NAME: &'static str;

    /// The bytes of `values`, in memory as in the files.
    #[must_use]
    fn bytes(values: &[Self]) -> &[u8] {
        bytemuck::cast_slice(values)
    }
}

macro_rules! elements {
    ($($rust:ty => $numpy:literal),*) => {
        $(impl Element for $rust { const NAME: &'static str = $numpy; })*
    };
}
elements!(
    i8 => "int8", i16 => "int16", i32 => "int32", i64 => "int64",
    u8 => "uint8", u16 => "uint16", u32 => "uint32", u64 => "uint64",
    f32 => "float32", f64 => "float64"
);

/// The elements in `bytes`.
pub(crate) fn typed<'a, T: Element>(dir: &Path, dtype: &Dtype, bytes: &'a [u8]) -> Result<&'a [T]> {
    if dtype.is::<T>() && bytes.is_empty() {
        return Ok(&[]);
    }
    if dtype.is::<T>()
        && let Ok(values) = bytemuck::try_cast_slice(bytes)
    {
        return Ok(values);
    }
    Err(Error::Dtype { what: format!("{}: the elements are {}, not {}", dir.display(), dtype.text(), T::NAME) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_its_size() {
        for (text, size) in [
            ("bool", 1),
            ("uint64", 8),
            ("float16", 2),
            ("complex256", 32),
            ("datetime64[10us]", 8),
            ("timedelta64", 8),
            ("bfloat16", 2),
            ("str96", 12),
            (">i4", 4),
            ("|S5", 5),
            ("|V3", 3),
            ("<M8[ns]", 8),
            (r#"[["a", "|u1"], ["", "|V3"], [["title", "b"], [["c", ">f8", [2, 3]]]]]"#, 52),
        ] {
            assert_eq!(Dtype::parse(text).unwrap().item_size(), size, "{text}");
        }
    }

    #[test]
    fn dtypes_that_cannot_be_stored_are_refused() {
        let nested = format!("{}{}", "[[\"a\",".repeat(40), "]]".repeat(40));
        let smuggled = ["M8[s],(1000000,)f8", "M8[s],O", "f4[s]", "<U2[", "datetime64[s]x", "float32,O", "i4,i4"];
        for text in smuggled.into_iter().chain([r#"[["a","M8[s],O"]]"#, r#"[["a","M8[s],(9,)f8"]]"#]) {
            assert!(matches!(Dtype::parse(text), Err(Error::Dtype { .. })), "{text}");
        }
        for text in ["object", "|O", "", "[", "int", "int7", "<U0", "<U99999999999999999999", "é", "[]", &nested] {
            assert!(matches!(Dtype::parse(text), Err(Error::Dtype { .. })), "{text}");
        }
    }

    #[test]
    fn only_elements_of_the_same_bytes_are_read_as_a_rust_type() {
        assert!(Dtype::parse("float32").unwrap().is::<f32>());
        assert!(Dtype::parse("<i8").unwrap().is::<i64>());
        assert!(!Dtype::parse(">i8").unwrap().is::<i64>());
        assert!(!Dtype::parse("int32").unwrap().is::<f32>());
        assert!(!Dtype::parse("datetime64[s]").unwrap().is::<i64>());
    }
}
