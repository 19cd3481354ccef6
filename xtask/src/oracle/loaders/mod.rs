//! `cargo xtask oracle loaders`: komod's loader against the kernel's own, in forks of one booted
//! in-process kernel.

mod case;
mod compare;
mod fields;
mod memory;
mod trial;

use super::inprocess::{Zygote, prepared};
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
  --module NAME     only this stock module";

const COUNT: usize = 150;
const SEED: u64 = 1;
/// Cases that loop for ever are among them.
const CPU_SECONDS: u32 = 3;

pub fn main(mut args: Args) -> Result<()> {
    let series = args.option::<String>("--kernel")?;
    let count = args.option("--count")?.unwrap_or(COUNT);
    let seed = args.option("--seed")?.unwrap_or(SEED);
    let all = args.flag("--all");
    let module = args.option::<String>("--module")?;
    args.finish()?;
    let mut tally = Tally::default();
    for (name, _) in SERIES {
        if series.as_deref().is_some_and(|s| s != *name) {
            continue;
        }
        let kernel = Kernel::find(name)?;
        let tree = ModuleTree::open(&kernel.modules)?;
        let keys = match &module {
            Some(name) => vec![tree.resolve(name).context("no such module")?.to_owned()],
            None if all => tree.keys().to_vec(),
            None => draw::sample(tree.keys(), count, seed),
        };
        let mut stock = Vec::new();
        for key in &keys {
            stock.push(Case::of_modules(key, &tree.closure(key)?));
        }
        tally += both(&kernel, "stock modules", &stock)?;
    }
    println!("{tally}");
    if tally.failed > 0 {
        bail!("the loaders differ");
    }
    Ok(())
}

/// Every case by both loaders.
fn both(kernel: &Kernel, what: &str, cases: &[Case]) -> Result<Tally> {
    let started = Instant::now();
    let zygote = Zygote::with_limit(kernel, &super::directory(kernel)?, CPU_SECONDS)?;
    let image = Prepared::open(&prepared(kernel)?)?;
    let results = parallel::map(cases, |case| -> Result<Vec<String>> {
        let komod = Trial::run(&zygote, case, Loader::Komod)?;
        let theirs = Trial::run(&zygote, case, Loader::Kernel)?;
        let bytes = case.last().map(|load| &load.bytes[..]).unwrap_or_default();
        Ok(compare::differences(bytes, image.btf(), &komod, &theirs))
    });
    let mut tally = Tally::default();
    for (case, result) in cases.iter().zip(results) {
        let differences = result.with_context(|| case.name.clone())?;
        if !differences.is_empty() {
            println!("DIFFERS {} on {}", case.name, kernel.series);
            differences.iter().for_each(|line| println!("    {line}"));
        }
        tally += Tally::one(differences.is_empty());
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{}, {what}: {} equal, {} different in {seconds:.1} s",
        kernel.release, tally.passed, tally.failed
    );
    Ok(tally)
}
