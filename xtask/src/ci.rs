//! `cargo xtask ci`: everything that must hold, step by step. All steps run even when one fails,
//! so that one run shows all that is wrong.

use crate::args::Args;
use crate::kernels::{Kernel, SERIES, TEST_KERNELS};
use crate::tally::Tally;
use crate::{cases, examples, licences, oracle, project, shell, test_binaries, tidy};
use anyhow::{Result, bail};
use std::process::Command;
use std::time::{Duration, Instant};

const HELP: &str = "\
Usage: cargo xtask ci [STEP…]

Runs all steps, or only those named: ";

/// The tests build modules for these trees.
const TEST_TREES: &str = "KOMOD_TEST_TREES";
/// Stock modules per kernel that CI compares: a part of the 300 that `oracle boot` draws.
const ORACLE_SAMPLE: usize = 60;
/// Scenes per kernel that CI stages: a part of the 750 of `oracle loader`.
const SCENE_SAMPLE: usize = 100;
/// Modules and aliases per kernel that CI asks modprobe for: a part of all of `oracle kmod`.
const NAME_SAMPLE: usize = 400;

struct Step {
    name: &'static str,
    run: fn() -> Result<Tally>,
}

const STEPS: &[Step] = &[
    Step { name: "fmt", run: fmt },
    Step { name: "clippy", run: clippy },
    Step { name: "tidy", run: || tidy::run().map(|()| Tally::one(true)) },
    Step { name: "licences", run: || licences::run().map(|()| Tally::one(true)) },
    Step { name: "fuzz", run: check_fuzz_targets },
    Step { name: "kernels", run: fetch_kernels },
    Step { name: "test", run: test },
    Step { name: "cases", run: cases::run },
    Step { name: "examples", run: examples::run },
    Step { name: "oracle", run: sample_oracle },
];

pub fn main(mut args: Args) -> Result<()> {
    let names: Vec<&str> = STEPS.iter().map(|s| s.name).collect();
    if args.flag("--help") || args.flag("-h") {
        println!("{HELP}{}", names.join(", "));
        return Ok(());
    }
    let mut chosen = Vec::new();
    while let Some(name) = args.positional() {
        if !names.contains(&name.as_str()) {
            bail!("no step {name:?}; there are {}", names.join(", "));
        }
        chosen.push(name);
    }
    args.finish()?;

    let mut rows = Vec::new();
    for step in STEPS.iter().filter(|s| chosen.is_empty() || chosen.iter().any(|c| c == s.name)) {
        println!("\n== {}", step.name);
        let started = Instant::now();
        let tally = (step.run)().unwrap_or_else(|error| {
            println!("{}: {error:#}", step.name);
            Tally::one(false)
        });
        rows.push((step.name, tally, started.elapsed()));
    }
    if summary(&rows).failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

/// The table at the end; its last line is the whole result.
fn summary(rows: &[(&str, Tally, Duration)]) -> Tally {
    let mut all = Tally::default();
    println!("\n{:<10} {:>8} {:>8} {:>9}", "step", "passed", "failed", "seconds");
    for (name, tally, time) in rows {
        println!("{name:<10} {:>8} {:>8} {:>9.1}", tally.passed, tally.failed, time.as_secs_f64());
        all += *tally;
    }
    println!("{all}");
    all
}

fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(project::cargo());
    command.args(args).current_dir(project::root());
    command
}

fn fmt() -> Result<Tally> {
    shell::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    Ok(Tally::one(true))
}

fn clippy() -> Result<Tally> {
    shell::run(&mut cargo(&[
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    Ok(Tally::one(true))
}

/// The fuzz targets are a workspace of their own: that they compile shows only here.
fn check_fuzz_targets() -> Result<Tally> {
    let manifest = project::root().join("fuzz/Cargo.toml");
    let mut check = cargo(&["check", "--quiet", "--locked", "--manifest-path"]);
    shell::run(check.arg(manifest).env("CARGO_TARGET_DIR", project::target_dir()))?;
    Ok(Tally::one(true))
}

/// Fetches the kernels that are not there, as a user would.
fn fetch_kernels() -> Result<Tally> {
    for (series, _) in SERIES {
        if Kernel::find(series).is_err() {
            shell::run(&mut cargo(&[
                "run", "--quiet", "-p", "komod", "--", "kernel", "fetch", series,
            ]))?;
        }
        println!("{series}: {}", Kernel::find(series)?.release);
    }
    Ok(Tally::one(true))
}

fn test() -> Result<Tally> {
    let kernels = SERIES.iter().map(|(s, _)| Kernel::find(s)).collect::<Result<Vec<_>>>()?;
    let roots = std::env::join_paths(kernels.iter().map(|k| &k.root))?;
    let trees = std::env::join_paths(kernels.iter().filter_map(|k| k.tree.as_ref()))?;
    test_binaries::run(&[
        (TEST_KERNELS, roots),
        (TEST_TREES, trees),
        ("KOMOD_REQUIRE_KERNELS", "1".into()),
    ])
}

fn sample_oracle() -> Result<Tally> {
    let choice = oracle::Choice::sampled(ORACLE_SAMPLE);
    let mut tally = Tally::default();
    for (series, required) in SERIES {
        tally += oracle::boot(series, *required, &choice)?;
    }
    tally += oracle::foretold(SCENE_SAMPLE)?;
    tally += oracle::drop_in(NAME_SAMPLE)?;
    Ok(tally)
}
