//! `cargo xtask oracle modpost`: every stock module holds what the kernel's modpost wrote into it;
//! komod's modpost must write the same.

use super::stock::{self, Stock};
use crate::args::Args;
use crate::kernels::{self, Kernel};
use crate::parallel;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use komod_build::Tree;
use komod_build::modpost::{Agreement, Dialect, LinkedComparison, SymbolDump, compare_linked};
use std::fs;
use std::time::Instant;

/// Differences that are printed.
const SHOWN: usize = 40;

/// Compares all modules of the kernels chosen with `--kernel`.
pub fn main(mut args: Args) -> Result<()> {
    let series = args.option::<String>("--kernel")?;
    args.finish()?;
    let mut tally = Tally::default();
    for kernel in kernels::chosen(series.as_deref()) {
        tally += compare(&kernel?)?;
    }
    if tally.failed > 0 {
        bail!("{tally}");
    }
    Ok(())
}

fn compare(kernel: &Kernel) -> Result<Tally> {
    let started = Instant::now();
    let path = kernel.tree.as_ref().context("this kernel has no build tree")?;
    let tree = Tree::new(&kernel.release, path);
    let dialect = Dialect::of_tree(&tree)?;
    let symvers = fs::read(path.join("Module.symvers")).context("Module.symvers")?;
    let dump = SymbolDump::parse("Module.symvers", &symvers)?;
    let modules = stock::modules(kernel)?;
    let results = parallel::map(&modules, |module| one(module, &dump, dialect));

    let mut aliases = Agreement::default();
    let mut versions = Agreement::default();
    let mut depends = Agreement::default();
    let (mut declared, mut tables, mut messages) = (0, 0, Vec::new());
    for (module, result) in modules.iter().zip(results) {
        let name = module.path.clone();
        let result = result.with_context(|| name.clone())?;
        tables += usize::from(result.aliases.equal > 0);
        add(&mut aliases, result.aliases, &name);
        add(&mut versions, result.versions, &name);
        add(&mut depends, result.depends, &name);
        declared += result.declared_aliases;
        messages.extend(result.messages.iter().map(|message| format!("{name}: {message}")));
    }
    println!(
        "{}: {} modules, {tables} with device tables, in {:.1} s",
        kernel.release,
        modules.len(),
        started.elapsed().as_secs_f64()
    );
    let rows = [("aliases", aliases), ("versions", versions), ("depends", depends)];
    let mut tally = Tally::default();
    for (what, agreement) in rows {
        println!("  {what}: {} equal, {} different", agreement.equal, agreement.different.len());
        agreement.different.iter().take(SHOWN).for_each(|text| println!("    {text}"));
        tally += Tally { passed: agreement.equal, failed: agreement.different.len() };
    }
    println!("  aliases declared in the sources, not compared: {declared}");
    println!("  messages: {}", messages.len());
    messages.iter().take(SHOWN).for_each(|text| println!("    {text}"));
    tally.failed += messages.len();
    Ok(tally)
}

fn one(module: &Stock, dump: &SymbolDump<'_>, dialect: Dialect) -> Result<LinkedComparison> {
    Ok(compare_linked(&module.path, &module.read()?, dump, dialect)?)
}

fn add(sum: &mut Agreement, one: Agreement, module: &str) {
    sum.equal += one.equal;
    sum.different.extend(one.different.into_iter().map(|text| format!("{module}: {text}")));
}
