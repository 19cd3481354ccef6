//! `cargo xtask oracle modinfo`: what komod's modinfo and Debian's tell about every stock module.
//!
//! By file: all fields, with `-0`, parameters, and single fields. By name and by alias: which files
//! that means, in a module directory with kmod's own indexes. Output, messages and exit status are
//! the same, byte by byte; modules that differ are named.

use super::stock;
use crate::args::Args;
use crate::kernels::{self, Kernel};
use crate::komod::{self, Profile};
use crate::tally::Tally;
use crate::{draw, parallel, project, shell};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const HELP: &str = "\
Usage: cargo xtask oracle modinfo [OPTIONS]

Compares komod's modinfo with the machine's (kmod) for all stock modules of both kernels, by file,
by name and by alias.

  --kernel SERIES   6.1 or 6.12 (default: both)
  --count N         only N modules and N aliases, drawn by the seed
  --seed N          the seed (default 1)";

/// Arguments of one process.
const BATCH: usize = 100;

/// By file: options that are compared. Compressed modules take half a minute for each.
const OPTIONS: [&[&str]; 3] = [&[], &["-0"], &["-p"]];
/// By file, of the modules that are not compressed.
const FIELDS: [&str; 14] = [
    "filename",
    "alias",
    "license",
    "vermagic",
    "depends",
    "firmware",
    "softdep",
    "signer",
    "sig_id",
    "sig_key",
    "sig_hashalgo",
    "signature",
    "parmtype",
    "import_ns",
];

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("--help") {
        println!("{HELP}");
        return Ok(());
    }
    let series = args.option::<String>("--kernel")?;
    let count = args.option("--count")?;
    let seed = args.option("--seed")?.unwrap_or(1);
    args.finish()?;
    let tally = run(series.as_deref(), count, seed)?;
    if tally.failed > 0 {
        bail!("{tally}");
    }
    Ok(())
}

/// Compares `count` modules and aliases of each kernel, or all.
pub fn run(series: Option<&str>, count: Option<usize>, seed: u64) -> Result<Tally> {
    let Some(theirs) = peer() else { bail!("there is no modinfo on this machine") };
    let work = project::target_dir().join("oracle-modinfo");
    fs::create_dir_all(&work)?;
    let ours = work.join("modinfo");
    let _ = fs::remove_file(&ours);
    symlink(komod::build(Profile::Release)?, &ours)?;
    let both = Both { ours, theirs };
    let mut tally = Tally::default();
    for kernel in kernels::chosen(series) {
        tally += of_kernel(&both, &kernel?, &work, count, seed)?;
    }
    Ok(tally)
}

fn peer() -> Option<PathBuf> {
    ["/usr/sbin/modinfo", "/sbin/modinfo"].iter().map(PathBuf::from).find(|path| path.exists())
}

fn of_kernel(
    both: &Both,
    kernel: &Kernel,
    work: &Path,
    count: Option<usize>,
    seed: u64,
) -> Result<Tally> {
    let started = Instant::now();
    let some = |all: Vec<String>| match count {
        Some(count) => draw::sample(&all, count, seed),
        None => all,
    };
    let modules = stock::modules(kernel)?;
    let files: Vec<String> = modules.iter().map(|m| m.file().display().to_string()).collect();
    let names: Vec<String> =
        modules.iter().filter_map(|m| Some(m.path.rsplit('/').next()?.to_owned())).collect();
    let files = some(files);
    let mut tally = Tally::default();
    let mut compare = |what: &str, options: &[&str], words: &[String]| {
        let one = both.compare(options, words);
        println!("  {what} {}: {one}", options.join(" "));
        tally += one;
    };
    println!("{}: {} modules", kernel.release, files.len());
    for options in OPTIONS {
        compare("files", options, &files);
    }
    if files.first().is_some_and(|file| file.ends_with(".ko")) {
        for field in FIELDS {
            compare("files", &["-F", field], &files);
        }
    }
    let root = tree(kernel, work)?;
    let root_text = root.display().to_string();
    let here = ["-b", &root_text, "-k", &kernel.release];
    let with = |options: &[&'static str]| [&here[..], options].concat();
    compare("names", &with(&["-n"]), &some(names.clone()));
    compare("names", &with(&["-m", "-n"]), &some(names));
    let dir = root.join("lib/modules").join(&kernel.release);
    compare("aliases", &with(&["-n"]), &some(words(&dir.join("modules.alias"), 1)?));
    compare("symbols", &with(&["-n"]), &some(words(&dir.join("modules.symbols"), 1)?));
    compare("built-in modules", &with(&[]), &some(builtin(&dir)?));
    println!("  {tally} in {:.0} s", started.elapsed().as_secs_f64());
    Ok(tally)
}

/// The nth words of a file's lines, each once. What a shell would take for a pattern is a word
/// like any other here.
fn words(file: &Path, nth: usize) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let words: BTreeSet<&str> =
        lines.filter_map(|line| line.split_ascii_whitespace().nth(nth)).collect();
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// Names of built-in modules.
fn builtin(dir: &Path) -> Result<Vec<String>> {
    let paths = words(&dir.join("modules.builtin"), 0)?;
    let name = |path: &String| Some(path.rsplit('/').next()?.strip_suffix(".ko")?.to_owned());
    Ok(paths.iter().filter_map(name).collect())
}

/// A module directory with kmod's own indexes. Nothing is written beside the modules.
fn tree(kernel: &Kernel, work: &Path) -> Result<PathBuf> {
    let root = work.join(&kernel.release);
    let dir = root.join("lib/modules").join(&kernel.release);
    if dir.join("modules.dep.bin").exists() {
        return Ok(root);
    }
    fs::create_dir_all(&dir)?;
    for name in ["kernel", "modules.builtin", "modules.builtin.modinfo", "modules.order"] {
        let link = dir.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(kernel.modules.join(name), link)?;
        }
    }
    shell::run(Command::new("/usr/sbin/depmod").arg("-b").arg(&root).arg(&kernel.release))?;
    Ok(root)
}

/// The two programs.
struct Both {
    ours: PathBuf,
    theirs: PathBuf,
}

impl Both {
    /// Compares many words at once, and one by one where they differ.
    fn compare(&self, options: &[&str], words: &[String]) -> Tally {
        let batches: Vec<&[String]> = words.chunks(BATCH).collect();
        let same = parallel::map(&batches, |batch| self.same(options, batch));
        let mut tally = Tally::default();
        for (batch, same) in batches.iter().zip(same) {
            if same {
                tally.passed += batch.len();
                continue;
            }
            let before = tally.failed;
            for word in *batch {
                let same = self.same(options, std::slice::from_ref(word));
                if !same {
                    println!("  DIFFERENT: modinfo {} {word}", options.join(" "));
                }
                tally += Tally::one(same);
            }
            if tally.failed == before {
                println!("  DIFFERENT: only together: {} …", batch[0]);
                tally.failed += 1;
            }
        }
        tally
    }

    fn same(&self, options: &[&str], words: &[String]) -> bool {
        let run = |program: &Path| {
            let mut command = Command::new(program);
            command.args(options).arg("--").args(words).env("LC_ALL", "C");
            command.output().ok().map(|said| (said.stdout, said.stderr, said.status.code()))
        };
        let ours = run(&self.ours);
        ours.is_some() && ours == run(&self.theirs)
    }
}
