//! `cargo xtask fuzz TARGET [SECONDS]`: one fuzz target for a while.

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
    // cargo-fuzz needs the compiler's sanitizer flags, which a stable compiler only takes so.
    shell::run(
        Command::new(project::cargo())
            .args(["fuzz", "run", &target, "--"])
            .arg(format!("-max_total_time={seconds}"))
            .args(["-timeout=10", "-rss_limit_mb=2048"])
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(&directory),
    )
    .context("cargo-fuzz is installed by `cargo install cargo-fuzz`")
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
