//! From what the user named to module files in loading order, for `run` and `load` alike.

use crate::building::{self, How};
use crate::console;
use crate::explained::Explained;
use crate::kernels::{self, Need};
use crate::targets::{Target, Words};
use anyhow::{Context, Result};
use komod_kernel::find::FoundKernel;
use komod_place::dependencies::{self, Missing, ModuleFile};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Modules to load, in order, with their parameters by name.
pub struct Gathered {
    pub modules: Vec<ModuleFile>,
    pub params: BTreeMap<String, String>,
    /// What nobody has.
    pub missing: Vec<Missing>,
}

/// What the words need of a kernel, beside `least`.
pub fn need(words: &Words, least: Need) -> Need {
    let sources = words.targets.iter().any(|t| matches!(t, Target::Sources(_)));
    match (sources, least) {
        (false, least) => least,
        (true, Need::Tree | Need::Either) => Need::Tree,
        (true, Need::Image | Need::Both) => Need::Both,
    }
}

/// The release that the given files were built for, if there are files only.
pub fn release(words: &Words) -> Option<String> {
    words.targets.iter().find_map(|t| match t {
        Target::File(path) => kernels::built_for(path),
        _ => None,
    })
}

/// Builds what is to be built and finds what else is needed; warns of what is missing.
pub fn gather(
    words: &Words,
    kernel: &FoundKernel,
    how: &How,
    loaded: &BTreeSet<String>,
) -> Result<Gathered> {
    let gathered = collect(words, kernel, how, loaded)?;
    gathered.warn();
    Ok(gathered)
}

impl Gathered {
    pub fn warn(&self) {
        for missing in &self.missing {
            console::warning(&format!(
                "{} needs the module {}, which is neither beside it nor in the kernel's modules",
                missing.module, missing.needs
            ));
        }
    }
}

/// The same without a warning.
pub fn collect(
    words: &Words,
    kernel: &FoundKernel,
    how: &How,
    loaded: &BTreeSet<String>,
) -> Result<Gathered> {
    let mut files: Vec<PathBuf> = Vec::new();
    for target in &words.targets {
        match target {
            Target::File(path) => files.push(path.clone()),
            Target::Sources(path) => files.extend(building::modules(path, kernel, how)?.modules),
            Target::Named(name) => files.push(stock(name, kernel)?),
        }
    }
    let order = dependencies::load_order(&files, kernel.modules.as_deref(), loaded)
        .context("cannot collect the modules")?;
    let given: Vec<String> =
        order.modules.iter().filter(|m| m.given).map(|m| m.name.clone()).collect();
    let mut params = words.by_module(&by_request(&files, given))?;
    params.retain(|_, line| !line.is_empty());
    Ok(Gathered { modules: order.modules, params, missing: order.missing })
}

/// The given modules in the order the user named them: "the last one" is the user's last.
fn by_request(files: &[PathBuf], given: Vec<String>) -> Vec<String> {
    let place = |name: &String| {
        files
            .iter()
            .position(|f| dependencies::module_name(f).as_ref() == Some(name))
            .unwrap_or(usize::MAX)
    };
    let mut names = given;
    names.sort_by_key(place);
    names
}

fn stock(name: &str, kernel: &FoundKernel) -> Result<PathBuf> {
    let dir = kernel.modules.as_deref().ok_or_else(|| {
        Explained::new(format!("kernel {} has no modules here to find {name} in", kernel.release))
    })?;
    let found = dependencies::find_stock(dir, name);
    Ok(found.ok_or_else(|| {
        Explained::new(format!("there is no module {name} in {}", dir.display()))
            .hint("give a path for a file or folder: ./NAME")
    })?)
}
