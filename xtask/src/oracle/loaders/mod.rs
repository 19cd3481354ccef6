//! `cargo xtask oracle loaders`: komod's loader against the kernel's own, in forks of one booted
//! in-process kernel.

pub(super) mod case;
mod compare;
mod fields;
mod known;
mod mask;
mod memory;
pub(super) mod mutate;
pub(super) mod ours;
pub(super) mod refusals;
mod trial;

use super::inprocess::{Settings, Zygote, prepared};
use crate::args::Args;
use crate::kernels::{Kernel, SERIES};
use crate::modules::ModuleTree;
use crate::tally::Tally;
use crate::{draw, parallel};
use anyhow::{Context, Result, bail};
use case::Case;
use komod_kernel::prepared::Prepared;
use komod_process::protocol::Loader;
use std::time::Instant;
use trial::Trial;

pub const HELP: &str = "\
Usage: cargo xtask oracle loaders [OPTIONS]

Does the same with komod's loader and with the kernel's own, each in a fork of one booted
in-process kernel, and compares results, log, /sys/module and every byte of the module's memory.

  --kernel SERIES   6.1 or 6.12 (default: both)
  --count N         stock modules drawn by the seed (default 150)
  --seed N          the seed (default 1)
  --all             all stock modules
  --module NAME     only this stock module
  --only PART       stock, own (the examples and cases) or refusals";

const COUNT: usize = 150;
const SEED: u64 = 1;
/// Cases that loop for ever are among them.
const CPU_SECONDS: u32 = 1;
pub(super) const CMDLINE: &str = "module_blacklist=other,blacklisted";

pub fn main(mut args: Args) -> Result<()> {
    let series = args.option::<String>("--kernel")?;
    let choice = Choice {
        count: args.option("--count")?.unwrap_or(COUNT),
        seed: args.option("--seed")?.unwrap_or(SEED),
        all: args.flag("--all"),
        module: args.option("--module")?,
    };
    let only = args.option::<String>("--only")?;
    args.finish()?;
    let parts: Vec<&Part> = match (&only, &choice.module) {
        (Some(name), _) => {
            vec![PARTS.iter().find(|p| p.name == name).with_context(|| format!("no part {name}"))?]
        }
        (None, Some(_)) => vec![&PARTS[0]],
        (None, None) => PARTS.iter().collect(),
    };
    let mut tally = Tally::default();
    for (name, _) in SERIES {
        if series.as_deref().is_some_and(|s| s != *name) {
            continue;
        }
        let kernel = Kernel::find(name)?;
        let tree = ModuleTree::open(&kernel.modules)?;
        for part in &parts {
            tally += both(&kernel, part.name, &(part.cases)(&kernel, &tree, &choice)?)?;
        }
    }
    println!("{tally}");
    if tally.failed > 0 {
        bail!("the loaders differ");
    }
    Ok(())
}

/// Which stock modules are compared.
struct Choice {
    count: usize,
    seed: u64,
    all: bool,
    module: Option<String>,
}

/// A part of the comparison.
struct Part {
    name: &'static str,
    cases: fn(&Kernel, &ModuleTree, &Choice) -> Result<Vec<Case>>,
}

const PARTS: &[Part] = &[
    Part { name: "stock", cases: stock },
    Part { name: "own", cases: |kernel, _, _| ours::Built::new(kernel)?.cases() },
    Part { name: "refusals", cases: refused },
];

fn refused(kernel: &Kernel, tree: &ModuleTree, _: &Choice) -> Result<Vec<Case>> {
    let built = ours::Built::new(kernel)?;
    let foreign = ModuleTree::open(&other(kernel)?.modules)?;
    refusals::Makings { built: &built, tree, foreign: &foreign }.cases()
}

/// The kernel of the other series.
pub(super) fn other(kernel: &Kernel) -> Result<Kernel> {
    let other = SERIES.iter().find(|(series, _)| *series != kernel.series);
    Kernel::find(other.context("there is no other kernel")?.0)
}

fn stock(_: &Kernel, tree: &ModuleTree, choice: &Choice) -> Result<Vec<Case>> {
    let keys = match &choice.module {
        Some(name) => vec![tree.resolve(name).context("no such module")?.to_owned()],
        None if choice.all => tree.keys().to_vec(),
        None => draw::sample(tree.keys(), choice.count, choice.seed),
    };
    keys.iter().map(|key| Ok(Case::of_modules(key, &tree.closure(key)?))).collect()
}

/// Every case by both loaders.
fn both(kernel: &Kernel, what: &str, cases: &[Case]) -> Result<Tally> {
    let started = Instant::now();
    let settings = Settings { cpu_seconds: CPU_SECONDS, cmdline: CMDLINE };
    let zygote = Zygote::with(kernel, &super::directory(kernel)?, settings)?;
    let image = Prepared::open(&prepared(kernel)?)?;
    let results = parallel::map(cases, |case| -> Result<Vec<String>> {
        let komod = Trial::run(&zygote, case, Loader::Komod)?;
        let theirs = Trial::run(&zygote, case, Loader::Kernel)?;
        let bytes = case.last().map(|load| &load.bytes[..]).unwrap_or_default();
        if std::env::var_os("SHOW").is_some() {
            println!("{}: {:?}", case.name, theirs.results);
        }
        let mut found = compare::differences(bytes, image.btf(), &komod, &theirs);
        if let Some(code) = refusals::expected(case, kernel).filter(|_| !theirs.is_refused()) {
            found.push(format!("{code}: the kernel does not refuse this"));
        }
        Ok(found)
    });
    let (mut tally, mut known) = (Tally::default(), 0);
    for (case, result) in cases.iter().zip(results) {
        let differences = result.unwrap_or_else(|error| vec![format!("error: {error:#}")]);
        let reason = known::reason(&case.name);
        if !differences.is_empty() {
            let words = reason.map(|r| format!(" (known: {r})")).unwrap_or_default();
            println!("DIFFERS {} on {}{words}", case.name, kernel.series);
            differences.iter().for_each(|line| println!("    {line}"));
            known += usize::from(reason.is_some());
        }
        tally += Tally::one(differences.is_empty() || reason.is_some());
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{}, {what}: {} equal, {known} different for known reasons, {} different in {seconds:.1} s",
        kernel.release,
        tally.passed - known,
        tally.failed
    );
    Ok(tally)
}
