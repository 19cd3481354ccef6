//! What was foretold against what happened, scene by scene, summed up by code.

use super::exceptions::Exceptions;
use super::foretell::Foretold;
use super::mask;
use super::scene::Scene;
use super::stage::Played;
use std::collections::BTreeMap;

/// One scene's comparison.
pub struct Compared<'s> {
    pub scene: &'s Scene,
    pub foretold: Vec<Foretold>,
    pub played: Played,
}

/// Sums of one code.
#[derive(Default)]
struct Row {
    scenes: usize,
    result: usize,
    log: usize,
    died: usize,
}

impl Compared<'_> {
    /// The code that the last load is foretold to be refused with.
    fn code(&self) -> &'static str {
        self.foretold.last().and_then(|foretold| foretold.code).unwrap_or("loads")
    }

    fn result_agrees(&self) -> bool {
        self.foretold.len() == self.played.loads.len()
            && self.pairs().all(|(foretold, happened)| match happened {
                Some(guest_init::NOT_WAITED) => foretold == Some(0),
                happened => happened == foretold,
            })
    }

    fn pairs(&self) -> impl Iterator<Item = (Option<i32>, Option<i32>)> {
        let happened = self.played.loads.iter().map(|load| load.result);
        self.foretold.iter().map(|load| Some(load.result)).zip(happened)
    }

    /// A refusal's lines are the same; a load's begin the same, then init speaks.
    fn log_agrees(&self) -> bool {
        self.foretold.len() == self.played.loads.len()
            && self.foretold.iter().zip(&self.played.loads).all(|(foretold, happened)| {
                let (foretold_log, log) =
                    (mask::foretold(&foretold.log), mask::happened(&happened.log));
                match foretold.result {
                    0 => log.starts_with(&foretold_log),
                    _ => log == foretold_log,
                }
            })
    }

    /// It was taken as foretold, and then its changed code or data killed the kernel: the Oops
    /// lists it as a module that is starting (`+`).
    fn died_in_init(&self) -> bool {
        let Some(end) = &self.played.end else { return false };
        let lists = |line: &str| line.contains("Modules linked in:") && line.contains("+)");
        let others = self.foretold.len() - 1;
        self.foretold.last().is_some_and(|foretold| foretold.result == 0)
            && self.played.loads.len() == self.foretold.len()
            && self.pairs().take(others).all(|(foretold, happened)| foretold == happened)
            && end.lines().any(lists)
    }

    pub fn agrees(&self) -> bool {
        (self.died_in_init() || self.result_agrees() && self.log_agrees()) && self.is_proven()
    }

    /// What was advised against has shown that it is bad.
    fn is_proven(&self) -> bool {
        let Some(proof) = self.scene.proof else { return true };
        let (code, word) = proof.advice;
        let told = |foretold: &Foretold| {
            foretold.advice.iter().any(|(of, text)| of == code && text.contains(word))
        };
        self.foretold.last().is_some_and(told)
            && self
                .played
                .loads
                .last()
                .is_some_and(|load| load.log.iter().any(|line| line.contains(proof.log)))
    }

    fn show(&self, reason: Option<&str>) {
        let reason = reason.map(|reason| format!(" (explained: {reason})")).unwrap_or_default();
        println!("DIFFERS {}{reason}", self.scene.name);
        for (number, foretold) in self.foretold.iter().enumerate() {
            let code = foretold.code.unwrap_or("loads");
            println!("    foretold: {} ({code})", foretold.result);
            mask::foretold(&foretold.log).iter().for_each(|line| println!("        {line}"));
            let Some(happened) = self.played.loads.get(number) else { continue };
            let result = happened.result.map_or("no answer".into(), |result| result.to_string());
            println!("    happened: {result}");
            mask::happened(&happened.log)
                .iter()
                .take(12)
                .for_each(|line| println!("        {line}"));
        }
        if let Some(end) = &self.played.end {
            let words: Vec<&str> = end.lines().collect();
            let tail = words.len().saturating_sub(30);
            words[tail..].iter().for_each(|line| println!("        | {line}"));
        }
    }
}

/// Prints differences and the table; the number of scenes that agree, and of those that neither
/// agree nor are explained.
pub fn report(release: &str, all: &[Compared<'_>], exceptions: &Exceptions) -> (usize, usize) {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let (mut agreed, mut bad) = (0, 0);
    for compared in all {
        let row = rows.entry(compared.code()).or_default();
        row.scenes += 1;
        let died = compared.died_in_init();
        row.result += usize::from(died || compared.result_agrees());
        row.log += usize::from(died || compared.log_agrees());
        row.died += usize::from(died);
        let reason = exceptions.reason(&compared.scene.name);
        if compared.agrees() {
            agreed += 1;
        } else {
            bad += usize::from(reason.is_none());
            compared.show(reason);
        }
    }
    println!("\n{release}\n{:<8} {:>7} {:>7} {:>7}", "foretold", "scenes", "errno", "log");
    let mut sum = Row::default();
    for (code, row) in &rows {
        let died =
            if row.died > 0 { format!("  {} died in init", row.died) } else { String::new() };
        println!("{code:<8} {:>7} {:>7} {:>7}{died}", row.scenes, row.result, row.log);
        sum.scenes += row.scenes;
        sum.result += row.result;
        sum.log += row.log;
    }
    println!("{:<8} {:>7} {:>7} {:>7}", "all", sum.scenes, sum.result, sum.log);
    let compared: Vec<&str> = all.iter().filter(|c| !c.agrees()).map(|c| &*c.scene.name).collect();
    let staged: Vec<&str> = all.iter().map(|c| &*c.scene.name).collect();
    for name in exceptions.stale(&staged, &compared) {
        println!("no longer differs, take it out of the exceptions: {name}");
        bad += 1;
    }
    (agreed, bad)
}
