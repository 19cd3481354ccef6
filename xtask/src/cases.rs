//! `cargo xtask cases`: C sources whose first lines say what must happen when `komod run` runs
//! them. The format is documented in `tests/cases/README.md`.

mod case;
mod compare;
mod known;
mod pattern;
mod report;

use crate::args::Args;
use crate::kernels::{Kernel, SERIES};
use crate::komod::{self, Profile};
use crate::tally::Tally;
use crate::{parallel, project};
use anyhow::{Context, Result, anyhow, bail};
pub use case::Case;
use compare::Seen;
use known::Known;
use report::Report;
use std::path::{Path, PathBuf};

const HELP: &str = "\
Usage: cargo xtask cases [--on process|vm] [--release] [NAME…]

Runs the cases of tests/cases (all, or those whose name contains NAME) on each kernel. With
`--on vm` also in virtual machines, where log and end must be the same as in-process, but for the
differences in xtask/data/vm-differences.tsv.";

/// What CI runs in virtual machines: a case of each kind, none that has to wait for long.
const SAMPLE: &[&str] = &[
    "exit-null",
    "init-errno",
    "init-null",
    "init-warn",
    "left-timer",
    "leak-kmalloc",
    "missing-symbol",
    "param-values",
    "worker",
];

/// Where the cases run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Process,
    /// There, too.
    Vm,
    /// There, too, as far as it is in the sample.
    Sample,
}

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("--help") || args.flag("-h") {
        println!("{HELP}");
        return Ok(());
    }
    let on = match args.option::<String>("--on")?.as_deref() {
        None | Some("process") => On::Process,
        Some("vm") => On::Vm,
        Some(other) => bail!("--on {other}: process or vm"),
    };
    let profile = if args.flag("--release") { Profile::Release } else { Profile::Dev };
    let mut names = Vec::new();
    while let Some(name) = args.positional() {
        names.push(name);
    }
    args.finish()?;
    let tally = run_named(&names, on, profile)?;
    println!("{tally}");
    if tally.failed > 0 {
        bail!("cases failed");
    }
    Ok(())
}

pub fn run() -> Result<Tally> {
    run_named(&[], On::Sample, Profile::Dev)
}

/// A case on one kernel.
struct Trial<'a> {
    case: &'a Path,
    kernel: &'a Kernel,
    vm: bool,
}

/// How one went.
enum Went {
    /// It is not for this kernel, or not asked for.
    None,
    Good,
    /// Another end than in-process, for a reason that is known.
    Known,
    Bad(anyhow::Error),
}

impl Went {
    fn word(&self) -> &'static str {
        match self {
            Went::None => "-",
            Went::Good => "ok",
            Went::Known => "known",
            Went::Bad(_) => "FAILED",
        }
    }
}

fn run_named(names: &[String], on: On, profile: Profile) -> Result<Tally> {
    let directory = project::root().join("tests/cases");
    let mut cases: Vec<PathBuf> = Vec::new();
    for entry in directory.read_dir().with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let is_case = path.extension().is_some_and(|e| e == "c");
        if is_case && (names.is_empty() || names.iter().any(|n| name(&path).contains(n.as_str()))) {
            cases.push(path);
        }
    }
    cases.sort();
    if cases.is_empty() {
        bail!("{}: no such cases", directory.display());
    }
    let kernels = SERIES.iter().map(|(s, _)| Kernel::find(s)).collect::<Result<Vec<_>>>()?;
    let known = Known::load()?;
    let komod = komod::build(profile)?;
    let trials: Vec<Trial> = cases
        .iter()
        .flat_map(|case| {
            let vm = match on {
                On::Process => false,
                On::Vm => true,
                On::Sample => SAMPLE.contains(&name(case).as_str()),
            };
            kernels.iter().map(move |kernel| Trial { case, kernel, vm })
        })
        .collect();
    let results = parallel::map(&trials, |trial| attempt(&komod, trial, &known));
    let places = if on == On::Process { &["process"][..] } else { &["process", "vm"] };
    print!("{:<20}", "");
    for (place, kernel) in places.iter().flat_map(|p| kernels.iter().map(move |k| (p, k))) {
        print!(" {:<13}", format!("{place} {}", kernel.series));
    }
    println!();
    let mut tally = Tally::default();
    for (case, row) in cases.iter().zip(results.chunks(kernels.len())) {
        print!("{:<20}", name(case));
        for place in 0..places.len() {
            row.iter().for_each(|results| print!(" {:<13}", results[place].word()));
        }
        println!();
    }
    for (trial, results) in trials.iter().zip(&results) {
        for (place, result) in places.iter().zip(results) {
            if let Went::Bad(error) = result {
                let (case, series) = (name(trial.case), &trial.kernel.series);
                println!("FAILED  {case} on {place} {series}: {error:#}");
            }
            if !matches!(result, Went::None) {
                tally += Tally::one(!matches!(result, Went::Bad(_)));
            }
        }
    }
    Ok(tally)
}

fn name(case: &Path) -> String {
    case.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// In-process, and in a virtual machine.
fn attempt(komod: &Path, trial: &Trial, known: &Known) -> [Went; 2] {
    let case = match std::fs::read_to_string(trial.case)
        .map_err(Into::into)
        .and_then(|text| Case::parse(&text))
    {
        Ok(case) if case.is_for(&trial.kernel.release) => case,
        Ok(_) => return [Went::None, Went::None],
        Err(error) => return [Went::Bad(error), Went::None],
    };
    let process = execute(komod, trial, &case, "process");
    let checked = process.as_ref().map_err(|e| anyhow!("{e:#}")).and_then(|run| {
        case.check(&run.report, run.code).map_err(|problem| anyhow!("{problem:#}\n{}", run.said))
    });
    let checked = checked.map_or_else(Went::Bad, |()| Went::Good);
    let compared = match (trial.vm, &process) {
        (true, Ok(process)) => compare(komod, trial, &case, process, known),
        _ => Ok(Went::None),
    };
    [checked, compared.unwrap_or_else(Went::Bad)]
}

fn compare(komod: &Path, trial: &Trial, case: &Case, process: &Run, known: &Known) -> Result<Went> {
    let vm = execute(komod, trial, case, "vm")?;
    let difference = Seen::of(&process.report).difference(&Seen::of(&vm.report));
    let (name, series) = (name(trial.case), &trial.kernel.series);
    known.judge(&name, series, difference.as_deref()).with_context(|| vm.said)?;
    Ok(if difference.is_some() { Went::Known } else { Went::Good })
}

/// One run of a case.
struct Run {
    report: Report,
    code: i32,
    /// All that komod said.
    said: String,
}

fn execute(komod: &Path, trial: &Trial, case: &Case, on: &str) -> Result<Run> {
    let output = komod::command(komod)
        .args(["run", "--json", "--on", on, "--kernel"])
        .arg(&trial.kernel.root)
        .args(case.make.iter().flat_map(|variable| ["--make", variable]))
        .args(case.after.iter().flat_map(|ms| ["--after".to_owned(), ms.to_string()]))
        .arg(trial.case)
        .args(&case.params)
        .output()
        .context("komod")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let people = String::from_utf8_lossy(&output.stderr);
    let all = format!("It ended with {} and said:\n{said}{people}", output.status);
    let report = Report::parse(&said).map_err(|problem| anyhow!("{problem:#}\n{all}"))?;
    Ok(Run { report, code: output.status.code().unwrap_or(-1), said: all })
}
