//! `cargo xtask bench vm`: how long it takes until hello's `init` is done in a virtual machine, next
//! to a plain boot of the same kernel under QEMU, and to virtme-ng.

use crate::args::Args;
use crate::bench;
use crate::bench_options::Options;
use crate::bench_vng::{self, Vng};
use crate::kernels::Kernel;
use crate::komod::{self, Profile};
use crate::measure::{Times, ms, ratio};
use crate::project;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HELP: &str = "\
Usage: cargo xtask bench vm [--kernel SERIES] [--runs N]

Medians of N runs (default 11; of plain boots and of new snapshots 3), as a Markdown table. The
ratios are to a plain boot of vmlinuz under QEMU, measured in the same run; so is virtme-ng, if
PyPI can be reached.";

const RUNS: usize = 11;
const RUNS_OF_LONG: usize = 3;
const AT_A_TIME: usize = 20;

pub fn main(mut args: Args) -> Result<()> {
    let Some(options) = Options::take(&mut args, HELP, RUNS)? else { return Ok(()) };
    let runs = options.runs;
    args.finish()?;
    let komod = komod::build(Profile::Release)?;
    println!("| kernel | what | median | min | against QEMU |");
    println!("|---|---|--:|--:|--:|");
    for chosen in options.kernels() {
        let kernel = chosen?;
        let hello = bench::build_hello(&komod, &kernel)?;
        Bench { komod: &komod, cache: cache(&kernel)?, kernel, hello }.rows(runs)?;
    }
    Ok(())
}

struct Bench<'a> {
    komod: &'a Path,
    /// komod's, with nothing but the kernel at first.
    cache: PathBuf,
    kernel: Kernel,
    hello: PathBuf,
}

/// A new cache that knows the kernel.
fn cache(kernel: &Kernel) -> Result<PathBuf> {
    let cache = project::target_dir().join("bench-vm").join(&kernel.series);
    let _ = fs::remove_dir_all(&cache);
    fs::create_dir_all(cache.join("kernels"))?;
    symlink(&kernel.root, cache.join("kernels").join(&kernel.release))?;
    Ok(cache)
}

impl Bench<'_> {
    fn rows(&self, runs: usize) -> Result<()> {
        let Kernel { vmlinuz, .. } = &self.kernel;
        let plain =
            Times::of(RUNS_OF_LONG, || bench::qemu_boot(&self.kernel, &self.hello, vmlinuz))?;
        let row = |what: &str, times: &Times| {
            println!(
                "| {} | {what} | {} | {} | {:.0}× |",
                self.kernel.series,
                ms(times.median()),
                ms(times.min()),
                ratio(plain.median(), times.median())
            );
        };
        row("QEMU (TCG), `vmlinuz`: start to insmod done", &plain);
        let new = || {
            let _ = fs::remove_dir_all(self.cache.join("vm/snapshots"));
            self.run("restored-new").map(|(_, whole)| whole)
        };
        // The kernel is unpacked first, as it is once for all times.
        new()?;
        row("`komod run --on vm`, whole process, snapshot made", &Times::of(RUNS_OF_LONG, new)?);
        let restored = || self.run("restored");
        row("the same from the snapshot", &Times::of(runs, || Ok(restored()?.1))?);
        row("from its start to init done", &Times::of(runs, || Ok(restored()?.0))?);
        let many = Times::of(RUNS_OF_LONG, || self.many())?;
        row(&format!("{AT_A_TIME} at a time, whole processes"), &many);
        let peer = format!("virtme-ng {}, whole process, its fastest settings", bench_vng::VERSION);
        match Vng::prepare(&self.kernel) {
            Ok(vng) => row(&peer, &Times::of(RUNS_OF_LONG, || vng.run(&self.hello))?),
            Err(error) => println!("| {} | {peer} | SKIPPED: {error:#} | | |", self.kernel.series),
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = komod::command(self.komod);
        command.arg("run").arg(&self.hello).args(["--on", "vm", "--json", "--kernel"]);
        command.arg(&self.kernel.root).env("KOMOD_CACHE", &self.cache);
        command
    }

    /// Until init was done, and until all was.
    fn run(&self, start: &str) -> Result<(Duration, Duration)> {
        let started = Instant::now();
        let output = self.command().stderr(Stdio::inherit()).output()?;
        let whole = started.elapsed();
        ensure!(output.status.success(), "komod run --on vm: {}", output.status);
        let report: Value = serde_json::from_slice(&output.stdout)?;
        ensure!(report["start"] == start, "start is {}, not {start}", report["start"]);
        let us = |value: &Value| value.as_u64().map(Duration::from_micros).context("no time");
        let (total, ready) = (us(&report["total_us"])?, us(&report["ready_us"])?);
        let loaded = us(&report["modules"][0]["load_us"])?;
        // What the process does before its clock starts counts, too.
        Ok((whole.saturating_sub(total) + ready + loaded, whole))
    }

    fn many(&self) -> Result<Duration> {
        let started = Instant::now();
        let children: Vec<_> = (0..AT_A_TIME)
            .map(|_| self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn())
            .collect::<std::io::Result<_>>()?;
        for mut child in children {
            let status = child.wait()?;
            ensure!(status.success(), "one of {AT_A_TIME}: {status}");
        }
        Ok(started.elapsed())
    }
}
