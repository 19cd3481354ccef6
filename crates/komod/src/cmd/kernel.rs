//! `komod kernel`: which kernels there are, more of them, what is known about one.

use super::Outcome;
use crate::console::{self, Paint, color_on_stdout, paint};
use crate::fetching;
use crate::json;
use crate::kernels;
use crate::table::Table;
use anyhow::Result;
use clap::{Args, Subcommand};
use komod_kernel::facts::{self, Fact};
use komod_kernel::find::{self, FoundKernel, Origin, Roots};
use serde::Serialize;

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
        /// A release or its beginning, a build tree, an image (vmlinuz, vmlinux), `running`; the
        /// default kernel without it
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
    facts: &'a [Fact],
}

fn show(wanted: Option<&str>, json: bool) -> Result<Outcome> {
    let kernel = kernels::look_up(wanted)?;
    let prepared = match &kernel.image {
        Some(_) => Some(kernels::prepare_to_read(&kernel)?),
        None => None,
    };
    let facts = facts::gather(&kernel, prepared.as_ref());
    if json {
        json::print("komod-kernel-show", Shown { kernel: &kernel, facts: &facts })?;
        return Ok(Outcome::Good);
    }
    let width = facts.iter().map(|f| f.name.len()).max().unwrap_or(0);
    for f in &facts {
        let source = paint(&format!("({})", f.source), Paint::Dim, color_on_stdout());
        console::line(&format!("{:<width$}  {}  {source}", f.name, f.value));
    }
    kernel.problems.iter().for_each(|p| console::warning(p));
    Ok(Outcome::Good)
}
