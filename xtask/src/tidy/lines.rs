//! Rules about single lines.

use super::code::{code_only, has_word};
use super::{Finding, SourceFile};

/// What a finished file does not say, and what finished code does not call. Put together here so
/// that this file does not break its own rule.
const OPEN_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
const OPEN_CALLS: &[&str] =
    &[concat!("to", "do!"), concat!("unimplement", "ed!"), concat!("db", "g!")];

pub fn nothing_left_open(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| f.is_rust() || f.path.ends_with(".c")) {
        let code = code_only(file.text());
        for (number, (line, code)) in file.text().lines().zip(code.lines()).enumerate() {
            let word = OPEN_WORDS.iter().find(|w| has_word(line, w));
            let call = OPEN_CALLS.iter().find(|c| code.contains(**c));
            if let Some(what) = word.or(call) {
                findings.push(file.finding(number + 1, format!("{what}: finish it")));
            }
        }
    }
    findings
}

pub fn ignored_tests_have_reasons(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        for (number, line) in code_only(file.text()).lines().enumerate() {
            let Some((_, rest)) = line.split_once("#[ignore") else { continue };
            if !rest.trim_start().starts_with('=') {
                findings.push(file.finding(number + 1, "an ignored test without a reason"));
            }
        }
    }
    findings
}

/// Directories that exist on one developer's machine.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/var/t", "mp/"),
    concat!("/fa", "rm/"),
];

/// Users of examples.
const PLACEHOLDERS: &[&str] = &["me", "you"];

pub fn no_paths_of_one_machine(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (number, line) in file.text().lines().enumerate() {
            for path in MACHINE {
                let absolute = line.match_indices(path).any(|(at, _)| {
                    // Otherwise it is the middle of some other path, or nobody's.
                    let before = line[..at].chars().next_back();
                    let inside =
                        before.is_some_and(|c| c.is_alphanumeric() || "_-.~})/".contains(c));
                    let user = line[at + path.len()..].split('/').next().unwrap_or_default();
                    !inside && !PLACEHOLDERS.contains(&user)
                });
                if absolute {
                    findings
                        .push(file.finding(number + 1, format!("a path of one machine: {path}")));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn open_ends() {
        for word in OPEN_WORDS {
            let text = format!("fn f() {{}}\n// {word} later\n");
            let found = nothing_left_open(&[file("a.rs", &text)]);
            assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [2], "{word}");
        }
        for call in OPEN_CALLS {
            let text = format!("fn f() {{ {call}(x) }}");
            assert_eq!(nothing_left_open(&[file("a.rs", &text)]).len(), 1, "{call}");
            let text = format!("fn f() {{ g(\"{call}\") }}");
            assert!(nothing_left_open(&[file("a.rs", &text)]).is_empty(), "{call} in a string");
        }
        assert!(nothing_left_open(&[file("a.rs", "let TODOS = 1;")]).is_empty());
    }

    #[test]
    fn ignored_tests() {
        assert_eq!(ignored_tests_have_reasons(&[file("a.rs", "#[ignore]\nfn t() {}")]).len(), 1);
        let reason = "#[ignore = \"needs a board\"]\nfn t() {}";
        assert!(ignored_tests_have_reasons(&[file("a.rs", reason)]).is_empty());
    }

    #[test]
    fn machine_paths() {
        for path in MACHINE {
            let text = format!("see `{path}x`");
            assert_eq!(no_paths_of_one_machine(&[file("a.md", &text)]).len(), 1, "{path}");
            let text = format!("see {path}me/x");
            assert!(no_paths_of_one_machine(&[file("a.md", &text)]).is_empty(), "{path}");
            let text = format!("crates{path}x");
            assert!(no_paths_of_one_machine(&[file("a.md", &text)]).is_empty(), "{path}");
        }
    }
}
