//! What a machine may have that changes a verdict.

use std::collections::BTreeSet;

use komod_load::{Facts, Kernel, Plan, Refusal, Request};

use crate::assumed::Assumed;
use crate::check::attempt;

/// Something about the machine, and how it would then end.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What would be so: `module.sig_enforce is on`.
    pub when: String,
    /// The refusal.
    pub refusal: Refusal,
}

type Switch = (&'static str, fn(&mut Facts));

/// Switches that a machine may have on.
const SWITCHES: [Switch; 2] = [
    ("the machine demands signatures (module.sig_enforce)", |facts| {
        facts.config.sig_enforce = true
    }),
    ("the kernel is locked down (UEFI Secure Boot, lockdown=)", |facts| {
        facts.config.lockdown = true
    }),
];

/// What would keep a module out that is taken otherwise: asked of the loader, with each switch on.
pub(crate) fn conditions(bytes: &[u8], kernel: &Assumed<'_>, plan: &Plan<'_>) -> Vec<Condition> {
    let mut found = Vec::new();
    // A kernel that checks no signatures has no such switches.
    if !plan.sig_ok && kernel.facts().config.sig {
        for (when, switch) in SWITCHES {
            if let Err(refusal) = attempt(bytes, &kernel.with(switch), &Request::default()) {
                found.push(Condition { when: when.to_owned(), refusal: *refusal });
            }
        }
    }
    let rivals: BTreeSet<&str> =
        plan.exports.iter().filter_map(|export| kernel.rival(&export.name)).collect();
    for rival in rivals.into_iter().filter(|rival| *rival != plan.name) {
        if let Err(refusal) = attempt(bytes, &kernel.with_module(rival), &Request::default()) {
            found.push(Condition { when: format!("{rival} is loaded"), refusal: *refusal });
        }
    }
    found
}
