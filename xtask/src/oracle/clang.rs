//! `cargo xtask oracle clang`: kernel trees configured for clang, and komod's builds against them
//! compared with kbuild's.

use super::directory;
use super::linux_source::LinuxSource;
use super::listed::PACKAGES;
use crate::args::Args;
use crate::kernels::{self, Kernel};
use crate::{project, shell};
use anyhow::{Context, Result, bail};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

const HELP: &str = "\
Usage: cargo xtask oracle clang [--kernel SERIES]

Configures the sources of the kernels for clang (small, prepared for modules only; once with link
time optimisation), and runs the tests of komod-build that compare komod's build with kbuild's in
such trees (tests/clang.rs). The trees stay in the cache. Needs clang, lld and llvm.

  --kernel SERIES   6.1 or 6.12 (default: both)";

/// What the configurations have in common.
const CONFIG: &str = "CONFIG_64BIT=y\nCONFIG_SMP=y\nCONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\n\
                      CONFIG_PRINTK=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\n\
                      CONFIG_DEBUG_KERNEL=y\nCONFIG_DEBUG_INFO_DWARF5=y\n";

/// The configurations: a name and what is added.
const KINDS: [(&str, &str); 2] = [("plain", ""), ("lto", "CONFIG_LTO_CLANG_THIN=y\n")];

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("--help") {
        println!("{HELP}");
        return Ok(());
    }
    let series = args.option::<String>("--kernel")?;
    args.finish()?;
    let mut trees = Vec::new();
    for kernel in kernels::chosen(series.as_deref()) {
        let kernel = kernel?;
        for (kind, more) in KINDS {
            trees.push(tree(&kernel, kind, &format!("{CONFIG}{more}"))?);
        }
    }
    let mut test = Command::new(project::cargo());
    test.args(["test", "-p", "komod-build", "--test", "clang"]).current_dir(project::root());
    test.env("KOMOD_TEST_TREES", env::join_paths(trees)?);
    shell::run(&mut test)
}

/// A prepared tree; made unless it is there.
fn tree(kernel: &Kernel, kind: &str, config: &str) -> Result<PathBuf> {
    let source = LinuxSource::of(kernel)?;
    let dir = directory(kernel)?.join(format!("clang-{kind}"));
    let (build, complete) = (dir.join("build"), dir.join("complete"));
    let what = format!("{}\n{config}", source.version);
    if fs::read_to_string(&complete).is_ok_and(|done| done == what) {
        return Ok(build);
    }
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&build)?;
    let wanted = dir.join("config");
    fs::write(&wanted, config)?;
    for goal in ["allnoconfig", "modules_prepare"] {
        let mut make = Command::new("nice");
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        make.args(["make", "-s", &format!("-j{jobs}"), "LLVM=1", "-C"]).arg(&source.dir);
        make.arg(format!("O={}", build.display())).arg(goal);
        make.env("KCONFIG_ALLCONFIG", &wanted).env_remove("MAKEFLAGS").env_remove("MFLAGS");
        shell::run(&mut make)
            .with_context(|| format!("are all tools here? {PACKAGES} clang lld llvm"))?;
    }
    let made = fs::read_to_string(build.join(".config"))?;
    if let Some(line) = config.lines().find(|line| !made.lines().any(|made| made == *line)) {
        bail!("{}: the configuration has not taken {line}", build.display());
    }
    fs::write(complete, what)?;
    Ok(build)
}
