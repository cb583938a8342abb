//! `fields.json`: the fields of a dataset of records, in the order in which they were named.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;

use super::kind::Kind;
use super::{ATTRS, CHECKSUMS, MAX_AXES, NEW_ATTRS, NEW_CHECKSUMS};

/// The version of the format.
const VERSION: u32 = 1;
/// The most fields of a dataset. The journal of an append names every member of every field.
pub const MAX_FIELDS: usize = 256;
/// The largest `fields.json`, in bytes.
pub const MAX_TEXT: u64 = 1 << 20;
/// The longest name, in bytes. A build adds to it, and file systems allow 255.
const MAX_NAME: usize = 200;
/// Characters that a file name cannot have on one of the common systems.
const FORBIDDEN: &str = "/\\:*?\"<>|";
/// Names that belong to devices on Windows, with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// One field: a dataset of its own, in the sub-directory of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSpec {
    /// The name of the field and of its directory.
    pub name: String,
    /// The kind of its dataset.
    #[serde(serialize_with = "write_kind", deserialize_with = "read_kind")]
    pub kind: Kind,
    /// The shape of every sample of a ragged field whose trailing axes are fixed: -1, then these axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<i64>>,
}

impl FieldSpec {
    /// A field whose samples may have any shape that its kind allows.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, shape: None }
    }

    /// The fixed trailing axes of a ragged field; none where samples may have any shape.
    pub fn trailing_axes(&self) -> Option<&[i64]> {
        self.shape.as_deref().and_then(|shape| shape.get(1..))
    }

    fn check(&self) -> Result<(), String> {
        check_name(&self.name)?;
        let Some(shape) = &self.shape else { return Ok(()) };
        let name = &self.name;
        if self.kind != Kind::Ragged {
            return Err(format!(
                "the field '{name}' of kind '{}' has a shape, which only ragged fields have",
                self.kind
            ));
        }
        let is_fixed = |axes: &[i64]| axes.iter().all(|&axis| axis >= 0);
        match shape.split_first() {
            Some((-1, axes)) if !axes.is_empty() && is_fixed(axes) && shape.len() <= MAX_AXES => Ok(()),
            _ => Err(format!("the field '{name}' has the shape {shape:?}, expected -1 and then fixed axes")),
        }
    }
}

/// The content of `fields.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldList {
    version: u32,
    /// The fields, in the order in which they were named.
    pub fields: Vec<FieldSpec>,
    /// Sub-directories that are not fields yet, or no longer: whatever they hold is for the next writer to remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
}

impl FieldList {
    /// A list of these fields.
    ///
    /// # Errors
    /// What is wrong with a name or a shape.
    pub fn new(fields: Vec<FieldSpec>) -> Result<Self, String> {
        let list = Self { version: VERSION, fields, pending: Vec::new() };
        list.check().map(|()| list)
    }

    /// The list that a `fields.json` states.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let list: Self = serde_json::from_slice(text).map_err(|error| format!("not a list of fields: {error}"))?;
        if list.version != VERSION {
            return Err(format!("a list of fields of version {}; this release reads version {VERSION}", list.version));
        }
        list.check().map(|()| list)
    }

    /// The bytes of a `fields.json`.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The names of all sub-directories that belong to the records.
    pub fn directories(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str()).chain(self.pending.iter().map(String::as_str))
    }

    /// Checks all names and shapes.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        if self.fields.len() + self.pending.len() > MAX_FIELDS {
            return Err(format!("more than {MAX_FIELDS} fields"));
        }
        if self.fields.is_empty() {
            return Err("a record has at least one field".to_owned());
        }
        let mut seen = HashSet::new();
        for field in &self.fields {
            field.check()?;
            if !seen.insert(folded(&field.name)) {
                return Err(format!(
                    "the name '{}' occurs twice, without regard to case and to how accents are encoded",
                    field.name
                ));
            }
        }
        for name in &self.pending {
            check_name(name)?;
            if !seen.insert(folded(name)) {
                return Err(format!("'{name}' is both a field and a directory to remove"));
            }
        }
        Ok(())
    }
}

