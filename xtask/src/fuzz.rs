//! `cargo xtask fuzz TARGET [SECONDS]`: one fuzz target for a while, from the inputs in
//! `fuzz/seeds/TARGET` and those of earlier runs.

use crate::args::Args;
use crate::{project, shell};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

pub fn main(mut args: Args) -> Result<()> {
    let directory = project::root().join("fuzz");
    let targets = targets(&directory)?;
    let Some(target) = args.positional() else {
        bail!("Usage: cargo xtask fuzz TARGET [SECONDS]\nTargets: {}", targets.join(", "));
    };
    if !targets.contains(&target) {
        bail!("no target {target:?}; there are {}", targets.join(", "));
    }
    let seconds: u32 = match args.positional() {
        Some(text) => text.parse().with_context(|| format!("seconds: {text:?}"))?,
        None => 60,
    };
    args.finish()?;
    let mut command = Command::new(project::cargo());
    command.args(["fuzz", "run", &target]);
    // What is found goes into the first of the folders.
    let corpus = directory.join("corpus").join(&target);
    std::fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
    let seeds = directory.join("seeds").join(&target);
    command.args([corpus, seeds].iter().filter(|folder| folder.is_dir()));
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    command.args(["-timeout=10", "-rss_limit_mb=2048"]);
    let words = directory.join("dictionaries").join(format!("{target}.dict"));
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    // cargo-fuzz needs the compiler's sanitizer flags, which a stable compiler only takes so.
    command.env("RUSTC_BOOTSTRAP", "1").current_dir(&directory);
    shell::run(&mut command).context("cargo-fuzz is installed by `cargo install cargo-fuzz`")
}

fn targets(directory: &Path) -> Result<Vec<String>> {
    let directory = directory.join("fuzz_targets");
    let mut targets: Vec<String> = directory
        .read_dir()
        .with_context(|| directory.display().to_string())?
        .flatten()
        .filter_map(|e| Some(e.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    targets.sort();
    Ok(targets)
}
