//! `komod kernel`: which kernels there are, more of them, what is known about one.

use super::Outcome;
use crate::console::{self, Paint, color_on_stdout, paint};
use crate::fetching;
use crate::json;
use crate::kernels;
use crate::table::Table;
use anyhow::Result;
use clap::{Args, Subcommand};
use komod_kernel::find::{self, FoundKernel, Origin, Roots};
use komod_kernel::prepared::ImageFacts;
use serde::Serialize;
use std::path::Path;

/// The kernels known here
///
/// A kernel for komod is a build tree (to build modules for it) and an image (to run them in).
/// Both are looked for where distributions put them, and in komod's cache.
#[derive(Debug, Args)]
pub struct KernelArgs {
    #[command(subcommand)]
    command: KernelCommand,
}

#[derive(Debug, Subcommand)]
enum KernelCommand {
    /// Show all kernels found, the newest first
    List {
        #[arg(long)]
        json: bool,
    },
    /// Get a kernel (image, modules, headers, build tools) from the distribution, without root
    ///
    /// The packages come through this machine's own apt, into komod's cache. An interrupted
    /// fetch goes on where it was.
    #[command(after_help = "\
Examples:
  komod kernel fetch                    the distribution's default
  komod kernel fetch 6.12               the newest of a line
  komod kernel fetch 6.1.0-56-amd64     exactly this one")]
    Fetch {
        /// A line (6.1) or a release
        what: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Show what is known about a kernel, and where it was learnt
    Show {
        /// A release or its beginning, a build tree, an image; the default kernel without it
        kernel: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

impl KernelArgs {
    pub fn json(&self) -> bool {
        match self.command {
            KernelCommand::List { json }
            | KernelCommand::Fetch { json, .. }
            | KernelCommand::Show { json, .. } => json,
        }
    }
}

pub fn run(args: &KernelArgs) -> Result<Outcome> {
    match &args.command {
        KernelCommand::List { json } => list(*json),
        KernelCommand::Fetch { what, json } => fetch(what.as_deref(), *json),
        KernelCommand::Show { kernel, json } => show(kernel.as_deref(), *json),
    }
}

#[derive(Serialize)]
struct KernelList<'a> {
    running: Option<String>,
    kernels: &'a [FoundKernel],
}

fn list(json: bool) -> Result<Outcome> {
    let roots = Roots::system();
    let kernels = find::discover(&roots);
    if json {
        json::print("komod-kernel-list", KernelList { running: roots.running, kernels: &kernels })?;
        return Ok(Outcome::Good);
    }
    if kernels.is_empty() {
        console::people("no kernels found");
        console::hint("`komod kernel fetch` gets one, without root");
        return Ok(Outcome::Good);
    }
    let chosen = find::select(&roots, None).ok();
    let mut table = Table::new(&["", "RELEASE", "RUNNING", "TREE", "IMAGE", "ORIGIN", "PROBLEMS"]);
    for k in &kernels {
        let path = |p: &Option<std::path::PathBuf>| {
            p.as_ref().map_or("-".into(), |p| p.display().to_string())
        };
        let default = chosen.as_ref().is_some_and(|c| c == k);
        table.row([
            if default { "*" } else { "" }.to_owned(),
            k.release.clone(),
            if k.running { "yes" } else { "no" }.to_owned(),
            path(&k.tree),
            path(&k.image),
            origin(k.origin).to_owned(),
            if k.problems.is_empty() { "-".to_owned() } else { k.problems.len().to_string() },
        ]);
    }
    console::line(&table.to_text(color_on_stdout()));
    for k in &kernels {
        for problem in &k.problems {
            let release = paint(&k.release, Paint::Yellow, console::color_on_stderr());
            console::people(&format!("{release}: {problem}"));
        }
    }
    kernels::warn_if_not_running(&kernels);
    console::people("* is what commands use without --kernel");
    Ok(Outcome::Good)
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::System => "system",
        Origin::Cache => "cache",
        Origin::Named => "named",
        _ => "other",
    }
}

fn fetch(what: Option<&str>, json: bool) -> Result<Outcome> {
    let kernel = fetching::fetch(what)?;
    if json {
        json::print("komod-kernel", &kernel)?;
    } else {
        console::line(&kernel.release);
        let at = |p: &Option<std::path::PathBuf>| {
            p.as_ref().map_or("-".to_owned(), |p| p.display().to_string())
        };
        console::people(&format!("build tree: {}", at(&kernel.tree)));
        console::people(&format!("image:      {}", at(&kernel.image)));
        console::people(&format!("modules:    {}", at(&kernel.modules)));
    }
    Ok(Outcome::Good)
}

#[derive(Serialize)]
struct Shown<'a> {
    kernel: &'a FoundKernel,
    image: Option<&'a ImageFacts>,
    facts: Vec<Fact>,
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    value: String,
    source: String,
}

