//! Attributes: a JSON object of the user's own beside the samples, in `attrs.json`. A file of anybody's is read with caps on
//! its size and nesting, and is not believed if a key appears twice.

use std::fmt;
use std::path::Path;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::format::ATTRS;
use crate::io::untrusted::read_optional;
use crate::options::Options;
use crate::paths::absolute;
use crate::schema::{kind_of, no_dataset};
use crate::txn::{DirLock, replace_file};

/// The largest `attrs.json`.
const MAX_BYTES: usize = 1 << 20;

/// The attributes of the dataset in `dir`; none if they were never written.
///
/// # Errors
/// [`Error::Corrupt`] where `attrs.json` is larger than 1 MiB, nested more than 127 deep, names a key twice, or is not a
/// JSON object; [`Error::Io`], also where there is no dataset.
pub fn read_attrs(dir: impl AsRef<Path>) -> Result<Map<String, Value>> {
    let dir = dir.as_ref();
    read_text(dir)?.map_or_else(|| Ok(Map::new()), |text| parse(&text).map_err(|what| damaged(dir, &what)))
}

/// Replaces the attributes of the dataset in `dir`, in one step that survives a power failure.
///
/// ```
/// use mmap_ninja::Strings;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("texts");
/// Strings::create(&path, None, &["one", "zwei"])?;
/// let attrs = [("languages".to_owned(), vec!["en", "de"].into())];
/// mmap_ninja::write_attrs(&path, &attrs.into_iter().collect())?;
/// assert_eq!(mmap_ninja::read_attrs(&path)?["languages"][1], "de");
/// # Ok::<(), mmap_ninja::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] where they take more than 1 MiB as JSON, or are nested more than 127 deep; [`Error::Busy`];
/// [`Error::Interrupted`]; [`Error::Io`], also where there is no dataset. Then nothing has changed.
pub fn write_attrs(dir: impl AsRef<Path>, attrs: &Map<String, Value>) -> Result<()> {
    write_attrs_with(dir, &Options::default(), attrs)
}

/// As [`write_attrs`], with options, of which it uses the timeout, the locking and the cancellation.
///
/// # Errors
/// As [`write_attrs`].
pub fn write_attrs_with(dir: impl AsRef<Path>, options: &Options, attrs: &Map<String, Value>) -> Result<()> {
    // Maps of JSON values always have a text.
    write_text(dir.as_ref(), options, &serde_json::to_string(attrs).unwrap_or_default())
}

/// The text of a sound `attrs.json`; `None` where there is none.
pub(crate) fn read_text(dir: &Path) -> Result<Option<String>> {
    if kind_of(dir)?.is_none() {
        return Err(no_dataset(dir));
    }
    let Some(bytes) = read_optional(&dir.join(ATTRS), MAX_BYTES as u64)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| damaged(dir, "it is not UTF-8"))?;
    parse(&text).map_err(|what| damaged(dir, &what))?;
    Ok(Some(text))
}

/// Replaces the `attrs.json` of the dataset in `dir` by `text`, which must be sound.
pub(crate) fn write_text(dir: &Path, options: &Options, text: &str) -> Result<()> {
    let dir = absolute(dir)?;
    let refused = |what: String| Error::Argument { what: format!("{}: the attributes {what}", dir.display()) };
    if text.len() > MAX_BYTES {
        return Err(refused(format!("take {} bytes as JSON, and at most {MAX_BYTES} can be stored", text.len())));
    }
    parse(text).map_err(|what| refused(format!("cannot be stored: {what}")))?;
    let Some(_lock) = DirLock::acquire(&dir, options)? else { return Err(no_dataset(&dir)) };
    if kind_of(&dir)?.is_none() {
        return Err(no_dataset(&dir));
    }
    replace_file(&dir.join(ATTRS), text.as_bytes())
}

fn damaged(dir: &Path, what: &str) -> Error {
    Error::corrupt(dir.join(ATTRS), format!("the attributes are damaged: {what}"))
}

