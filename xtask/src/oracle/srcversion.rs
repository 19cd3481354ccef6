//! `cargo xtask oracle srcversion`: the checksum of their sources that stock modules carry, and
//! komod's over the same sources.
//!
//! Two comparisons per kernel:
//!
//! * with the stock modules: the sources are those of the distribution's package, the lists of
//!   files those kbuild writes in an output tree of its own, as the distribution had it
//!   ([`listed`]);
//! * with the kernel's modpost, as if all had been built in the source tree: the same lists without
//!   that tree's path ([`near`]).

use super::linux_source::LinuxSource;
use super::stock::{self, Stock};
use super::{directory, listed, near};
use crate::args::Args;
use crate::kernels::{self, Kernel};
use crate::parallel;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use komod_build::Tree;
use komod_build::modpost::{Dialect, Disk, Files, Input, ModuleObject, Options, run};
use std::path::{Path, PathBuf};
use std::time::Instant;

const HELP: &str = "\
Usage: cargo xtask oracle srcversion [--kernel SERIES]

Compares komod's srcversion with the one in every stock module that has one, and with that of the
kernel's own modpost for the same modules listed inside the source tree. The sources are fetched (140 MB per
kernel, 1.3 GB unpacked) into komod's cache, where the lists of files stay as well. The first run
takes about five minutes per kernel.

  --kernel SERIES   6.1 or 6.12 (default: both)";

/// Modules that differ from the stock ones, with the reason.
const EXPLAINED: [(&str, &str); 0] = [];

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("--help") {
        println!("{HELP}");
        return Ok(());
    }
    let series = args.option::<String>("--kernel")?;
    args.finish()?;
    let mut tally = Tally::default();
    for kernel in kernels::chosen(series.as_deref()) {
        tally += compare(&kernel?)?;
    }
    if tally.failed > 0 {
        bail!("{tally}");
    }
    Ok(())
}

/// One of the stock modules with what it says.
struct Said {
    /// Path in the kernel tree, without `.ko`.
    path: String,
    bytes: Vec<u8>,
    srcversion: String,
}

fn compare(kernel: &Kernel) -> Result<Tally> {
    let headers = kernel.tree.as_ref().context("this kernel has no build tree")?;
    let dialect = Dialect::of_tree(&Tree::new(&kernel.release, headers))?;
    let mut tally = Tally::default();

    // Which modules have one is a question of its own, which needs no sources.
    let all = stock::modules(kernel)?;
    let count = all.len();
    let read = parallel::map(&all, |module| read(module, dialect));
    let mut with = Vec::new();
    for (module, result) in all.iter().zip(read) {
        match result.with_context(|| module.path.clone())? {
            Read::With(said) => with.push(said),
            Read::Without => {}
            Read::Disagrees => {
                println!("  {}: has a srcversion, or komod would write one", module.path);
                tally.failed += 1;
            }
        }
    }
    let source = LinuxSource::of(kernel)?;
    let paths: Vec<String> = with.iter().map(|said| said.path.clone()).collect();
    let dir = directory(kernel)?.join("listed");
    let build = listed::tree(kernel, &source, &dir, &paths)?;

    let started = Instant::now();
    let ours = parallel::map(&with, |said| srcversion(said, &Rooted(build.clone()), dialect));
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{} with linux-source {}: {count} modules, {} with srcversion, in {seconds:.1} s",
        kernel.release,
        source.version,
        with.len()
    );
    let stock = with.iter().map(|said| Ok(said.srcversion.clone()));
    tally += print("stock modules", &with, stock, &ours);

    let near = near::tree(&dir.join("near"), &source.dir, &build, &paths)?;
    let ours = parallel::map(&with, |said| srcversion(said, &Rooted(near.clone()), dialect));
    let theirs = near::modpost(&near, headers, &paths)?;
    tally += print("modpost in the source tree", &with, theirs.into_iter(), &ours);
    Ok(tally)
}

fn print(
    what: &str,
    modules: &[Said],
    theirs: impl Iterator<Item = Result<String>>,
    ours: &[Result<String>],
) -> Tally {
    let mut tally = Tally::default();
    let mut lines = Vec::new();
    for ((said, theirs), ours) in modules.iter().zip(theirs).zip(ours) {
        let show = |result: &Result<String>| match result {
            Ok(text) => text.clone(),
            Err(error) => format!("{error:#}"),
        };
        if let (Ok(theirs), Ok(ours)) = (&theirs, ours)
            && theirs == ours
        {
            tally.passed += 1;
            continue;
        }
        let reason = EXPLAINED.iter().find(|(path, _)| *path == said.path).map(|(_, why)| *why);
        tally.failed += usize::from(reason.is_none());
        let (theirs, ours) = (show(&theirs), show(ours));
        let reason = reason.unwrap_or("NOT EXPLAINED");
        lines.push(format!("    {}: {theirs}, komod: {ours}: {reason}", said.path));
    }
    println!("  {what}: {} equal, {} different", tally.passed, lines.len());
    lines.iter().for_each(|line| println!("{line}"));
    tally
}

enum Read {
    With(Said),
    Without,
    Disagrees,
}

/// Reads a module; do komod and it agree on whether there is a srcversion?
fn read(module: &Stock, dialect: Dialect) -> Result<Read> {
    let bytes = module.read()?;
    let stated = komod_object::Module::parse(&bytes)?;
    let stated = stated.modinfo().get("srcversion").map(|text| text.to_string());
    let path = module.path.clone();
    let said = Said { path, bytes, srcversion: stated.clone().unwrap_or_default() };
    let would = srcversion_of(&said, &Nothing, dialect)?.is_some();
    Ok(match (stated.is_some(), would) {
        (true, true) => Read::With(said),
        (false, false) => Read::Without,
        _ => Read::Disagrees,
    })
}

fn srcversion(said: &Said, files: &dyn Files, dialect: Dialect) -> Result<String> {
    srcversion_of(said, files, dialect)?.context("none")
}

fn srcversion_of(said: &Said, files: &dyn Files, dialect: Dialect) -> Result<Option<String>> {
    let output = run(&Input {
        modules: &[ModuleObject { path: &said.path, bytes: &said.bytes }],
        dumps: &[],
        files,
        options: Options {
            external: false,
            modversions: false,
            warn_unresolved: true,
            ..Options::default()
        },
        dialect,
    });
    match output.modules.into_iter().next() {
        Some(module) => Ok(module.srcversion),
        None => bail!("{}", output.messages.last().map(ToString::to_string).unwrap_or_default()),
    }
}

/// Files as modpost sees them in this folder.
struct Rooted(PathBuf);

impl Files for Rooted {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        Disk.read(&self.0.join(Path::new(path)).to_string_lossy())
    }
}

/// Empty files.
struct Nothing;

impl Files for Nothing {
    fn read(&self, _path: &str) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}
