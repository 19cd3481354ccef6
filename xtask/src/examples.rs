//! `cargo xtask examples`: every example, built for each kernel, must log the same in-process as
//! in the real kernel, line by line.

use crate::args::Args;
use crate::kernels::{Kernel, SERIES};
use crate::komod::{self, Profile};
use crate::modules::ModuleTree;
use crate::oracle::{self, Outcome, Visit, Work};
use crate::tally::Tally;
use crate::{parallel, project};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Timers and work items of the examples get this long: not a multiple of their periods, or chance
/// would say which comes first, the last tick or the end.
const SETTLE_MS: u64 = 350;

/// What is done with the files that an example makes.
fn visits(key: &str) -> Vec<Visit> {
    const NOTE: &str = "/proc/procnote";
    const VALUE: &str = "/sys/kernel/sysfs_value/value";
    const DEVICE: &str = "/dev/chardev";
    match key {
        "procnote.ko" => vec![
            Visit::Read(NOTE),
            Visit::Write(NOTE, "remember the milk\n"),
            Visit::Read(NOTE),
            Visit::Read("/proc/no-such-file"),
        ],
        "sysfs_value.ko" => vec![
            Visit::Read(VALUE),
            Visit::Write(VALUE, "42"),
            Visit::Write(VALUE, "many"),
            Visit::Read(VALUE),
            Visit::Read("/sys/kernel/sysfs_value/times"),
        ],
        "chardev.ko" => {
            vec![Visit::Read(DEVICE), Visit::Write(DEVICE, "hello\n"), Visit::Read(DEVICE)]
        }
        "params.ko" => vec![
            Visit::Read("/sys/module/params/refcnt"),
            Visit::Read("/sys/module/params/taint"),
            Visit::Read("/sys/module/params/initstate"),
        ],
        _ => Vec::new(),
    }
}

pub fn main(args: Args) -> Result<()> {
    args.finish()?;
    let tally = run()?;
    println!("{tally}");
    if tally.failed > 0 {
        bail!("examples differ");
    }
    Ok(())
}

pub fn run() -> Result<Tally> {
    let komod = komod::build(Profile::Dev)?;
    let mut tally = Tally::default();
    for done in parallel::map(SERIES, |(series, _)| on(&komod, series)) {
        let (lines, passed) = done?;
        print!("{lines}");
        tally += passed;
    }
    Ok(tally)
}

/// On one kernel: what is to be said, and how many are equal.
fn on(komod: &Path, series: &str) -> Result<(String, Tally)> {
    let (mut lines, mut tally) = (String::new(), Tally::default());
    let kernel = Kernel::find(series)?;
    let mut tree = ModuleTree::open(&kernel.modules)?;
    let mut work = Vec::new();
    for directory in directories()? {
        work.extend(turns(komod, &kernel, &mut tree, &directory)?);
    }
    let mut truth = BTreeMap::new();
    oracle::in_guest(&kernel, &work, 1, &mut |key, outcome| {
        truth.insert(key.to_owned(), outcome);
        Ok(())
    })?;
    let ours = oracle::in_process(&kernel, &work)?;
    for (work, ours) in work.iter().zip(ours) {
        let name = &work.key;
        let result = ours.and_then(|ours| {
            let truth = truth.get(name).context("no outcome in the real kernel")?;
            equal(truth, &ours)
        });
        // Writing to memory does not fail.
        let _ = match &result {
            Ok(count) => writeln!(lines, "ok      {name} on {series}: {count} lines of log"),
            Err(error) => writeln!(lines, "FAILED  {name} on {series}: {error:#}"),
        };
        tally += Tally::one(result.is_ok());
    }
    Ok((lines, tally))
}

fn directories() -> Result<Vec<PathBuf>> {
    let examples = project::root().join("examples");
    let mut directories: Vec<PathBuf> = examples
        .read_dir()
        .with_context(|| examples.display().to_string())?
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.is_dir())
        .collect();
    directories.sort();
    Ok(directories)
}

/// Builds an example; each of its modules that no other of them needs gets a turn.
fn turns(
    komod: &Path,
    kernel: &Kernel,
    tree: &mut ModuleTree,
    directory: &Path,
) -> Result<Vec<Work>> {
    let output = komod::command(komod)
        .arg("build")
        .arg(directory)
        .arg("--kernel")
        .arg(&kernel.root)
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let built: Vec<&Path> = said.lines().filter(|l| l.ends_with(".ko")).map(Path::new).collect();
    if !output.status.success() || built.is_empty() {
        bail!("komod build {}: {}", directory.display(), output.status);
    }
    let keys = built.iter().map(|path| tree.add(path)).collect::<Result<Vec<_>>>()?;
    let modules = keys.iter().map(|key| tree.module(key)).collect::<Result<Vec<_>>>()?;
    let mut work = Vec::new();
    for key in &keys {
        let name = guest_init::module_name(key);
        if modules.iter().any(|m| m.depends.contains(&name)) {
            continue;
        }
        let modules = tree.closure(key)?;
        let visits = visits(key);
        work.push(Work { key: key.clone(), modules, settle_ms: SETTLE_MS, visits });
    }
    Ok(work)
}

/// Equal to the letter; gives the number of lines.
fn equal(truth: &Outcome, ours: &Outcome) -> Result<usize> {
    if truth.results() != ours.results() {
        bail!("{} there, {} here", truth.results(), ours.results());
    }
    let longest = truth.log.len().max(ours.log.len());
    for line in 0..longest {
        let (there, here) = (truth.log.get(line), ours.log.get(line));
        if there != here {
            bail!("line {}: {there:?} there, {here:?} here", line + 1);
        }
    }
    Ok(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_counts() {
        let outcome = |log: &[&str]| Outcome {
            init: "0".parse().unwrap(),
            exit: "0".parse().ok(),
            log: log.iter().map(|l| (*l).to_owned()).collect(),
        };
        let truth = outcome(&["<6>a 1", "<6>b"]);
        assert_eq!(equal(&truth, &truth).unwrap(), 2);
        for other in [&["<6>a 2", "<6>b"][..], &["<6>a 1"], &["<6>a 1", "<6>b", "<6>c"]] {
            assert!(equal(&truth, &outcome(other)).is_err(), "{other:?}");
        }
        let exit = Outcome { exit: None, ..truth.clone() };
        assert!(equal(&truth, &exit).is_err());
    }
}