/// The object that a text holds, or why it holds none.
fn parse(text: &str) -> std::result::Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Unique(Value::Object(attrs))) => Ok(attrs),
        Ok(_) => Err("this is not a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A JSON value in which no object names a key twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(text: D) -> std::result::Result<Self, D::Error> {
        text.deserialize_any(UniqueVisitor).map(Unique)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = entries.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((key, Unique(value))) = entries.next_entry::<String, _>()? {
            if values.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} appears twice")));
            }
            values.insert(key, value);
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::folder;
    use crate::testing::stores::{STORES, Store};
    use crate::txn::testing::fault::{Fault, inject};
    use crate::{Durability, verify};

    fn attrs(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn attributes_of_every_store_are_read_back_and_survive_an_append() {
        let written = attrs(&json!({"classes": ["a", "é"], "nested": {"pi": 3.5, "big": u64::MAX, "none": null}}));
        for store in STORES {
            let folder = folder();
            let path = folder.path().join("map");
            (store.create)(&path, Durability::Process, store.old).unwrap();
            assert_eq!(read_attrs(&path).unwrap(), Map::new(), "{}", store.name);
            write_attrs(&path, &attrs(&json!({"old": 1}))).unwrap();
            write_attrs(&path, &written).unwrap();
            (store.append)(&path, Durability::Process, store.new).unwrap();
            assert_eq!(read_attrs(&path).unwrap(), written, "{}", store.name);
            assert!(verify(&path).unwrap().is_ok(), "{}", store.name);
            (store.create)(&path, Durability::Process, store.new).unwrap();
            assert_eq!(read_attrs(&path).unwrap(), Map::new(), "{}", store.name);
        }
    }

    #[test]
    fn a_fault_at_any_operation_leaves_the_old_or_the_new_attributes() {
        let (old, new) = (attrs(&json!({"a": 1})), attrs(&json!({"b": [2]})));
        for fault in [Fault::Kill, Fault::Torn, Fault::Error(5), Fault::Short] {
            for n in 0.. {
                let folder = folder();
                let path = folder.path().join("map");
                (Store::named("ragged 1-D").create)(&path, Durability::Process, &[1, 2]).unwrap();
                write_attrs(&path, &old).unwrap();
                let (written, was_struck) = inject(n, fault, || write_attrs(&path, &new));
                let found = read_attrs(&path).unwrap();
                assert!(found == old || found == new, "operation {n}, {fault:?}: {found:?}");
                assert!(written.is_err() || found == new, "operation {n}, {fault:?}");
                assert!(verify(&path).unwrap().is_ok(), "operation {n}, {fault:?}");
                write_attrs(&path, &new).unwrap();
                assert_eq!(read_attrs(&path).unwrap(), new, "operation {n}, {fault:?}");
                if !was_struck {
                    assert!(n >= 4, "{n} operations");
                    break;
                }
            }
        }
    }

    #[test]
    fn attributes_that_could_not_be_read_back_are_refused() {
        let folder = folder();
        let path = folder.path().join("map");
        (Store::named("strings").create)(&path, Durability::Process, &[1]).unwrap();
        let nested = (0..130).fold(json!(1), |value, _| json!([value]));
        for refused in [json!({"deep": nested}), json!({"long": "x".repeat(MAX_BYTES)})] {
            assert!(matches!(write_attrs(&path, &attrs(&refused)), Err(Error::Argument { .. })));
            assert!(!path.join(ATTRS).exists());
        }
        assert!(matches!(write_attrs(folder.path(), &Map::new()), Err(Error::Io { .. })));
    }

    #[test]
    fn hostile_attributes_are_damage() {
        let folder = folder();
        let path = folder.path().join("map");
        (Store::named("rows").create)(&path, Durability::Process, &[1]).unwrap();
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BYTES));
        let twice = r#"{"a":{"b":1,"\u0062":2}}"#;
        for text in [&deep, &long, twice, "", "[]", "3", "{\"a\":NaN}", "{\"a\":1e999}", "{} {}", "{\"a\":\"\\ud800\"}"]
        {
            std::fs::write(path.join(ATTRS), text).unwrap();
            assert!(matches!(read_attrs(&path), Err(Error::Corrupt { .. })), "{text:.40}");
            let report = verify(&path).unwrap();
            assert_eq!(report.findings.len(), 1, "{report}");
            assert_eq!(report.findings[0].file, Path::new(ATTRS));
        }
    }
}
