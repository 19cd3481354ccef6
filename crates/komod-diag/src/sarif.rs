//! SARIF 2.1.0 (OASIS): findings for code hosts and editors that collect those of many tools.
//!
//! One run of one tool. A result is the answer about one file; its rule is the diagnostic's code,
//! whose page stands in the tool's rules.

use std::path::{Component, Path};

use serde_json::{Map, Value, json};

use crate::{Diagnostic, Evidence, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The page about a code.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// The code: `L-08`.
    pub id: &'a str,
    /// The code in a few words.
    pub title: &'a str,
    /// The whole page, in Markdown.
    pub page: &'a str,
}

/// A finding about a file.
#[derive(Debug, Clone)]
pub struct Finding<'a> {
    /// What was looked at.
    pub file: &'a Path,
    /// What was found.
    pub diagnostic: &'a Diagnostic,
    /// What else a program may want to know: the kernel, the error number.
    pub properties: Vec<(&'a str, String)>,
}

/// The whole log. `rules` are those of all codes; only the ones in use are written.
pub fn log<'a>(
    version: &str,
    rules: impl IntoIterator<Item = Rule<'a>>,
    findings: &[Finding<'_>],
) -> Value {
    let used = |rule: &Rule<'_>| findings.iter().any(|f| f.diagnostic.code == rule.id);
    let rules: Vec<Rule<'a>> = rules.into_iter().filter(used).collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, &rules)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "komod",
                "version": version,
                "rules": rules.iter().map(described).collect::<Vec<Value>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn described(rule: &Rule<'_>) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "help": { "text": rule.page, "markdown": rule.page },
    })
}

fn result(finding: &Finding<'_>, rules: &[Rule<'_>]) -> Value {
    let diagnostic = finding.diagnostic;
    let level = match diagnostic.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut text = diagnostic.title.clone();
    for more in std::iter::once(&diagnostic.explanation).chain(&diagnostic.hints) {
        if !more.is_empty() {
            text.push('\n');
            text.push_str(more);
        }
    }
    let mut result = Map::new();
    result.insert("ruleId".into(), json!(diagnostic.code));
    if let Some(index) = rules.iter().position(|rule| diagnostic.code == rule.id) {
        result.insert("ruleIndex".into(), json!(index));
    }
    result.insert("level".into(), json!(level));
    result.insert("message".into(), json!({ "text": text }));
    let mut location = json!({
        "physicalLocation": { "artifactLocation": { "uri": uri(finding.file) } },
    });
    let symbols: Vec<Value> = diagnostic.evidence.iter().filter_map(symbol).collect();
    if !symbols.is_empty() {
        location["logicalLocations"] = Value::Array(symbols);
    }
    result.insert("locations".into(), json!([location]));
    let properties: Map<String, Value> =
        finding.properties.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    if !properties.is_empty() {
        result.insert("properties".into(), Value::Object(properties));
    }
    Value::Object(result)
}

fn symbol(evidence: &Evidence) -> Option<Value> {
    match evidence {
        Evidence::Object { symbol: Some(name), .. } => Some(json!({ "name": name })),
        _ => None,
    }
}

/// A path as a reference (RFC 3986): relative ones stay relative.
fn uri(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut text = String::new();
    if path.is_absolute() {
        text.push_str("file://");
    }
    for part in path.components() {
        let bytes = match part {
            Component::Normal(name) => name.as_bytes(),
            Component::ParentDir => b"..",
            Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
        };
        if !text.is_empty() {
            text.push('/');
        }
        for &byte in bytes {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_what_the_standard_requires() {
        let diagnostic = Diagnostic::new("L-08", Severity::Error, "x does not load")
            .with_hint("build it again")
            .with_evidence(Evidence::Object {
                path: "x.ko".into(),
                section: None,
                symbol: Some("kfree".into()),
                offset: None,
                value: None,
                label: String::new(),
            });
        let finding = Finding {
            file: Path::new("out/a b.ko"),
            diagnostic: &diagnostic,
            properties: vec![("kernel", "6.1.0".into())],
        };
        let rules = ["L-01", "L-08"].map(|id| Rule { id, title: "t", page: "p" });
        let log = log("1.2", rules, &[finding]);
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let driver = &run["tool"]["driver"];
        assert_eq!((&driver["name"], &driver["version"]), (&json!("komod"), &json!("1.2")));
        assert_eq!(driver["rules"].as_array().map(Vec::len), Some(1), "only rules in use");
        assert_eq!(driver["rules"][0]["help"]["text"], "p");
        let result = &run["results"][0];
        assert_eq!(result["ruleId"], "L-08");
        assert_eq!(result["ruleIndex"], 0);
        assert_eq!(result["level"], "error");
        assert_eq!(result["message"]["text"], "x does not load\nbuild it again");
        let place = &result["locations"][0];
        assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], "out/a%20b.ko");
        assert_eq!(place["logicalLocations"][0]["name"], "kfree");
        assert_eq!(result["properties"]["kernel"], "6.1.0");
    }

    #[test]
    fn without_findings_there_are_results_all_the_same() {
        let log = log("1", [], &[]);
        assert_eq!(log["runs"][0]["results"], json!([]));
    }

    #[test]
    fn paths_become_references() {
        assert_eq!(uri(Path::new("/a/ü#.ko")), "file:///a/%C3%BC%23.ko");
        assert_eq!(uri(Path::new("./x:y.ko")), "x%3Ay.ko");
        assert_eq!(uri(Path::new("../z.ko")), "../z.ko");
    }
}
