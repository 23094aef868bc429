//! All keys of an experiment file with their defaults and meanings, read off its schema.

use serde_json::Value as Json;

use super::{Document, keys};

/// A key of an experiment file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Key {
    /// The section; empty for keys that stand before all sections.
    pub section: String,
    /// What stands above its keys in a file: `[target]`, `[[sweep]]`.
    pub heading: String,
    /// The name inside the section.
    pub name: String,
    /// What it takes, in words.
    pub takes: String,
    /// Its default as typed; none if it is required, or absent unless given.
    pub default: Option<String>,
    /// Whether a file without it is refused.
    pub required: bool,
    /// What it means.
    pub meaning: String,
}

/// All keys, section by section.
pub fn listing() -> Vec<Key> {
    let schema = Document::schema();
    let root = schema.as_value();
    let mut found = Vec::new();
    let top = Section {
        path: String::new(),
        heading: String::new(),
    };
    top.keys(root, root, &mut found);
    // Keys without a section come first, as in a file.
    found.sort_by_key(|key| !key.section.is_empty());
    found
}

/// Where keys stand.
struct Section {
    path: String,
    heading: String,
}

impl Section {
    /// The section `name` below this one.
    fn below(&self, name: &str, repeated: bool) -> Self {
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        let heading = match repeated {
            true => format!("[[{path}]]"),
            false => format!("[{path}]"),
        };
        Self { path, heading }
    }

    fn keys(&self, schema: &Json, root: &Json, found: &mut Vec<Key>) {
        let Some(properties) = keys::object(schema, root) else {
            return;
        };
        let required: Vec<&str> = properties
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let properties = properties.get("properties").and_then(Json::as_object);
        for (name, value) in properties.into_iter().flatten() {
            let items = value.get("items");
            let below = self.below(name, items.is_some());
            let inner = items.unwrap_or(value);
            let kinds = kinds(inner, root);
            if !kinds.is_empty() {
                for (kind, schema) in kinds {
                    let heading = format!("{} kind = \"{kind}\"", below.heading);
                    let path = format!("{}.{kind}", below.path);
                    Self { path, heading }.keys(schema, root, found);
                }
                continue;
            }
            if keys::object(inner, root).is_some() && !is_choice(inner, root) {
                below.keys(inner, root, found);
                continue;
            }
            if value.get("const").is_some() {
                continue; // stands in the heading
            }
            let words = value.get("description").and_then(Json::as_str);
            found.push(Key {
                section: self.path.clone(),
                heading: self.heading.clone(),
                name: name.clone(),
                takes: takes(value, root),
                default: value
                    .get("default")
                    .filter(|default| !default.is_null())
                    .map(Json::to_string),
                required: required.contains(&name.as_str()),
                meaning: words.unwrap_or_default().replace('\n', " "),
            });
        }
    }
}

/// The tables among which the key `kind` chooses, with its word for each.
fn kinds<'a>(schema: &'a Json, root: &'a Json) -> Vec<(&'a str, &'a Json)> {
    let target = schema.get("$ref").and_then(Json::as_str);
    let target = target.and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    let choices = target
        .unwrap_or(schema)
        .get("oneOf")
        .and_then(Json::as_array);
    let kind = |choice: &'a Json| {
        let word = choice.pointer("/properties/kind/const")?.as_str()?;
        Some((word, choice))
    };
    choices.into_iter().flatten().filter_map(kind).collect()
}

/// Whether a value is one of several things, such as a word or a table.
fn is_choice(schema: &Json, root: &Json) -> bool {
    let target = schema.get("$ref").and_then(Json::as_str);
    let target = target.and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    let target = target.unwrap_or(schema);
    let other = |choice: &Json| {
        choice.get("type").and_then(Json::as_str) != Some("null")
            && keys::object(choice, root).is_none()
    };
    let any = target.get("anyOf").and_then(Json::as_array);
    target.get("oneOf").is_some() || any.is_some_and(|any| any.iter().any(other))
}

/// What a value may be.
fn takes(schema: &Json, root: &Json) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        let target = reference
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer));
        return match reference.rsplit('/').next() {
            Some("Quantity") => "number or formula".to_owned(),
            _ => target.map(|target| takes(target, root)).unwrap_or_default(),
        };
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        let values: Vec<String> = values.iter().map(Json::to_string).collect();
        return values.join(", ");
    }
    let choices = schema.get("oneOf").or_else(|| schema.get("anyOf"));
    if let Some(choices) = choices.and_then(Json::as_array) {
        let choices = choices.iter().map(|choice| takes(choice, root));
        let mut known: Vec<String> = choices.filter(|words| words != "null").collect();
        known.dedup();
        return known.join(", ");
    }
    match schema.get("type") {
        Some(Json::String(kind)) => match kind.as_str() {
            "array" => {
                let of = schema.get("items").map(|items| takes(items, root));
                format!("list of {}", of.unwrap_or_default())
            }
            "integer" => "whole number".to_owned(),
            "string" => "text".to_owned(),
            "boolean" => "true, false".to_owned(),
            "object" => "table".to_owned(),
            other => other.to_owned(),
        },
        Some(Json::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Json::as_str);
            let kinds: Vec<&str> = kinds.filter(|kind| *kind != "null").collect();
            match kinds[..] {
                ["integer"] => "whole number".to_owned(),
                ["string"] => "text".to_owned(),
                _ => kinds.join(", "),
            }
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_meaning_and_known_ones_their_defaults() {
        let keys = listing();
        for key in &keys {
            assert!(!key.meaning.is_empty(), "{key:?}");
        }
        let find = |section: &str, name: &str| {
            let mut keys = keys.iter();
            keys.find(|key| key.section == section && key.name == name)
                .unwrap_or_else(|| panic!("no {section}.{name}"))
        };
        assert!(find("network", "width").required);
        let activation = find("network", "activation");
        assert_eq!(activation.default.as_deref(), Some("\"relu(x)\""));
        let geometry = find("protocol", "geometry");
        assert_eq!(geometry.takes, "\"plain\", \"projected\", \"spherical\"");
        assert_eq!(find("protocol", "batch").takes, "number or formula");
        let second = find("protocol", "second_layer");
        assert_eq!(second.default.as_deref(), Some("\"frozen\""));
        assert_eq!(second.takes, "\"frozen\", table");
        assert_eq!(find("sweep", "key").takes, "text");
        assert_eq!(find("sweep", "key").heading, "[[sweep]]");
        assert!(find("network", "start").takes.contains("table"));
        assert_eq!(
            find("figure.heat", "value").heading,
            "[[figure]] kind = \"heat\""
        );
        assert!(find("figure.curves", "x").required);
    }
}
