//! What a machine may have that changes a verdict.

use std::collections::BTreeSet;

use komod_load::{Facts, Kernel, Plan, Refusal, Request};

use crate::assumed::Assumed;
use crate::check::attempt;
use crate::machine::Machine;

/// Something about the machine, and how it would then end.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What would be so: `module.sig_enforce is on`.
    pub when: String,
    /// The refusal.
    pub refusal: Refusal,
}

/// A switch that a machine may have on.
struct Switch {
    when: &'static str,
    known: fn(&Machine) -> Option<bool>,
    turn_on: fn(&mut Facts),
}

const SWITCHES: [Switch; 2] = [
    Switch {
        when: "the machine demands signatures (module.sig_enforce)",
        known: |machine| machine.sig_enforce,
        turn_on: |facts| facts.config.sig_enforce = true,
    },
    Switch {
        when: "the kernel is locked down (UEFI Secure Boot, lockdown=)",
        known: |machine| machine.lockdown,
        turn_on: |facts| facts.config.lockdown = true,
    },
];

/// What would keep a module out that is taken otherwise: asked of the loader, with each switch on.
/// Only switches the machine is not known to have on or off.
pub(crate) fn conditions(
    bytes: &[u8],
    kernel: &Assumed<'_>,
    request: &Request,
    machine: &Machine,
    plan: &Plan<'_>,
) -> Vec<Condition> {
    let mut found = Vec::new();
    // A kernel that checks no signatures has no such switches.
    if !plan.sig_ok && kernel.facts().config.sig {
        for Switch { when, turn_on, .. } in
            SWITCHES.iter().filter(|switch| (switch.known)(machine).is_none())
        {
            if let Err(refusal) = attempt(bytes, &kernel.with(turn_on), request) {
                found.push(Condition { when: (*when).to_owned(), refusal: *refusal });
            }
        }
    }
    let rivals: BTreeSet<&str> =
        plan.exports.iter().filter_map(|export| kernel.rival(&export.name)).collect();
    for rival in rivals.into_iter().filter(|rival| *rival != plan.name) {
        if let Err(refusal) = attempt(bytes, &kernel.with_module(rival), request) {
            found.push(Condition { when: format!("{rival} is loaded"), refusal: *refusal });
        }
    }
    found
}
