//! Unknown keys, refused with the nearest valid name.

use schemars::Schema;
use serde_json::Value as Json;
use toml::{Table, Value};

use super::PlanError;

/// Compares the keys of a file with its schema, section by section.
pub(crate) fn check_keys(table: &Table, schema: &Schema) -> Result<(), PlanError> {
    let root = schema.as_value();
    walk(table, root, root, "")
}

fn walk(table: &Table, schema: &Json, root: &Json, path: &str) -> Result<(), PlanError> {
    let Some(properties) =
        object(schema, root).and_then(|found| found.get("properties")?.as_object())
    else {
        return Ok(());
    };
    for (key, value) in table {
        let dotted = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        let Some(below) = properties.get(key) else {
            let nearest = properties
                .keys()
                .map(|known| (strsim::damerau_levenshtein(known, key), known))
                .filter(|(distance, known)| *distance <= known.len().div_ceil(2))
                .min()
                .map(|(_, known)| {
                    if path.is_empty() {
                        known.clone()
                    } else {
                        format!("{path}.{known}")
                    }
                });
            return Err(PlanError::UnknownKey {
                key: dotted,
                nearest,
            });
        };
        match value {
            Value::Table(inner) => walk(inner, below, root, &dotted)?,
            Value::Array(list) => {
                let Some(items) = below.get("items") else {
                    continue;
                };
                for (index, item) in list.iter().enumerate() {
                    if let Value::Table(inner) = item {
                        walk(inner, items, root, &format!("{dotted}[{index}]"))?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The one object schema behind references and `Option`; none for a choice of several.
fn object<'a>(schema: &'a Json, root: &'a Json) -> Option<&'a Json> {
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        return object(root.pointer(reference.strip_prefix('#')?)?, root);
    }
    if let Some(choices) = schema
        .get("anyOf")
        .or_else(|| schema.get("oneOf"))
        .and_then(Json::as_array)
    {
        let mut found = choices.iter().filter_map(|choice| object(choice, root));
        return match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        };
    }
    schema.get("properties").map(|_| schema)
}
