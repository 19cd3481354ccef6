//! Known failures, one file each.
//!
//! A rule looks at the [`Outcome`] of a build and says what it finds. kbuild is the judge of
//! whether a build works; the rules explain its words with what they see in the kernel tree and in
//! the sources. The text at the top of a rule's file is its page for users: What, Why, Example, Way
//! out; [`explain`] hands it out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use komod_diag::{Diagnostic, Evidence, Severity, Span};

use crate::location::Location;
use crate::log::Log;
use crate::messages::{self, Message};
use crate::project::Project;
use crate::tree::Tree;

/// How a build went: all that rules may look at.
pub struct Outcome<'a> {
    pub(crate) project: &'a Project,
    pub(crate) tree: &'a Tree,
    pub(crate) log: Log,
    pub(crate) messages: Vec<Message>,
    pub(crate) location: Location,
    pub(crate) without_btf: Option<String>,
}

/// What a rule found, and which compiler messages it accounts for.
pub(crate) struct Finding {
    diagnostic: Diagnostic,
    claims: Vec<usize>,
}

impl From<Diagnostic> for Finding {
    fn from(diagnostic: Diagnostic) -> Self {
        Finding { diagnostic, claims: Vec::new() }
    }
}

/// A rule.
struct Rule {
    code: &'static str,
    source: &'static str,
    look: fn(&Outcome<'_>) -> Vec<Finding>,
}

macro_rules! rules {
    ($($module:ident $code:literal,)*) => {
        $(pub mod $module;)*
        /// All rules, causes before consequences.
        static RULES: &[Rule] = &[$(Rule {
            code: $code,
            source: include_str!(concat!("rules/", stringify!($module), ".rs")),
            look: $module::look,
        }),*];
    };
}

rules! {
    b19 "B-19",
    b18 "B-18",
    b46 "B-46",
    b04 "B-04",
    b03 "B-03",
    b01 "B-01",
    b02 "B-02",
    b37 "B-37",
    b38 "B-38",
    b36 "B-36",
    b44 "B-44",
    b43 "B-43",
    b42 "B-42",
    b22 "B-22",
    b23 "B-23",
    b26 "B-26",
    b24 "B-24",
    b21 "B-21",
    b27 "B-27",
    b25 "B-25",
    b20 "B-20",
    b13 "B-13",
    b12 "B-12",
    b08 "B-08",
    b09 "B-09",
    b10 "B-10",
    b11 "B-11",
    b14 "B-14",
    b15 "B-15",
    b16 "B-16",
    b17 "B-17",
    b28 "B-28",
    b29 "B-29",
    b34 "B-34",
    b30 "B-30",
    b35 "B-35",
    b47 "B-47",
    b07 "B-07",
    b06 "B-06",
    b05 "B-05",
    b32 "B-32",
    b33 "B-33",
    b31 "B-31",
    b39 "B-39",
    b40 "B-40",
    b41 "B-41",
    b45 "B-45",
    b48 "B-48",
    b52 "B-52",
    b49 "B-49",
    b50 "B-50",
    b51 "B-51",
    b53 "B-53",
    b54 "B-54",
    b00 "B-00",
}

/// All that is to be said about a build, errors first, causes before consequences.
pub fn diagnose(outcome: &Outcome<'_>) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut claimed: Vec<usize> = Vec::new();
    for rule in RULES {
        for finding in (rule.look)(outcome) {
            let known = finding.claims.iter().any(|claim| claimed.contains(claim));
            if !known {
                claimed.extend(finding.claims);
                found.push(finding.diagnostic);
            }
        }
    }
    if !outcome.succeeded() && !found.iter().any(Diagnostic::is_error) {
        found.push(b00::unknown(&outcome.log));
    }
    found.sort_by_key(|diagnostic| std::cmp::Reverse(diagnostic.severity));
    found
}

/// The page about a code: what, why, example, way out.
pub fn explain(code: &str) -> Option<&'static str> {
    static PAGES: LazyLock<BTreeMap<&'static str, String>> =
        LazyLock::new(|| RULES.iter().map(|rule| (rule.code, page(rule.source))).collect());
    PAGES.get(code.to_ascii_uppercase().as_str()).map(String::as_str)
}

/// The codes that have a page, in order.
pub fn codes() -> Vec<&'static str> {
    let mut codes: Vec<_> = RULES.iter().map(|rule| rule.code).collect();
    codes.sort_unstable();
    codes
}

