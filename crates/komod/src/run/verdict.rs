//! The end of a run for people: what was left behind, and one line that says how it went.

use super::report::Report;
use crate::console::{self, Paint, color_on_stderr, paint};
use crate::progress::microseconds;
use crate::text::source::Sources;
use komod_process::protocol::Location;

pub fn print_leaks(report: &Report, sources: &mut Sources) {
    for module in &report.modules {
        for leak in &module.leaks {
            let line = sources.line(&leak.caller, 1).map(|l| format!(" ({l})")).unwrap_or_default();
            console::people(&format!(
                "leak: {} bytes of {} allocated at {}{line}",
                leak.size, leak.what, leak.caller
            ));
        }
    }
}

pub fn print_verdict(report: &Report) {
    let color = color_on_stderr();
    for problem in &report.problems {
        console::people(&format!("{} {}", paint("error:", Paint::BoldRed, color), problem.message));
        problem.hints.iter().for_each(|h| console::hint(h));
    }
    if !report.warnings.is_empty() {
        let mut places: Vec<String> = report.warnings.iter().map(Location::to_string).collect();
        places.dedup();
        console::warning(&format!("the kernel warned, at {}", places.join(", ")));
    }
    let total = microseconds(report.total_us);
    let kernel = &report.kernel;
    if report.ok {
        let names: Vec<&str> =
            report.modules.iter().filter(|m| m.given).map(|m| m.name.as_str()).collect();
        let init: u64 = report.modules.iter().filter_map(|m| m.init_us).sum();
        let (verdict, names) = (paint("ok:", Paint::Green, color), names.join(", "));
        console::people(&match report.builtin {
            true if report.place == "vm" => {
                format!("{verdict} {kernel} booted in a virtual machine with {names} (all {total})")
            }
            true => format!("{verdict} {kernel} booted with {names} built in (all {total})"),
            false => {
                let (place, memory) = match report.place {
                    "process" => (String::new(), "nothing left behind"),
                    // Only the in-process kernel sees every allocation.
                    "host" => (" on this machine".into(), "its memory was not watched"),
                    "ssh" => {
                        let board = report.board.as_deref().unwrap_or_default();
                        (format!(" on {board}"), "its memory was not watched")
                    }
                    _ => (" in a virtual machine".into(), "its memory was not watched"),
                };
                let init = microseconds(init);
                format!(
                    "{verdict} {names} loaded and unloaded in {kernel}{place}, {memory} \
                     (init {init}, all {total})"
                )
            }
        });
    } else {
        let verdict = paint("failed:", Paint::BoldRed, color);
        let n = report.problems.len();
        let problems = if n == 1 { "problem" } else { "problems" };
        console::people(&format!("{verdict} {n} {problems} in {kernel} (all {total})"));
    }
}
