//! `cargo xtask oracle boot`: stock modules in the real kernel and in-process, compared;
//! `cargo xtask oracle loader`: what `komod check` foretells and what the real kernel does;
//! `cargo xtask oracle loaders`: the two loaders, compared;
//! `cargo xtask oracle applets`: kmod's small tools and komod's in the real kernel, compared;
//! `cargo xtask oracle modinfo`: modinfo of all stock modules, compared with kmod's;
//! `cargo xtask oracle modpost`: what modpost writes into stock modules, compared;
//! `cargo xtask oracle clang`: builds for kernels made with clang, compared with kbuild's;
//! `cargo xtask oracle srcversion`: the checksums of the sources of stock modules, compared;
//! `cargo xtask oracle kmod`: what modprobe says about all stock modules and aliases, compared;
//! `cargo xtask oracle warm`: see [`warm`].

mod applets;
mod clang;
mod compare;
mod guest;
mod inprocess;
mod kmod;
mod known;
mod linux_source;
mod listed;
mod loader;
mod loaders;
mod mask;
mod modinfo;
mod modpost;
mod near;
mod outcome;
#[path = "../../../crates/komod-build/tests/warm/probed.rs"]
mod probed;
mod processes;
mod reasons;
mod record;
mod srcversion;
mod stock;
mod table;
mod turn;
mod warm;

pub use kmod::module_directory;

pub use guest::{Visit, Work, initramfs};
pub use mask::mask;
pub use outcome::Outcome;
pub use reasons::rows;

use crate::args::Args;
use crate::kernels::{self, Kernel, SERIES};
use crate::modules::ModuleTree;
use crate::tally::Tally;
use crate::{draw, guest_build, parallel, qemu};
use anyhow::{Context, Result, bail};
use compare::Agreement;
use inprocess::Zygote;
use known::Known;
use komod_process::protocol::Loader;
use record::Record;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

const HELP: &str = "\
Usage: cargo xtask oracle boot [OPTIONS]
       cargo xtask oracle warm [OPTIONS]   (has a --help of its own)
       cargo xtask oracle clang [OPTIONS]   (has a --help of its own)
       cargo xtask oracle applets
       cargo xtask oracle modinfo [OPTIONS]   (has a --help of its own)
       cargo xtask oracle srcversion [OPTIONS]   (has a --help of its own)
       cargo xtask oracle kmod [OPTIONS]   (has a --help of its own)
       cargo xtask oracle modpost [--kernel SERIES]

Loads and unloads stock modules in the real kernel under QEMU and in-process, and compares the
results of init and exit and the log. The real kernel's results are recorded in komod's cache.
`modpost` compares what komod's modpost writes with what all stock modules hold.

  --kernel SERIES   6.1 or 6.12 (default: both)
  --count N         compare N modules drawn by the seed (default 300)
  --sample N        of those, only every nth, N in all
  --seed N          the seed (default 1)
  --all             compare all modules
  --module NAME     compare this one, and show both logs
  --fresh           boot again what is recorded already
  --truth-only      only record what the real kernel does
  --loader NAME     in-process: komod (default) or kernel, the image's own loader";

/// The modules that are compared unless told otherwise.
const COUNT: usize = 300;
const SEED: u64 = 1;
/// Background work of a stock module (probing, threads) gets this long to show in the log.
const SETTLE_MS: u64 = 50;

