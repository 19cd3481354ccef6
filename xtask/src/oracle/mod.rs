//! `cargo xtask oracle boot`: stock modules in the real kernel and in-process, compared.

mod compare;
pub mod guest;
mod known;
mod mask;
mod outcome;
mod record;
mod turn;

use crate::args::Args;
use crate::kernels::{self, Kernel, SERIES};
use crate::modules::ModuleTree;
use crate::{draw, guest_build, qemu};
use anyhow::{Context, Result, bail};
use record::Record;
use std::fs;
use std::time::Instant;

const HELP: &str = "\
Usage: cargo xtask oracle boot [OPTIONS]

Loads and unloads stock modules in the real kernel under QEMU and in-process, and compares the
results of init and exit and the log. The real kernel's results are recorded in komod's cache.

  --kernel SERIES   6.1 or 6.12 (default: both)
  --count N         compare N modules drawn by the seed (default 300)
  --seed N          the seed (default 1)
  --all             compare all modules
  --module NAME     compare this one, and show both logs
  --fresh           boot again what is recorded already
  --truth-only      only record what the real kernel does";

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("--help") || args.flag("-h") {
        println!("{HELP}");
        return Ok(());
    }
    match args.positional().as_deref() {
        Some("boot") => {}
        _ => bail!("{HELP}"),
    }
    let series = args.option::<String>("--kernel")?;
    let choice = Choice {
        count: args.option("--count")?.unwrap_or(300),
        seed: args.option("--seed")?.unwrap_or(1),
        all: args.flag("--all"),
        module: args.option("--module")?,
        fresh: args.flag("--fresh"),
        truth_only: args.flag("--truth-only"),
    };
    args.finish()?;
    for (name, required) in SERIES {
        if series.as_deref().is_none_or(|s| s == *name) {
            boot(name, *required, &choice)?;
        }
    }
    Ok(())
}

/// Which modules are compared, and how.
pub struct Choice {
    pub count: usize,
    pub seed: u64,
    pub all: bool,
    pub module: Option<String>,
    pub fresh: bool,
    pub truth_only: bool,
}

impl Choice {
    fn keys(&self, tree: &ModuleTree) -> Result<Vec<String>> {
        if let Some(name) = &self.module {
            let key = tree.resolve(name).with_context(|| format!("no module {name}"))?;
            return Ok(vec![key.to_owned()]);
        }
        let count = if self.all { tree.keys().len() } else { self.count };
        Ok(draw::sample(tree.keys(), count, self.seed))
    }
}

pub fn boot(series: &str, required: f64, choice: &Choice) -> Result<()> {
    let kernel = Kernel::find(series)?;
    let tree = ModuleTree::open(&kernel.modules)?;
    let keys = choice.keys(&tree)?;
    let truth = truth(&kernel, &tree, &keys, choice.fresh)?;
    if choice.truth_only {
        return Ok(());
    }
    let _ = (truth, required);
    bail!("in-process side")
}

/// What the real kernel does with each of the modules: from the record, else by booting it.
fn truth(kernel: &Kernel, tree: &ModuleTree, keys: &[String], fresh: bool) -> Result<Record> {
    let directory = kernels::cache()?.join("oracle").join(&kernel.release);
    let size = fs::metadata(&kernel.vmlinuz)?.len();
    let fingerprint = format!("{} ({size} bytes) on {}", kernel.release, qemu::fingerprint());
    let mut record = Record::open(&directory.join("truth.tsv"), &fingerprint)?;
    let missing: Vec<String> =
        keys.iter().filter(|k| fresh || record.get(k).is_none()).cloned().collect();
    if missing.is_empty() {
        return Ok(record);
    }
    let init = guest_build::build()?;
    let vmlinux = directory.join("vmlinux");
    let setup = guest::Setup { vmlinux: &vmlinux, init: &init, scratch: &directory };
    let started = Instant::now();
    let mut count = 0;
    guest::run(&setup, tree, &missing, &mut |key, outcome| {
        count += 1;
        let seconds = started.elapsed().as_secs();
        eprintln!("[{count}/{} {seconds} s] {key}: {}", missing.len(), outcome.init);
        record.add(key, outcome)
    })?;
    Ok(record)
}
