//! What a case shows in the in-process kernel, next to what it shows in the real one.

use super::report::Report;
use crate::oracle::mask;

/// The lines of a report about a crash that describe the machine at that moment: registers, stack,
/// code bytes. (`arch/x86/kernel/dumpstack.c`, `process_64.c` of Linux 6.1 and 6.12.)
const MACHINE: &[&str] = &[
    " ",
    "#PF: ",
    "CPU: ",
    "CR2: ",
    "CS: ",
    "Call Trace:",
    "Code: ",
    "DR0: ",
    "DR3: ",
    "FS: ",
    "Hardware name: ",
    "Kernel Offset: ",
    "Modules linked in: ",
    "Oops: ",
    "PGD ",
    "PKRU: ",
    "R08: ",
    "R10: ",
    "R13: ",
    "RAX: ",
    "RBP: ",
    "RDX: ",
    "RIP: ",
    "RSP: ",
    "Tainted: ",
    "---[ end ",
    "------------[ cut here ]",
];
/// The kernel notes it of a task that dies in a crash, where interrupts are a processor's state
/// (`make_task_dead` in `kernel/exit.c`, Linux 6.1); in a process they are not.
const INTERRUPTS: &str = " exited with irqs disabled";

/// What both must agree on.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// The log, numbers and addresses masked.
    log: Vec<String>,
    /// Where it crashed, and who.
    crashes: Vec<String>,
    /// How load and unload ended.
    ends: Vec<String>,
}

impl Seen {
    pub fn of(report: &Report) -> Seen {
        let kept = |line: &&str| {
            !MACHINE.iter().any(|m| line.starts_with(m)) && !line.ends_with(INTERRUPTS)
        };
        let log = report.log_lines().flat_map(str::lines).filter(kept).map(mask).collect();
        Seen { log, crashes: report.crashes(), ends: report.ends() }
    }

    /// The first thing that differs, in words.
    pub fn difference(&self, other: &Seen) -> Option<String> {
        for (what, ours, theirs) in [
            ("the end", &self.ends, &other.ends),
            ("a crash", &self.crashes, &other.crashes),
            ("the log", &self.log, &other.log),
        ] {
            let longest = ours.len().max(theirs.len());
            let differs = |at: &usize| ours.get(*at) != theirs.get(*at);
            if let Some(at) = (0..longest).find(differs) {
                let word =
                    |list: &[String]| list.get(at).map_or("nothing".into(), |t| format!("{t:?}"));
                return Some(format!("{what}: {} in-process, {} in vm", word(ours), word(theirs)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(log: &[&str], problem: &str, rip: &str) -> Seen {
        let log: Vec<_> = log.iter().map(|t| serde_json::json!({ "text": t })).collect();
        let json = serde_json::json!({
            "log": log,
            "oopses": [{ "comm": "insmod", "rip": { "symbol": rip, "module": "x" } }],
            "problems": [{ "kind": "load", "message": problem }],
            "modules": [],
        });
        Seen::of(&Report::parse(&json.to_string()).unwrap())
    }

    #[test]
    fn the_machine_may_differ_and_nothing_else() {
        let crashed = "init of x crashed; …";
        let one = seen(&["x: 12", "RAX: 1", "BUG: bad"], crashed, "f");
        let two = seen(
            &["x: 7", "RAX: 2", "PKRU: 0", "BUG: bad", "note: insmod[1] exited with irqs disabled"],
            "init of x led to the kernel's end: Fatal",
            "f",
        );
        assert_eq!(one.difference(&two), None);
        for other in [
            seen(&["x: 12", "BUG: bad"], crashed, "g"),
            seen(&["x: 12", "BUG: worse"], crashed, "f"),
            seen(&["x: 12"], crashed, "f"),
            seen(&["x: 12", "BUG: bad"], "init of x returned -19, ENODEV (…)", "f"),
        ] {
            assert!(one.difference(&other).is_some(), "{other:?}");
        }
    }
}
