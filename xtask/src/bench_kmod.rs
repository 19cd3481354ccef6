//! `cargo xtask bench kmod`: komod's depmod, modprobe and modinfo next to the machine's, on all stock
//! modules of a kernel.

use crate::args::Args;
use crate::bench_options::Options;
use crate::kernels::Kernel;
use crate::komod::{self, Profile};
use crate::measure::{self, Times, ms, ratio};
use crate::modules::ModuleTree;
use crate::oracle;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const HELP: &str = "\
Usage: cargo xtask bench kmod [--kernel SERIES] [--runs N]

Medians and minima of N runs (default 11; of what takes seconds 3), as a Markdown table: the
machine's depmod, modprobe and modinfo (kmod) and komod's, one after the other. With the most memory
of one more run each (GNU time), and its instructions (valgrind; not of what takes seconds).";

const RUNS: usize = 11;
const RUNS_OF_LONG: usize = 3;
/// Short runs are mostly the start of a program: more of them.
const MORE: usize = 10;
/// Under valgrind all takes fifty times as long.
const FEW_SECONDS: Duration = Duration::from_millis(1500);

pub fn main(mut args: Args) -> Result<()> {
    let Some(options) = Options::take(&mut args, HELP, RUNS)? else { return Ok(()) };
    let runs = options.runs;
    args.finish()?;
    let komod = komod::build(Profile::Release)?;
    println!(
        "| kernel | what | kmod: median | min | komod: median | min | ratio | of minima | kmod: \
         memory | komod | kmod: instructions | komod |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for chosen in options.kernels() {
        Bench::new(&komod, chosen?)?.rows(runs)?;
    }
    Ok(())
}

struct Bench<'a> {
    komod: &'a Path,
    kernel: Kernel,
    /// With `lib/modules/RELEASE`.
    root: PathBuf,
    /// The module that changes.
    changing: PathBuf,
    modules: ModuleTree,
}

impl<'a> Bench<'a> {
    fn new(komod: &'a Path, kernel: Kernel) -> Result<Self> {
        let modules = ModuleTree::open(&kernel.modules)?;
        let root = oracle::module_directory(&kernel, "bench-kmod")?;
        let one = modules.path("nbd").context("the kernel has no nbd")?;
        let updates = root.join("lib/modules").join(&kernel.release).join("updates");
        fs::create_dir_all(&updates)?;
        let changing = updates.join(one.file_name().unwrap_or_default());
        fs::copy(&one, &changing).with_context(|| changing.display().to_string())?;
        Ok(Bench { komod, kernel, root, changing, modules })
    }

    fn rows(&self, runs: usize) -> Result<()> {
        let of_all = if self.kernel.series == "6.1" { runs } else { runs.min(RUNS_OF_LONG) };
        let depmod = Side::of(of_all, || self.kmod("depmod", &self.below(&[])))?;
        for threads in ["1", "2"] {
            let option = format!("--threads={threads}");
            let ours = Side::of(of_all, || self.ours("depmod", &self.below(&[&option])))?;
            self.row(&format!("depmod, threads: {threads}"), &depmod, &ours);
        }
        // The cache is written first.
        self.ours("depmod", &self.below(&["--incremental"])).output()?;
        let again = Side::of(runs, || {
            // As it is, and yet changed.
            let _ = fs::read(&self.changing).and_then(|bytes| fs::write(&self.changing, bytes));
            self.ours("depmod", &self.below(&["--incremental"]))
        })?;
        self.row("depmod --incremental, one module changed", &depmod, &again);

        let of_short = runs * MORE;
        let directory = ["-d", "-S", "-D"].map(OsString::from);
        let [d, s, show] = directory;
        let nouveau =
            [d, self.root.clone().into(), s, self.release(), show, OsString::from("nouveau")];
        self.both("modprobe -D nouveau", "modprobe", &nouveau, of_short)?;
        let ext4 = self.modules.path("ext4").context("the kernel has no ext4")?;
        self.both("modinfo ext4", "modinfo", &[ext4.into()], of_short)?;
        let all: Vec<OsString> =
            self.modules.paths().map(|path| path.as_os_str().to_owned()).collect();
        self.both("modinfo, all modules", "modinfo", &all, of_all)
    }

    fn both(&self, what: &str, tool: &str, words: &[OsString], runs: usize) -> Result<()> {
        let theirs = Side::of(runs, || self.kmod(tool, words))?;
        self.row(what, &theirs, &Side::of(runs, || self.ours(tool, words))?);
        Ok(())
    }

    fn row(&self, what: &str, theirs: &Side, ours: &Side) {
        println!(
            "| {} | {what} | {} | {} | {} | {} | {:.2}× | {:.2}× | {} | {} | {} | {} |",
            self.kernel.series,
            ms(theirs.times.median()),
            ms(theirs.times.min()),
            ms(ours.times.median()),
            ms(ours.times.min()),
            ratio(theirs.times.median(), ours.times.median()),
            ratio(theirs.times.min(), ours.times.min()),
            mib(theirs.memory),
            mib(ours.memory),
            millions(theirs.instructions),
            millions(ours.instructions),
        );
    }

    fn release(&self) -> OsString {
        OsString::from(&self.kernel.release)
    }

    /// Words for depmod.
    fn below(&self, options: &[&str]) -> Vec<OsString> {
        let mut words: Vec<OsString> = options.iter().map(OsString::from).collect();
        words.extend([OsString::from("-b"), self.root.clone().into(), self.release()]);
        words
    }

    fn kmod(&self, tool: &str, words: &[OsString]) -> Command {
        let mut command = Command::new(tool);
        command.args(words);
        command
    }

    fn ours(&self, tool: &str, words: &[OsString]) -> Command {
        let mut command = komod::command(self.komod);
        command.arg(tool).args(words);
        command
    }
}

/// What one of the two takes.
struct Side {
    times: Times,
    memory: Option<u64>,
    instructions: Option<u64>,
}

impl Side {
    fn of(runs: usize, command: impl Fn() -> Command) -> Result<Side> {
        let times =
            Times::of(runs, || Ok(measure::timed(&mut command(), || Duration::ZERO)?.wall))?;
        let told = |of: &str, found: Result<u64>| {
            found.inspect_err(|error| eprintln!("bench: {of} is not known: {error:#}")).ok()
        };
        let memory = told("memory", measure::peak_memory(&command()));
        let short = times.min() < FEW_SECONDS;
        let instructions =
            short.then(|| told("instructions", measure::instructions(&command()))).flatten();
        Ok(Side { times, memory, instructions })
    }
}

fn mib(bytes: Option<u64>) -> String {
    bytes.map_or("-".to_owned(), |bytes| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)))
}

fn millions(count: Option<u64>) -> String {
    count.map_or("-".to_owned(), |count| format!("{:.1} M", count as f64 / 1e6))
}
