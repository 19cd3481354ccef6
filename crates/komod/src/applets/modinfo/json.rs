//! `modinfo --json`: everything, and each thing for itself.

use super::look_up::Found;
use super::told::Told;
use serde::Serialize;
use std::collections::BTreeMap;

/// A module. Text that is not UTF-8 has `\u{fffd}` in its place.
#[derive(Serialize)]
pub struct Module {
    name: String,
    /// Absent in a built-in module.
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    builtin: bool,
    /// The strings of `.modinfo` by their keys, without those about parameters.
    fields: BTreeMap<String, Vec<String>>,
    parameters: Vec<Parameter>,
    /// In hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Signed>,
}

#[derive(Serialize)]
struct Parameter {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
}

#[derive(Serialize)]
struct Signed {
    id: &'static str,
    signer: String,
    /// In hexadecimal digits, like `signature`.
    key: String,
    hash: &'static str,
    signature: String,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn module(found: &Found, told: &Told) -> Module {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in &told.entries {
        fields.entry(text(key)).or_default().push(text(value));
    }
    let parameters = told.params.iter().map(|param| Parameter {
        name: text(&param.name),
        description: param.description.as_deref().map(text),
        kind: param.kind.as_deref().map(text),
    });
    Module {
        name: found.name().to_string_lossy().into_owned(),
        filename: match found {
            Found::File(path) => Some(path.display().to_string()),
            Found::Builtin(_) => None,
        },
        builtin: matches!(found, Found::Builtin(_)),
        fields,
        parameters: parameters.collect(),
        build_id: told.build_id.as_deref().map(hex),
        signature: told.signature.as_ref().map(|signature| Signed {
            id: signature.id,
            signer: text(&signature.signer),
            key: hex(&signature.key),
            hash: signature.hash,
            signature: hex(&signature.signature),
        }),
    }
}
