//! The result of a comparison, for people.

use super::compare::{Agreement, Aspect, percent};
use super::known::Known;
use super::outcome::Outcome;

/// The table of agreement and the list of differences with their reasons (Markdown).
pub fn print(release: &str, agreement: &Agreement, known: &Known) {
    let row = |what: &str, compared: usize, differing: usize| {
        let equal = compared - differing;
        println!("| {what} | {compared} | {equal} | {:.1} % |", percent(equal, compared));
    };
    println!("\n| {release} | compared | equal | |\n|---|--:|--:|--:|");
    let differing = |aspect| agreement.differing(aspect);
    let inits = differing(Aspect::Init);
    row("init result", agreement.modules, inits);
    let exits = differing(Aspect::Exit);
    row("exit result, where init agrees", agreement.modules - inits, exits);
    row("log, where the results agree", agreement.modules - inits - exits, differing(Aspect::Log));
    row("all of it", agreement.modules, agreement.differences.len());
    let results: Vec<String> =
        agreement.results.iter().map(|(verdict, n)| format!("{n} × {verdict}")).collect();
    println!("\nThe real kernel's init results: {}", results.join(", "));
    if agreement.differences.is_empty() {
        return;
    }
    println!("\n| module | differs | how | known reason |\n|---|---|---|---|");
    for difference in &agreement.differences {
        println!(
            "| {} | {} | {} | {} |",
            difference.key,
            difference.aspect.name(),
            difference.text.replace('|', "\\|"),
            known.reason(difference).unwrap_or("**none**")
        );
    }
    let frequent = agreement.frequent_lines(FREQUENT);
    if !frequent.is_empty() {
        println!("\nLog lines that differ in the most modules (- only there, + only here):");
    }
    for (modules, line) in frequent {
        println!("{modules:>5} × {line}");
    }
}

/// How many of the lines that differ most often are listed.
const FREQUENT: usize = 15;

/// Both outcomes of one module, whole.
pub fn side_by_side(truth: &Outcome, ours: &Outcome) {
    for (name, outcome) in [("real kernel", truth), ("in-process", ours)] {
        println!("{name}: {}", outcome.results());
        for line in &outcome.log {
            println!("  {line}");
        }
    }
}
