//! `cargo xtask bench check`: how long it takes to know whether modules load.
//!
//! No other tool foretells that. `depmod` and `modinfo` of the same run are the nearest: the one
//! reads all modules and resolves their symbols, the other reads one and prints fields.

use crate::args::Args;
use crate::bench_options::Options;
use crate::kernels::Kernel;
use crate::komod::{self, Profile};
use crate::measure::{self, Cost, Times, ms, ratio};
use crate::modules::ModuleTree;
use crate::project;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const HELP: &str = "\
Usage: cargo xtask bench check [--kernel SERIES] [--runs N]

Medians of N runs (default 11; of all modules 5), as a Markdown table: all stock modules against
`depmod -n`, one module against `modinfo`.";

const RUNS: usize = 11;
const RUNS_OF_ALL: usize = 5;
/// A module of common size with types of its own, and with some hundred imports.
const ONE: &str = "nbd";

pub fn main(mut args: Args) -> Result<()> {
    let Some(options) = Options::take(&mut args, HELP, RUNS)? else { return Ok(()) };
    let runs = options.runs;
    args.finish()?;
    let komod = komod::build(Profile::Release)?;
    println!("| kernel | what | peer | median | komod | median | ratio | komod, CPU |");
    println!("|---|---|---|--:|---|--:|--:|--:|");
    for chosen in options.kernels() {
        Bench::new(&komod, chosen?)?.rows(runs)?;
    }
    Ok(())
}

struct Bench<'a> {
    komod: &'a Path,
    kernel: Kernel,
    /// A cache of our own: what is in it, is known.
    cache: PathBuf,
    one: PathBuf,
}

impl<'a> Bench<'a> {
    fn new(komod: &'a Path, kernel: Kernel) -> Result<Self> {
        let cache = project::target_dir().join("bench-check").join(&kernel.series);
        let one = ModuleTree::open(&kernel.modules)?.path(ONE);
        let one = one.with_context(|| format!("{} has no {ONE}", kernel.release))?;
        Ok(Bench { komod, kernel, cache, one })
    }

    fn rows(&self, runs: usize) -> Result<()> {
        let all = self.kernel.modules.join("kernel");
        let Kernel { release, root, .. } = &self.kernel;
        self.forget(&[""])?;
        self.check(&self.one)?;
        let mut depmod = Command::new("depmod");
        depmod.args(["-n", "-b"]).arg(root).arg(release);
        let of_all = runs.min(RUNS_OF_ALL);
        self.row(
            "all stock modules",
            ("`depmod -n`", Some(&mut depmod)),
            ("`check DIR`", of_all, &|| self.check(&all)),
        )?;
        let mut modinfo = Command::new("modinfo");
        modinfo.arg(&self.one);
        let one = || self.check(&self.one);
        let what = format!("{ONE}, deep");
        self.row(&what, ("`modinfo`", Some(&mut modinfo)), ("facts cached", runs, &one))?;
        let image_there = || {
            self.forget(&["targets"])?;
            self.check(&self.one)
        };
        self.row(&what, ("", None), ("only the image prepared", runs, &image_there))?;
        let nothing = || {
            self.forget(&[""])?;
            self.check(&self.one)
        };
        self.row(&what, ("", None), ("empty cache", of_all, &nothing))
    }

    fn row(
        &self,
        what: &str,
        (peer, command): (&str, Option<&mut Command>),
        (how, runs, measure): (&str, usize, &dyn Fn() -> Result<Cost>),
    ) -> Result<()> {
        let theirs = command.map(|command| {
            Times::of(runs, || Ok(measure::timed(command, || Duration::ZERO)?.wall))
        });
        let theirs = theirs.transpose()?.map(|times| times.median());
        let mut cpu = Duration::ZERO;
        let ours = Times::of(runs, || {
            let cost = measure()?;
            cpu += cost.cpu;
            Ok(cost.wall)
        })?;
        let ours = ours.median();
        println!(
            "| {} | {what} | {peer} | {} | {how} | {} | {} | {} |",
            self.kernel.series,
            theirs.map(ms).unwrap_or_default(),
            ms(ours),
            theirs.map(|theirs| format!("{:.2}×", ratio(theirs, ours))).unwrap_or_default(),
            ms(cpu / u32::try_from(runs.max(1))?),
        );
        Ok(())
    }

    fn check(&self, what: &Path) -> Result<Cost> {
        let mut command = komod::command(self.komod);
        command.arg("check").arg(what).arg("--kernel").arg(&self.kernel.root);
        command.env("KOMOD_CACHE", &self.cache);
        measure::timed(&mut command, || Duration::ZERO)
    }

    /// Removes parts of our cache; `""` is all of it.
    fn forget(&self, parts: &[&str]) -> Result<()> {
        for part in parts {
            let path = self.cache.join(part);
            if path.exists() {
                fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
    }
}