/// Checks that a name can be that of a directory on Linux, macOS and Windows, and is not one of this crate's.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_digit = |text: &str| matches!(text.as_bytes(), [b'1'..=b'9']);
    let is_device = |stem: &str| {
        let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
        DEVICES.contains(&stem) || port.is_some_and(|rest| matches!(rest, "¹" | "²" | "³") || is_digit(rest))
    };
    let folded = folded(name);
    let reason = if name.is_empty() || name.len() > MAX_NAME {
        format!("a name has 1 to {MAX_NAME} bytes")
    } else if name.starts_with('.') {
        "it is hidden".to_owned()
    } else if name.contains(|c: char| c.is_control() || FORBIDDEN.contains(c)) || name.ends_with(['.', ' ']) {
        "not every system allows it as the name of a directory".to_owned()
    } else if is_device(folded.split('.').next().unwrap_or_default().trim_end()) {
        "Windows has a device of this name".to_owned()
    } else if Path::new(&folded).extension().is_some_and(|end| end == "ninja")
        || [super::FIELDS, ATTRS, NEW_ATTRS, CHECKSUMS, NEW_CHECKSUMS].contains(&folded.as_str())
    {
        "mmap_ninja has a file of this name".to_owned()
    } else {
        return Ok(());
    };
    Err(format!("'{name}' cannot be the name of a field: {reason}"))
}

/// Names that are equal without regard to case, and to how accents are encoded, have the same directory on some systems.
fn folded(name: &str) -> String {
    name.nfc().collect::<String>().to_lowercase().nfc().collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn write_kind<S: Serializer>(kind: &Kind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(kind.name())
}

fn read_kind<'de, D: Deserializer<'de>>(from: D) -> Result<Kind, D::Error> {
    let name = String::deserialize(from)?;
    let kind = Kind::parse(name.as_bytes()).filter(|kind| *kind != Kind::Records && kind.name() == name);
    kind.ok_or_else(|| serde::de::Error::custom(format!("'{name}' is not a kind of field")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> FieldSpec {
        FieldSpec::new(name, Kind::Ragged)
    }

    #[test]
    fn a_list_of_fields_reads_back() {
        let boxes = FieldSpec { shape: Some(vec![-1, 4]), ..field("boxes") };
        let mut list = FieldList::new(vec![FieldSpec::new("label", Kind::Numpy), boxes]).unwrap();
        list.pending.push("old".to_owned());
        assert_eq!(FieldList::parse(&list.encode()), Ok(list));
    }

    #[test]
    fn the_documented_text_is_what_is_written() {
        let list = FieldList::new(vec![field("image"), FieldSpec::new("label", Kind::Numpy)]).unwrap();
        let text = r#"{"version":1,"fields":[{"name":"image","kind":"ragged"},{"name":"label","kind":"numpy"}]}"#;
        assert_eq!(String::from_utf8(list.encode()).unwrap(), text);
    }

    #[test]
    fn names_that_some_system_or_this_crate_has_no_directory_for_are_refused() {
        for name in
            ["", ".", "..", ".x", "a/b", "a\\b", "a:b", "a\0", "a.", "a ", "CON", "nul.txt", "com1", "Attrs.JSON"]
        {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["COM¹", "lpt³.txt", "com1 .txt", "CONOUT$"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["type.ninja", "fields.json", "checksums.json.new", &"n".repeat(201)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["image", "an image", "étiquette", "console", "com10", "starts", "a.b"] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn names_that_have_the_same_directory_on_some_system_are_refused() {
        for [one, other] in [["image", "Image"], ["caf\u{e9}", "cafe\u{301}"], ["\u{c9}", "e\u{301}"]] {
            assert!(FieldList::new(vec![field(one), field(other)]).is_err(), "{one} {other}");
        }
    }

    #[test]
    fn hostile_lists_are_refused() {
        let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for text in [
            "",
            "[]",
            "{\"version\":2,\"fields\":[]}",
            "{\"version\":1,\"fields\":[{\"name\":\"a\",\"kind\":\"records\"}]}",
            "{\"version\":1,\"fields\":[{\"name\":\"../a\",\"kind\":\"ragged\"}]}",
            "{\"version\":1,\"fields\":[{\"name\":\"a\",\"kind\":\"ragged\",\"shape\":[2,4]}]}",
            "{\"version\":1,\"fields\":[{\"name\":\"a\",\"kind\":\"numpy\",\"shape\":[-1,4]}]}",
            "{\"version\":1,\"fields\":[{\"name\":\"a\",\"kind\":\"ragged\"}],\"pending\":[\"A\"]}",
            &nested,
        ] {
            assert!(FieldList::parse(text.as_bytes()).is_err(), "{text:.60}");
        }
        let many = (0..=MAX_FIELDS).map(|i| field(&i.to_string())).collect();
        assert!(FieldList::new(many).is_err());
    }
}
