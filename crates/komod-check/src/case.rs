//! A refusal, told: each kind of obstacle becomes a diagnostic.

use std::collections::BTreeMap;
use std::path::Path;

use komod_diag::{Diagnostic, Evidence, Severity};
use komod_load::{Finding, Refusal, RefusalCode};
use komod_object::Module;

use crate::rules;
use crate::target::Target;
use crate::verdict::Outcome;

/// Obstacles of one kind are shown up to this number.
const SHOWN: usize = 8;

/// What a rule may look at: the obstacles of its kind.
#[derive(Debug)]
pub struct Case<'a> {
    pub(crate) path: &'a Path,
    pub(crate) target: &'a Target,
    pub(crate) findings: Vec<&'a Finding>,
    /// First word of the version magic.
    pub(crate) built_for: Option<String>,
    pub(crate) license: Option<String>,
    /// Symbols of modules that were found not to load, and these modules.
    pub(crate) lost: &'a BTreeMap<String, String>,
}

impl Case<'_> {
    /// The symbols in question.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.findings.iter().filter_map(|finding| finding.evidence.symbol.as_deref())
    }

    /// The way out when the module is of another kernel.
    pub(crate) fn rebuild(&self) -> Vec<String> {
        let release = self.target.release();
        let mut hints = vec![format!("build it for this kernel: `komod build --kernel {release}`")];
        if let Some(other) = self.built_for.as_deref().filter(|other| *other != release) {
            hints.push(format!("it was built for {other}: it belongs into that kernel"));
        }
        hints
    }
}

/// The diagnostics of a refusal.
pub(crate) fn explain(
    path: &Path,
    name: &str,
    bytes: &[u8],
    target: &Target,
    lost: &BTreeMap<String, String>,
    outcome: &Outcome,
) -> Vec<Diagnostic> {
    let Outcome::Refused { refusal, later } = outcome else { return Vec::new() };
    let module = Module::parse(bytes).ok();
    let field = |key: &str| Some(module.as_ref()?.modinfo().get(key)?.to_string());
    let built_for =
        field("vermagic").and_then(|magic| magic.split_whitespace().next().map(str::to_owned));
    let mut told = Vec::new();
    let mut diagnostics = Vec::new();
    for (number, refusal) in std::iter::once(refusal.as_ref()).chain(later).enumerate() {
        for code in kinds(refusal) {
            if told.contains(&code) {
                continue;
            }
            let decides = told.is_empty();
            told.push(code);
            let case = Case {
                path,
                target,
                findings: refusal.findings.iter().filter(|f| f.code == code).collect(),
                built_for: built_for.clone(),
                license: field("license"),
                lost,
            };
            let about = if number == 0 { "does not load in" } else { "would not load either in" };
            let mut diagnostic = Diagnostic::new(
                code.as_str(),
                Severity::Error,
                format!("{name} {about} {}: {}", target.release(), rules::title(code)),
            );
            if decides {
                diagnostic.evidence.extend(answer(refusal));
            }
            diagnostic.evidence.extend(obstacles(&case));
            diagnostic.explanation = rules::why(code.as_str());
            diagnostic.hints = rules::hints(code, &case);
            diagnostics.push(diagnostic);
        }
    }
    diagnostics
}

/// The kinds of obstacles, the deciding one first.
fn kinds(refusal: &Refusal) -> Vec<RefusalCode> {
    let mut kinds = vec![refusal.code];
    for finding in &refusal.findings {
        if !kinds.contains(&finding.code) {
            kinds.push(finding.code);
        }
    }
    kinds
}

/// What the kernel answers, and what it logs.
fn answer(refusal: &Refusal) -> Vec<Evidence> {
    let errno = refusal.errno;
    let mut evidence =
        vec![Evidence::fact("loading it fails with", format!("{errno} ({})", errno.text()))];
    if refusal.dmesg.is_empty() {
        evidence.push(Evidence::fact("the kernel logs", "nothing"));
    } else {
        let lines = refusal.dmesg.iter().map(|line| line.text.clone());
        evidence.push(Evidence::output("the kernel's log", lines));
    }
    evidence
}

fn obstacles(case: &Case<'_>) -> Vec<Evidence> {
    let shown = case.findings.iter().take(SHOWN).filter_map(|finding| {
        let evidence = &finding.evidence;
        let of = match evidence.owner.as_deref() {
            Some("kernel") => " (of the kernel)".to_owned(),
            Some(owner) => format!(" (of module {owner})"),
            None => String::new(),
        };
        let label = match (&evidence.expected, &evidence.found) {
            (Some(expected), Some(_)) => format!("the kernel wants {expected}{of}"),
            (Some(expected), None) => format!("there is none; the kernel wants {expected}{of}"),
            (None, Some(_)) => format!("this is what is wrong{of}"),
            (None, None) => format!("this is what it is about{of}"),
        };
        let section = evidence.section.as_ref().map(|section| section.name.clone());
        let nothing = section.is_none()
            && evidence.symbol.is_none()
            && evidence.found.is_none()
            && evidence.expected.is_none();
        (!nothing).then(|| Evidence::Object {
            path: case.path.to_owned(),
            section,
            symbol: evidence.symbol.clone(),
            offset: evidence.offset,
            value: evidence.found.clone(),
            label,
        })
    });
    let mut all: Vec<Evidence> = shown.collect();
    if case.findings.len() > SHOWN {
        all.push(Evidence::fact("more of the kind", (case.findings.len() - SHOWN).to_string()));
    }
    all
}
