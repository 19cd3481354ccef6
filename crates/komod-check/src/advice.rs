//! What there is to know about a module that loads: it changes no verdict.

use komod_diag::{Diagnostic, Evidence, Severity};
use komod_load::{Plan, Taint};

use crate::condition::{Depends, is_of_retpolines};
use crate::rules;
use crate::target::Target;

/// A load that the kernel would carry out.
#[derive(Debug)]
pub(crate) struct Accepted<'a> {
    pub(crate) plan: &'a Plan<'a>,
    pub(crate) depends: &'a [Depends],
    pub(crate) policies: &'a [String],
    pub(crate) target: &'a Target,
    /// The file, if what the kernel does not check is asked for as well.
    pub(crate) deep: Option<&'a [u8]>,
}

/// Who has advice, in the order in which it is told.
const PRODUCERS: &[fn(&Accepted<'_>) -> Vec<Diagnostic>] =
    &[unsigned, retpoline, stays, taints, policies, deep];

/// All that is to be said; why, and the way out, are the page's unless the case has its own.
pub(crate) fn advice(accepted: &Accepted<'_>) -> Vec<Diagnostic> {
    let mut told: Vec<Diagnostic> =
        PRODUCERS.iter().flat_map(|producer| producer(accepted)).collect();
    for diagnostic in &mut told {
        if diagnostic.explanation.is_empty() {
            diagnostic.explanation = rules::why(&diagnostic.code);
        }
        if diagnostic.hints.is_empty() {
            diagnostic.hints.push(rules::page_way_out(&diagnostic.code));
        }
    }
    told
}

/// L-49 and L-51 on.
fn deep(accepted: &Accepted<'_>) -> Vec<Diagnostic> {
    accepted.deep.map(|bytes| accepted.target.advice(bytes)).unwrap_or_default()
}

/// L-23, as the loader has found no valid signature.
fn unsigned(accepted: &Accepted<'_>) -> Vec<Diagnostic> {
    if !accepted.plan.taint.contains(Taint::UNSIGNED) {
        return Vec::new();
    }
    let lines = logged(accepted, |line| line.contains("module verification failed"));
    vec![told(accepted, "L-23", Severity::Note, "its signature is missing or not trusted", lines)]
}

/// L-28, as the loader has warned.
fn retpoline(accepted: &Accepted<'_>) -> Vec<Diagnostic> {
    let lines = logged(accepted, is_of_retpolines);
    if lines.is_empty() {
        return Vec::new();
    }
    let what = "it was compiled without retpolines";
    let Some(depends) = accepted.depends.iter().find(|depends| depends.lines == lines) else {
        return vec![told(accepted, "L-28", Severity::Warning, what, lines)];
    };
    let told = told(accepted, "L-28", Severity::Warning, what, Vec::new());
    let said = format!("the kernel's log, if {}", depends.when);
    vec![told.with_evidence(Evidence::output(said, depends.lines.clone()))]
}

/// L-43.
fn stays(accepted: &Accepted<'_>) -> Vec<Diagnostic> {
    if !accepted.plan.has_init || accepted.plan.has_exit {
        return Vec::new();
    }
    let title = "it has no exit function: it can never be unloaded";
    vec![told(accepted, "L-43", Severity::Note, title, Vec::new())]
}

/// L-47: every taint but the one for the signature, which L-23 is about.
fn taints(accepted: &Accepted<'_>) -> Vec<Diagnostic> {
    let others = Taint(accepted.plan.taint.0 & !Taint::UNSIGNED.0);
    let letters = others.module_letters();
    if letters.is_empty() {
        return Vec::new();
    }
    let lines = logged(accepted, |line| {
        let about = line.contains("taint") || line.contains("is from the staging directory");
        about && !line.contains("module verification failed")
    });
    vec![told(accepted, "L-47", Severity::Note, &format!("it taints the kernel: {letters}"), lines)]
}

/// L-46, of the machine.
fn policies(accepted: &Accepted<'_>) -> Vec<Diagnostic> {
    if accepted.policies.is_empty() {
        return Vec::new();
    }
    let what = format!("{} may refuse it on this machine", accepted.policies.join(", "));
    vec![told(accepted, "L-46", Severity::Note, &what, Vec::new())]
}

/// Lines that the kernel logs until init runs.
fn logged(accepted: &Accepted<'_>, about: impl Fn(&str) -> bool) -> Vec<String> {
    let plan = accepted.plan;
    let lines = plan.dmesg.iter().chain(&plan.arguments.dmesg).map(|line| &line.text);
    lines.filter(|line| about(line)).cloned().collect()
}

fn told(
    accepted: &Accepted<'_>,
    code: &'static str,
    severity: Severity,
    what: &str,
    log: Vec<String>,
) -> Diagnostic {
    let (module, release) = (&accepted.plan.name, accepted.target.release());
    let told = Diagnostic::new(code, severity, format!("{module} in {release}: {what}"));
    if log.is_empty() {
        return told;
    }
    told.with_evidence(Evidence::output("the kernel's log", log))
}
