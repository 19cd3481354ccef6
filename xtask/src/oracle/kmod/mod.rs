//! `cargo xtask oracle kmod`: what the machine's `modprobe` and komod's say about every stock
//! module and every alias, compared.
//!
//! The machine's `depmod` writes the indexes of a tree of its own ([`tree`]); both programs then
//! answer for many names in one process ([`both`]). Where they differ, the names are asked one by
//! one to tell which.

mod both;
mod concrete;
mod tree;

pub use tree::make as module_directory;

use crate::args::Args;
use crate::kernels::{self, Kernel};
use crate::komod::{self, Profile};
use crate::tally::Tally;
use crate::{draw, parallel};
use anyhow::{Context, Result, bail};
use both::Programs;
use std::fs;
use std::path::Path;
use std::time::Instant;

pub const HELP: &str = "\
Usage: cargo xtask oracle kmod [OPTIONS]

Compares komod's modprobe with the machine's: -D, -n -v, -r -D, -R and -c, for every stock module
and a name for each of their aliases; --show-modversions and --show-exports for some. Both get KOMOD_COMPAT=kmod, so that all softdep lines count
as the machine's counts them; how many modules that concerns is told.

  --kernel SERIES   6.1 or 6.12 (default: both)
  --count N         N modules and N aliases drawn by the seed (default: all)
  --seed N          the seed (default 1)
  --release         compare the release build";

/// Names that one process is asked for.
const CHUNK: usize = 400;
/// Modules whose checksums are shown: it takes a process each. At most as many as this, and one of
/// ten that are drawn.
const FILES: usize = 400;

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("--help") || args.flag("-h") {
        println!("{HELP}");
        return Ok(());
    }
    let series = args.option::<String>("--kernel")?;
    let sample =
        Sample { count: args.option("--count")?, seed: args.option("--seed")?.unwrap_or(1) };
    let profile = if args.flag("--release") { Profile::Release } else { Profile::Dev };
    args.finish()?;
    let mut tally = Tally::default();
    for kernel in kernels::chosen(series.as_deref()) {
        tally += compare(&kernel?, &sample, profile)?;
    }
    println!("{tally}");
    if tally.failed > 0 {
        bail!("{tally}");
    }
    Ok(())
}

/// `count` modules and aliases of both kernels.
pub fn sampled(count: usize) -> Result<Tally> {
    let mut tally = Tally::default();
    for kernel in kernels::chosen(None) {
        tally += compare(&kernel?, &Sample { count: Some(count), seed: 1 }, Profile::Dev)?;
    }
    Ok(tally)
}

/// How much is compared.
struct Sample {
    count: Option<usize>,
    seed: u64,
}

impl Sample {
    fn of(&self, names: &[String]) -> Vec<String> {
        draw::sample(names, self.count.unwrap_or(names.len()), self.seed)
    }
}

fn compare(kernel: &Kernel, sample: &Sample, profile: Profile) -> Result<Tally> {
    let root = tree::make(kernel, "oracle-kmod")?;
    let directory = root.join("lib/modules").join(&kernel.release);
    let programs = Programs::new(&komod::build(profile)?, &root, &kernel.release)?;

    let mut modules = words(&directory.join("modules.dep"), |line| {
        let file = line.split_once(':')?.0.rsplit('/').next()?;
        Some(file.split('.').next()?.replace('-', "_"))
    })?;
    modules.extend(words(&directory.join("modules.builtin"), |line| {
        Some(line.rsplit('/').next()?.split('.').next()?.to_owned())
    })?);
    let mut aliases = Vec::new();
    for file in ["modules.alias", "modules.symbols"] {
        aliases.extend(words(&directory.join(file), |line| {
            Some(concrete::name(line.strip_prefix("alias ")?.rsplit_once(' ')?.0))
        })?);
    }
    aliases.sort();
    aliases.dedup();

    let (modules, aliases) = (sample.of(&modules), sample.of(&aliases));
    let mut tally = Tally::default();
    for (options, names) in [
        (&["-D"][..], &modules),
        (&["-n", "-v"], &modules),
        (&["-r", "-D"], &modules),
        (&["-R"], &modules),
        (&["-D"], &aliases),
        (&["-R"], &aliases),
    ] {
        let started = Instant::now();
        let (same, different) = ask(&programs, options, names)?;
        println!(
            "{} modprobe {}: {} names, {} differ ({:.1} s)",
            kernel.release,
            options.join(" "),
            names.len(),
            different.len(),
            started.elapsed().as_secs_f64()
        );
        for name in different.iter().take(10) {
            println!("  {name}");
        }
        tally += Tally { passed: same, failed: different.len() };
    }
    tally += checksums(&programs, &directory, sample)?;
    let same = programs.same(&["-c"], &[])?;
    println!("{} modprobe -c: {}", kernel.release, if same { "same" } else { "DIFFERENT" });
    tally += Tally::one(same);
    let changed = modules.chunks(CHUNK).map(|names| programs.more_softdeps(names));
    let changed: usize = changed.sum::<Result<usize>>()?;
    println!("{}: komod's softdeps add lines for {changed} modules", kernel.release);
    Ok(tally)
}

/// `--show-modversions` and `--show-exports` of modules' files, and of what is none.
fn checksums(programs: &Programs, directory: &Path, sample: &Sample) -> Result<Tally> {
    let files = words(&directory.join("modules.dep"), |line| {
        Some(directory.join(line.split_once(':')?.0).display().to_string())
    })?;
    let count = sample.count.map_or(FILES, |count| FILES.min(count / 10 + 1));
    let mut files = draw::sample(&files, count, sample.seed);
    let others = ["modules.dep", "kernel", "nothing"];
    files.extend(others.map(|name| directory.join(name).display().to_string()));
    let mut tally = Tally::default();
    for option in ["--show-modversions", "--show-exports"] {
        let same =
            parallel::map(&files, |file| programs.same(&[option], std::slice::from_ref(file)));
        let same = same.into_iter().collect::<Result<Vec<bool>>>()?;
        let different = files.iter().zip(&same).filter(|(_, same)| !**same);
        let different: Vec<&String> = different.map(|(file, _)| file).collect();
        println!("modprobe {option}: {} files, {} differ", files.len(), different.len());
        different.iter().take(10).for_each(|file| println!("  {file}"));
        let failed = different.len();
        tally += Tally { passed: files.len() - failed, failed };
    }
    Ok(tally)
}

/// Asks both for all names; how many answers are the same, and the names whose are not.
fn ask(programs: &Programs, options: &[&str], names: &[String]) -> Result<(usize, Vec<String>)> {
    let chunks: Vec<&[String]> = names.chunks(CHUNK).collect();
    let results = parallel::map(&chunks, |chunk| -> Result<Vec<String>> {
        let mut with_all = vec!["-a"];
        with_all.extend(options);
        if programs.same(&with_all, chunk)? {
            return Ok(Vec::new());
        }
        let mut different = Vec::new();
        for name in *chunk {
            if !programs.same(options, std::slice::from_ref(name))? {
                different.push(name.clone());
            }
        }
        if different.is_empty() {
            bail!("modprobe {}: names differ only together", with_all.join(" "));
        }
        Ok(different)
    });
    let different = results.into_iter().collect::<Result<Vec<_>>>()?.concat();
    Ok((names.len() - different.len(), different))
}

/// A word of each line that has one.
fn words(file: &Path, word: impl Fn(&str) -> Option<String>) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(text.lines().filter_map(word).collect())
}
