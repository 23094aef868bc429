//! Unknown keys, refused with the nearest valid name.

use schemars::Schema;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::{PlanError, names};

/// A key that no experiment file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// The dotted key.
    pub key: String,
    /// The key that is probably meant.
    pub meant: Option<String>,
    /// What it asks for and this program does not do.
    pub absent: Option<&'static str>,
}

/// Compares the keys of a file with its schema, section by section, and tells of all that are unknown.
pub(crate) fn check_keys(table: &Table, schema: &Schema) -> Result<(), PlanError> {
    let root = schema.as_value();
    let mut unknown = Vec::new();
    walk(table, root, root, "", &mut unknown);
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(PlanError::UnknownKeys { unknown }),
    }
}

fn walk(table: &Table, schema: &Json, root: &Json, path: &str, unknown: &mut Vec<UnknownKey>) {
    let Some(properties) =
        meant_object(table, schema, root).and_then(|found| found.get("properties")?.as_object())
    else {
        return;
    };
    for (key, value) in table {
        let dotted = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        let Some(below) = properties.get(key) else {
            let here = properties.keys().map(|known| match path {
                "" => known.clone(),
                path => format!("{path}.{known}"),
            });
            let meant = meant(&dotted, here.collect(), root);
            let absent = match meant {
                Some(_) => None,
                None => names::absent(&dotted),
            };
            unknown.push(UnknownKey {
                key: dotted,
                meant,
                absent,
            });
            continue;
        };
        match value {
            Value::Table(inner) => walk(inner, below, root, &dotted, unknown),
            Value::Array(list) => {
                let Some(items) = below.get("items") else {
                    continue;
                };
                for (index, item) in list.iter().enumerate() {
                    if let Value::Table(inner) = item {
                        walk(inner, items, root, &format!("{dotted}[{index}]"), unknown);
                    }
                }
            }
            _ => {}
        }
    }
}

/// What is meant by an unknown key: what other programs call so, a key of that name in another section, or the nearest
/// name in its place.
fn meant(key: &str, here: Vec<String>, root: &Json) -> Option<String> {
    let last = key.rsplit('.').next().unwrap_or(key);
    let distance = |known: &String| {
        let known = known.rsplit('.').next().unwrap_or(known);
        (
            strsim::damerau_levenshtein(known, last),
            known.len().div_ceil(3),
        )
    };
    let near = || {
        let near = here.iter().map(|known| (distance(known), known));
        let near = near.filter(|((distance, most), _)| distance <= most);
        near.min().map(|(_, known)| known.clone())
    };
    names::meant(key)
        .map(str::to_owned)
        .or_else(|| elsewhere(last, root, |_| 0))
        .or_else(near)
        .or_else(|| elsewhere(last, root, |letters| letters / 3))
}

/// The one key of the sections whose name is nearest to this one; at most `most` of its letters are wrong.
fn elsewhere(name: &str, root: &Json, most: impl Fn(usize) -> usize) -> Option<String> {
    let sections = root.get("properties")?.as_object()?;
    let keys = sections.iter().flat_map(|(section, schema)| {
        let inside = object(schema, root).and_then(|found| found.get("properties")?.as_object());
        let keys = inside.into_iter().flat_map(|inside| inside.keys());
        keys.map(move |key| (section, key))
    });
    let near = keys.filter_map(|(section, key)| {
        let distance = strsim::damerau_levenshtein(key, name);
        (distance <= most(key.len())).then_some((distance, format!("{section}.{key}")))
    });
    let near: Vec<(usize, String)> = near.collect();
    let least = near.iter().map(|(distance, _)| *distance).min()?;
    only(near.into_iter().filter(|(distance, _)| *distance == least)).map(|(_, key)| key)
}

/// The one object schema behind references and `Option`; none for a choice of several.
pub(super) fn object<'a>(schema: &'a Json, root: &'a Json) -> Option<&'a Json> {
    only(objects(schema, root).into_iter())
}

/// The object schema that a table follows; of a choice of several the only one that has any of its keys.
fn meant_object<'a>(table: &Table, schema: &'a Json, root: &'a Json) -> Option<&'a Json> {
    let fits = |choice: &&Json| {
        let known = choice.get("properties");
        known.is_some_and(|known| table.keys().any(|key| known.get(key).is_some()))
    };
    object(schema, root).or_else(|| only(objects(schema, root).into_iter().filter(fits)))
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// All object schemas behind references and choices.
fn objects<'a>(schema: &'a Json, root: &'a Json) -> Vec<&'a Json> {
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        let target = reference
            .strip_prefix('#')
            .and_then(|path| root.pointer(path));
        return target
            .map(|target| objects(target, root))
            .unwrap_or_default();
    }
    let choices = schema.get("anyOf").or_else(|| schema.get("oneOf"));
    match choices.and_then(Json::as_array) {
        Some(choices) => choices
            .iter()
            .flat_map(|choice| objects(choice, root))
            .collect(),
        None => schema
            .get("properties")
            .map(|_| schema)
            .into_iter()
            .collect(),
    }
}