pub fn main(mut args: Args) -> Result<()> {
    let subject = args.positional();
    if subject.as_deref() == Some("warm") {
        return warm::main(args);
    }
    match subject.as_deref() {
        Some("applets") => return applets::main(args),
        Some("clang") => return clang::main(args),
        Some("modinfo") => return modinfo::main(args),
        Some("srcversion") => return srcversion::main(args),
        Some("kmod") => return kmod::main(args),
        _ => {}
    }
    if args.flag("--help") || args.flag("-h") {
        println!("{HELP}\n\n{}\n\n{}", loader::HELP, loaders::HELP);
        return Ok(());
    }
    match subject.as_deref() {
        Some("boot") => {}
        Some("loader") => return loader::main(args),
        Some("loaders") => return loaders::main(args),
        Some("modpost") => return modpost::main(args),
        _ => bail!("{HELP}\n\n{}\n\n{}", loader::HELP, loaders::HELP),
    }
    let series = args.option::<String>("--kernel")?;
    let choice = Choice {
        count: args.option("--count")?.unwrap_or(COUNT),
        seed: args.option("--seed")?.unwrap_or(SEED),
        sample: args.option("--sample")?,
        all: args.flag("--all"),
        module: args.option("--module")?,
        fresh: args.flag("--fresh"),
        truth_only: args.flag("--truth-only"),
        loader: match args.option::<String>("--loader")?.as_deref() {
            None | Some("komod") => Loader::Komod,
            Some("kernel") => Loader::Kernel,
            Some(other) => bail!("no loader {other:?}"),
        },
    };
    args.finish()?;
    let mut tally = Tally::default();
    for (name, required) in SERIES {
        if series.as_deref().is_none_or(|s| s == *name) {
            tally += boot(name, *required, &choice)?;
        }
    }
    if tally.failed > 0 {
        bail!("{tally}");
    }
    Ok(())
}

/// `count` of the scenes of `oracle loader`, on each kernel.
pub fn foretold(count: usize) -> Result<Tally> {
    loader::run(&loader::Choice::sampled(count))
}

/// `count` modules and aliases of `oracle kmod`, of each kernel.
pub fn drop_in(count: usize) -> Result<Tally> {
    kmod::sampled(count)
}

/// Which modules are compared, and how.
pub struct Choice {
    pub count: usize,
    pub seed: u64,
    pub sample: Option<usize>,
    pub all: bool,
    pub module: Option<String>,
    pub fresh: bool,
    pub truth_only: bool,
    pub loader: Loader,
}

impl Choice {
    /// Every nth of the usual modules, `sample` in all.
    pub fn sampled(sample: usize) -> Choice {
        Choice {
            count: COUNT,
            seed: SEED,
            sample: Some(sample),
            all: false,
            module: None,
            fresh: false,
            truth_only: false,
            loader: Loader::Komod,
        }
    }

    fn keys(&self, tree: &ModuleTree) -> Result<Vec<String>> {
        if let Some(name) = &self.module {
            let key = tree.resolve(name).with_context(|| format!("no module {name}"))?;
            return Ok(vec![key.to_owned()]);
        }
        let count = if self.all { tree.keys().len() } else { self.count };
        let drawn = draw::sample(tree.keys(), count, self.seed);
        let step = self.sample.map_or(1, |sample| drawn.len().div_ceil(sample.max(1)).max(1));
        Ok(drawn.into_iter().step_by(step).collect())
    }

    /// Is this the comparison that the required share is about? (A smaller one is too coarse.)
    fn is_whole(&self) -> bool {
        self.module.is_none() && self.sample.is_none() && (self.all || self.count >= COUNT)
    }
}

/// Compares one kernel's modules, prints the table; a difference without a known reason and a
/// share of equal modules below `required` percent count as failures.
pub fn boot(series: &str, required: f64, choice: &Choice) -> Result<Tally> {
    let kernel = Kernel::find(series)?;
    let tree = ModuleTree::open(&kernel.modules)?;
    let known = Known::load(series)?;
    let keys = choice.keys(&tree)?;
    let work = keys
        .iter()
        .map(|key| {
            let modules = tree.closure(key)?;
            Ok(Work { key: key.clone(), modules, settle_ms: SETTLE_MS, visits: Vec::new() })
        })
        .collect::<Result<Vec<_>>>()?;
    let truth = truth(&kernel, &work, choice.fresh)?;
    if choice.truth_only {
        return Ok(Tally::default());
    }
    let started = Instant::now();
    let ours = with_loader(&kernel, &work, choice.loader)?;
    let seconds = started.elapsed().as_secs_f64();

    let mut agreement = Agreement::default();
    for (work, ours) in work.iter().zip(ours) {
        let truth = truth.get(&work.key).with_context(|| format!("{}: not recorded", work.key))?;
        let ours = ours.with_context(|| work.key.clone())?;
        if choice.module.is_some() {
            table::side_by_side(truth, &ours);
        }
        agreement.add(&work.key, truth, &ours);
    }
    println!("{}: {} modules in-process in {seconds:.1} s", kernel.release, agreement.modules);
    table::print(&kernel.release, &agreement, &known);
    for key in known.stale(&keys, &agreement.differences) {
        println!("no longer differs, take it out of the known differences: {key}");
    }
    let unexplained = agreement.differences.iter().filter(|d| known.reason(d).is_none()).count();
    let mut tally = Tally { passed: agreement.modules - unexplained, failed: unexplained };
    if choice.is_whole() {
        let enough = agreement.percent() >= required;
        println!(
            "required: {required} % equal; {}",
            if enough { "reached" } else { "NOT reached" }
        );
        tally += Tally::one(enough);
    }
    Ok(tally)
}