fn show(wanted: Option<&str>, json: bool) -> Result<Outcome> {
    let kernel = kernels::look_up(wanted)?;
    let prepared = match &kernel.image {
        Some(_) => Some(kernels::prepare(&kernel)?),
        None => None,
    };
    let image = prepared.as_ref().map(|p| p.facts());
    let mut facts = facts_of_kernel(&kernel);
    if let Some(image) = image {
        facts_of_image(image, &mut facts);
    }
    if json {
        json::print("komod-kernel-show", Shown { kernel: &kernel, image, facts })?;
        return Ok(Outcome::Good);
    }
    for f in facts {
        let source = paint(&format!("({})", f.source), Paint::Dim, color_on_stdout());
        console::line(&format!("{:<22}{}  {source}", f.name, f.value));
    }
    kernel.problems.iter().for_each(|p| console::warning(p));
    Ok(Outcome::Good)
}

fn facts_of_kernel(kernel: &FoundKernel) -> Vec<Fact> {
    let shown = |p: &Path| p.display().to_string();
    let mut facts = Vec::new();
    let mut add = |name, value: String, source: String| facts.push(Fact { name, value, source });
    add("release", kernel.release.clone(), format!("found: {}", origin(kernel.origin)));
    add("running", kernel.running.to_string(), "/proc/sys/kernel/osrelease".into());
    if let Some(tree) = &kernel.tree {
        add("build tree", shown(tree), "include/config/kernel.release in it".into());
        let tree = komod_build::Tree::new(kernel.release.clone(), tree.clone());
        let config = "include/config/auto.conf".to_owned();
        for (name, option) in [
            ("modversions", "CONFIG_MODVERSIONS"),
            ("module signatures", "CONFIG_MODULE_SIG"),
            ("signatures enforced", "CONFIG_MODULE_SIG_FORCE"),
            ("compiler of its tree", "CONFIG_CC_VERSION_TEXT"),
        ] {
            let value = tree.config(option).unwrap_or_else(|| "no".into());
            add(name, value, format!("{option} in {config}"));
        }
    }
    if let Some(modules) = &kernel.modules {
        add("modules", shown(modules), "where distributions put them".into());
    }
    facts
}

fn facts_of_image(image: &ImageFacts, facts: &mut Vec<Fact>) {
    let source = |fact: &str| {
        let known = image.provenance.iter().find(|p| p.fact == fact);
        known.map_or_else(|| image.source.display().to_string(), |p| p.source.clone())
    };
    let mut add = |name, value: String, fact: &str| {
        facts.push(Fact { name, value, source: source(fact) });
    };
    add("image", image.source.display().to_string(), "source");
    add("image's SHA-256", image.source_sha256.clone(), "source_sha256");
    add("banner", image.banner.clone(), "banner");
    if let Some(compiler) = &image.compiler {
        add("compiler", compiler.clone(), "compiler");
    }
    if let Some(compression) = &image.compression {
        add("compression", compression.clone(), "compression");
    }
    add("linked at", format!("{:#x}", image.link_base), "link_base");
    add("relocated to", format!("{:#x}", image.base), "base");
    add("size", crate::progress::bytes(image.image_len), "image_len");
    add("symbols", image.symbols.to_string(), "symbols");
    add("exported symbols", image.exports.to_string(), "exports");
    add("BTF", crate::progress::bytes(image.btf_len), "btf_len");
}
