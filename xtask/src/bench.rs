//! `cargo xtask bench`: how long it takes until hello's `init` is done, and what that costs,
//! against a plain boot of the same kernel under QEMU.

use crate::args::Args;
use crate::bench_build;
use crate::bench_check;
use crate::bench_kmod;
use crate::bench_options::Options;
use crate::bench_vm;
use crate::guest_build;
use crate::kernels::Kernel;
use crate::komod::{self, Profile};
use crate::measure::{self, Times, ms, ratio};
use crate::modules::ModuleTree;
use crate::oracle::{self, Work};
use crate::project;
use crate::qemu::{Guest, Heard};
use anyhow::{Context, Result, bail};
use guest_init::{Job, Report};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HELP: &str = "\
Usage: cargo xtask bench [--kernel SERIES] [--runs N]
       cargo xtask bench build [--kernel SERIES] [--runs N] [--modules N]
       cargo xtask bench check [--kernel SERIES] [--runs N]
       cargo xtask bench kmod [--kernel SERIES] [--runs N]
       cargo xtask bench vm [--kernel SERIES] [--runs N]

Medians of N runs (default 11; QEMU: 3), as a Markdown table. The ratios are to a plain boot.";

const QEMU_RUNS: usize = 3;
/// The kernel that stays while loads into it are measured.
const NAME: &str = "bench";

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("build") {
        return bench_build::main(args);
    }
    if args.flag("check") {
        return bench_check::main(args);
    }
    if args.flag("kmod") {
        return bench_kmod::main(args);
    }
    if args.flag("vm") {
        return bench_vm::main(args);
    }
    let Some(options) = Options::take(&mut args, HELP, 11)? else { return Ok(()) };
    let runs = options.runs;
    args.finish()?;
    let komod = komod::build(Profile::Release)?;
    println!("| kernel | what | median | min | against QEMU |");
    println!("|---|---|--:|--:|--:|");
    for chosen in options.kernels() {
        kernel(&komod, &chosen?, runs)?;
    }
    Ok(())
}

fn kernel(komod: &Path, kernel: &Kernel, runs: usize) -> Result<()> {
    let hello = build_hello(komod, kernel)?;
    let plain = Times::of(QEMU_RUNS, || qemu_boot(kernel, &hello, &kernel.vmlinuz))?;
    let row = |what: &str, times: &Times| {
        println!(
            "| {} | {what} | {} | {} | {:.0}× |",
            kernel.series,
            ms(times.median()),
            ms(times.min()),
            ratio(plain.median(), times.median())
        );
    };
    row("QEMU (TCG), `vmlinuz`: start to insmod done", &plain);
    let vmlinux = oracle::vmlinux(kernel)?;
    let unpacked = Times::of(QEMU_RUNS, || qemu_boot(kernel, &hello, &vmlinux))?;
    row("QEMU (TCG), `vmlinux` unpacked before (PVH)", &unpacked);

    let run = |extra: &[&str]| {
        let mut command = komod::command(komod);
        command.arg("run").arg(&hello).arg("--kernel").arg(&kernel.root).args(extra);
        timed(&mut command)
    };
    // Once before: the prepared image goes into the cache.
    run(&["--no-zygote"])?;
    row("`komod run --no-zygote`, whole process", &Times::of(runs, || run(&["--no-zygote"]))?);
    run(&[])?;
    row("`komod run`, whole process", &Times::of(runs, || run(&[]))?);

    let act = |verb: &str, what: &[&str]| {
        timed(komod::command(komod).arg(verb).args(what).args(["--name", NAME]))
    };
    let before = kernel_processes()?;
    timed(komod::command(komod).args(["up", NAME, "--kernel"]).arg(&kernel.root))?;
    let file = hello.to_string_lossy();
    let loads = Times::of(runs, || {
        let time = act("load", &[&file])?;
        act("unload", &["hello"])?;
        Ok(time)
    });
    let resident = kernel_processes()?.difference(&before).next().map(|pid| resident(*pid));
    timed(komod::command(komod).args(["down", NAME]))?;
    row("`komod load` into a running kernel, whole process", &loads?);
    if let Some(kib) = resident {
        println!("| {} | resident memory of that kernel | {} MB | | |", kernel.series, kib? / 1024);
    }
    Ok(())
}

pub fn build_hello(komod: &Path, kernel: &Kernel) -> Result<PathBuf> {
    let output = komod::command(komod)
        .arg("build")
        .arg(project::root().join("examples/hello"))
        .arg("--kernel")
        .arg(&kernel.root)
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let built = said.lines().find(|l| l.ends_with(".ko")).context("komod build names no .ko")?;
    Ok(built.into())
}

/// From the start of QEMU to the report that the module is loaded.
pub fn qemu_boot(kernel: &Kernel, hello: &Path, boot_image: &Path) -> Result<Duration> {
    let mut tree = ModuleTree::open(&kernel.modules)?;
    let key = tree.add(hello)?;
    let work = Work { modules: tree.closure(&key)?, key, settle_ms: 0, visits: Vec::new() };
    let files = work.modules.iter().map(|m| (m.name.as_str(), m.bytes.as_slice()));
    let job = Job { key: work.key.clone(), steps: work.steps() };
    let image = oracle::initramfs(&guest_build::build()?, &[job], files);
    let scratch = oracle::directory(kernel)?;
    let started = Instant::now();
    let mut guest = Guest::start(boot_image, &image, &scratch)?;
    loop {
        match guest.listen(Duration::from_secs(120)) {
            Heard::Report(Report::Loaded { result: 0, .. }) => return Ok(started.elapsed()),
            Heard::Report(Report::Loaded { result, .. }) => bail!("the load failed: {result}"),
            Heard::Report(_) | Heard::Torn(_) => {}
            Heard::Silence | Heard::End => bail!("no boot:\n{}", guest.last_words()),
        }
    }
}

/// The time a process takes from its start to its end.
fn timed(command: &mut Command) -> Result<Duration> {
    measure::timed(command, || Duration::ZERO).map(|cost| cost.wall)
}

/// Processes that are in-process kernels, by the name komod gives them.
fn kernel_processes() -> Result<BTreeSet<u32>> {
    let mut pids = BTreeSet::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line.split(|b| *b == 0).next() == Some(b"komod-kernel") {
            pids.insert(pid);
        }
    }
    Ok(pids)
}

/// `VmRSS` in KiB.
fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory() {
        assert!(resident(std::process::id()).unwrap() > 100);
    }
}