/// Every piece of work in a fork of a booted in-process kernel; results in the order of the work.
pub fn in_process(kernel: &Kernel, work: &[Work]) -> Result<Vec<Result<Outcome>>> {
    with_loader(kernel, work, Loader::Komod)
}

fn with_loader(kernel: &Kernel, work: &[Work], loader: Loader) -> Result<Vec<Result<Outcome>>> {
    let zygote = Zygote::boot(kernel, &directory(kernel)?)?;
    Ok(parallel::map(work, |work| zygote.run(work, loader)))
}

/// All the work in the real kernel under QEMU; at most `batch` turns share a boot.
pub fn in_guest(
    kernel: &Kernel,
    work: &[Work],
    batch: usize,
    done: &mut dyn FnMut(&str, Outcome) -> Result<()>,
) -> Result<()> {
    let init = guest_build::build()?;
    let vmlinux = vmlinux(kernel)?;
    let scratch = directory(kernel)?;
    let setup = guest::Setup { vmlinux: &vmlinux, init: &init, scratch: &scratch, batch };
    guest::run(&setup, work, done)
}

/// What the real kernel does with each of the modules: from the record, else by booting it.
fn truth(kernel: &Kernel, work: &[Work], fresh: bool) -> Result<Record> {
    let size = fs::metadata(&kernel.vmlinuz)?.len();
    let fingerprint = format!("{} ({size} bytes) on {}", kernel.release, qemu::fingerprint());
    let mut record = Record::open(&directory(kernel)?.join("truth.tsv"), &fingerprint)?;
    let missing: Vec<Work> =
        work.iter().filter(|w| fresh || record.get(&w.key).is_none()).cloned().collect();
    if missing.is_empty() {
        return Ok(record);
    }
    let started = Instant::now();
    let mut count = 0;
    in_guest(kernel, &missing, guest::SHARED, &mut |key, outcome| {
        count += 1;
        let seconds = started.elapsed().as_secs();
        eprintln!("[{count}/{} {seconds} s] {key}: {}", missing.len(), outcome.init);
        record.add(key, outcome)
    })?;
    Ok(record)
}

/// Where the oracle keeps what belongs to this kernel.
pub fn directory(kernel: &Kernel) -> Result<PathBuf> {
    let directory = kernels::cache()?.join("oracle").join(&kernel.release);
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    Ok(directory)
}

/// The kernel as an ELF file, unpacked once.
pub fn vmlinux(kernel: &Kernel) -> Result<PathBuf> {
    let path = directory(kernel)?.join("vmlinux");
    let newer = |p: &PathBuf| fs::metadata(p).and_then(|m| m.modified()).ok();
    if newer(&path).is_none_or(|ours| newer(&kernel.vmlinuz).is_some_and(|theirs| theirs > ours)) {
        let image =
            fs::read(&kernel.vmlinuz).with_context(|| kernel.vmlinuz.display().to_string())?;
        fs::write(&path, komod_kernel::image::unpack(&image)?)?;
    }
    Ok(path)
}