/// The module documentation at the top of a source file.
fn page(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n") + "\n"
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(
        project: &'a Project,
        tree: &'a Tree,
        log: Log,
        location: Location,
        without_btf: Option<String>,
    ) -> Self {
        let messages = messages::parse(&log.lines);
        Outcome { project, tree, log, messages, location, without_btf }
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.log.status == Some(0)
    }

    /// The lines that contain one of `texts`, as evidence, a few of them.
    pub(crate) fn said(&self, command: &str, texts: &[&str]) -> Option<Evidence> {
        let lines: Vec<&str> = self
            .log
            .lines
            .iter()
            .map(String::as_str)
            .filter(|line| texts.iter().any(|text| line.contains(text)))
            .take(4)
            .collect();
        (!lines.is_empty()).then(|| Evidence::output(command, lines))
    }

    /// A file named in a message: paths are relative to the kernel tree or to where komod runs.
    pub(crate) fn read(&self, path: &Path) -> Option<String> {
        let bytes = std::fs::read(self.locate(path)).ok()?;
        String::from_utf8(bytes).ok()
    }

    fn locate(&self, path: &Path) -> PathBuf {
        let in_tree = self.tree.path.join(path);
        if !path.is_absolute() && !path.exists() && in_tree.exists() {
            in_tree
        } else {
            path.into()
        }
    }

    /// The place of a compiler message.
    pub(crate) fn place(&self, message: &Message, label: &str) -> Evidence {
        let text = self.read(&message.path).unwrap_or_default();
        let line = usize::try_from(message.line).unwrap_or(0).saturating_sub(1);
        let line = text.lines().nth(line).unwrap_or_default();
        let column = byte_column(line, message.column);
        let from = usize::try_from(column).unwrap_or(0);
        let word = line
            .get(from.saturating_sub(1)..)
            .unwrap_or_default()
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
            .count();
        let end = column.saturating_add(u32::try_from(word.max(1)).unwrap_or(1));
        let span = match column {
            0 => Span::line(message.line),
            column => Span::columns(message.line, column, end),
        };
        Evidence::source(&message.path, span, line, label)
    }

    /// The project's C sources and headers: path as shown, and text.
    pub(crate) fn sources(&self) -> Vec<(PathBuf, String)> {
        let plan = crate::shadow::plan(self.project, &self.location.path).unwrap_or_default();
        let mut sources = Vec::new();
        for (relative, content) in plan {
            let c = relative.extension().is_some_and(|e| e == "c" || e == "h");
            if let (true, crate::shadow::Content::Link(source)) = (c, content)
                && let Ok(text) = std::fs::read_to_string(source)
            {
                sources.push((self.project.show(&relative), text));
            }
        }
        sources
    }
}

/// The byte column of a column as gcc counts it, with tabs reaching to every eighth (gcc manual,
/// `-fdiagnostics-column-unit` and `-ftabstop`).
fn byte_column(line: &str, shown: u32) -> u32 {
    let mut at: u32 = 1;
    for (byte, c) in line.char_indices() {
        if at >= shown {
            return u32::try_from(byte + 1).unwrap_or(u32::MAX).min(shown);
        }
        at = if c == '\t' { (at - 1) / 8 * 8 + 9 } else { at + 1 };
    }
    shown
}

/// An error with this code.
pub(crate) fn error(code: &'static str, title: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code, Severity::Error, title)
}

/// Adds evidence if there is any, and hints.
pub(crate) fn complete(
    diagnostic: Diagnostic,
    evidence: Option<Evidence>,
    hints: Vec<String>,
) -> Diagnostic {
    let mut diagnostic = diagnostic;
    diagnostic.evidence.extend(evidence);
    diagnostic.hints.extend(hints);
    diagnostic
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_behind_tabs() {
        for (line, shown, byte) in
            [("\tx", 9, 2), ("x", 1, 1), ("a\tb", 9, 3), ("\t\tb", 17, 3), ("", 5, 5), ("ab", 0, 0)]
        {
            assert_eq!(byte_column(line, shown), byte, "{line:?} {shown}");
        }
    }

    #[test]
    fn every_rule_has_a_whole_page() {
        for code in codes() {
            let page = explain(code).unwrap();
            assert!(page.starts_with(&format!("{code}: ")), "{code}: {page}");
            for part in ["\n# What\n", "\n# Why\n", "\n# Example\n", "\n# Way out\n"] {
                assert!(page.contains(part), "{code} lacks {part:?}");
            }
        }
        assert!(explain("b-28").is_some());
        assert!(explain("X-99").is_none());
    }
}
