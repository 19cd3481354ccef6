//! What a machine may have that changes a verdict.

use std::collections::BTreeMap;

use komod_load::params::Store;
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

/// Lines that the kernel logs only on some machines. They are in a verdict's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depends {
    /// On which.
    pub when: &'static str,
    /// The lines.
    pub lines: Vec<String>,
}

/// A switch that a machine may have on.
struct Switch {
    when: &'static str,
    /// Whether it has a say in this load.
    applies: fn(&Plan<'_>) -> bool,
    known: fn(&Machine) -> Option<bool>,
    turn_on: fn(&mut Facts),
}

const SWITCHES: [Switch; 2] = [
    Switch {
        when: "the machine demands signatures (module.sig_enforce)",
        applies: |plan| !plan.sig_ok,
        known: |machine| machine.sig_enforce,
        turn_on: |facts| facts.config.sig_enforce = true,
    },
    Switch {
        when: "the kernel is locked down (UEFI Secure Boot, lockdown=)",
        applies: |plan| !plan.sig_ok || sets_hardware(plan),
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
    if kernel.facts().config.sig {
        for Switch { when, turn_on, .. } in SWITCHES
            .iter()
            .filter(|switch| (switch.known)(machine).is_none() && (switch.applies)(plan))
        {
            if let Err(refusal) = attempt(bytes, &kernel.with(turn_on), request) {
                found.push(Condition { when: (*when).to_owned(), refusal: *refusal });
            }
        }
    }
    let mut rivals: BTreeMap<&str, &str> = BTreeMap::new();
    for export in &plan.exports {
        for rival in kernel.rivals(&export.name).filter(|rival| *rival != plan.name) {
            // The kernel complains about the first.
            rivals.entry(rival).or_insert(&export.name);
        }
    }
    for (rival, symbol) in rivals {
        if let Err(refusal) = attempt(bytes, &kernel.with_module(rival, symbol), request) {
            found.push(Condition { when: format!("{rival} is loaded"), refusal: *refusal });
        }
    }
    found
}

/// An argument names a port, an address or an interrupt of hardware.
fn sets_hardware(plan: &Plan<'_>) -> bool {
    let declared = |store: &Store| plan.params.get(store.param);
    plan.arguments.stores.iter().filter_map(declared).any(|param| param.is_hardware)
}

/// What is logged depends on the processor and the boot parameters: a kernel that does nothing about
/// Spectre v2 does not warn of a module without retpolines (`retpoline_module_ok()`,
/// `arch/x86/kernel/cpu/bugs.c`, Linux 6.1 and 6.12).
pub(crate) fn depends(kernel: &Assumed<'_>, machine: &Machine, plan: &Plan<'_>) -> Vec<Depends> {
    let known = machine.spectre_v2.is_some() || !kernel.facts().config.retpoline;
    let lines = plan.dmesg.iter().map(|line| &line.text).filter(|line| is_of_retpolines(line));
    let lines: Vec<String> = lines.cloned().collect();
    if known || lines.is_empty() {
        return Vec::new();
    }
    let when = "the machine mitigates Spectre v2 (its processor is affected, and there is no \
                spectre_v2=off or mitigations=off)";
    vec![Depends { when, lines }]
}

/// The loader's two lines about a module without retpolines.
pub(crate) fn is_of_retpolines(line: &str) -> bool {
    line.contains("not compiled with retpoline") || line.starts_with("Spectre V2 :")
}
