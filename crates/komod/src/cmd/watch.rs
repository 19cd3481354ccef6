//! `komod watch`.

use super::{BuildFlags, OneKernel, Outcome};
use crate::building::{self, How};
use crate::compiler;
use crate::console;
use crate::kernels::{self, Need};
use crate::progress::microseconds;
use crate::report_error;
use crate::run::micros;
use crate::text::plural;
use crate::watching::Watch;
use anyhow::{Context, Result};
use clap::Args;
use komod_kernel::find::FoundKernel;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// Build again whenever a source changes
///
/// Builds, says how long it took, waits for a change, and so on until ctrl-C. With --run the
/// modules run after each build that works, as with `komod run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod watch                      the module in this folder
  komod watch --run DIR            build and run it after every save
  komod watch --run DIR -- count=3     with parameters")]
pub struct WatchArgs {
    /// Folder with a Makefile, or a C file
    #[arg(default_value = ".")]
    what: PathBuf,
    #[command(flatten)]
    kernel: OneKernel,
    #[command(flatten)]
    flags: BuildFlags,
    /// Run the modules after each build
    #[arg(long)]
    run: bool,
    /// What `komod run` gets besides: parameters, options
    #[arg(last = true, requires = "run")]
    more: Vec<String>,
    /// End after so many builds
    #[arg(long, value_name = "N", hide = true)]
    builds: Option<usize>,
}

pub fn run(args: &WatchArgs) -> Result<Outcome> {
    let need = if args.run { Need::Both } else { Need::Tree };
    let kernel = kernels::choose(args.kernel.kernel.as_deref(), None, need)?;
    let how = args.flags.how();
    let root = match args.what.is_dir() {
        true => args.what.clone(),
        false => match args.what.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => ".".into(),
        },
    };
    let watch = Watch::new(&root).with_context(|| format!("cannot watch {}", root.display()))?;
    let mut builds = 0;
    loop {
        once(args, &kernel, &how)?;
        compiler::settle();
        builds += 1;
        if args.builds.is_some_and(|n| builds >= n) {
            return Ok(Outcome::Good);
        }
        watch.wait().with_context(|| format!("cannot watch {}", root.display()))?;
    }
}

/// One build, with its verdict. Sources that do not build are no reason to stop watching.
fn once(args: &WatchArgs, kernel: &FoundKernel, how: &How) -> Result<()> {
    let started = Instant::now();
    match building::modules(&args.what, kernel, how) {
        Ok(built) => {
            let time = microseconds(micros(started));
            let n = plural(built.modules.len(), "module");
            console::people(&format!("built {n} for {} in {time}", kernel.release));
            if args.run {
                let kernel = args.kernel.kernel.as_deref().unwrap_or(&kernel.release);
                run_modules(&built.modules, kernel, &args.more)?;
            }
        }
        Err(e) => {
            report_error::report(&e, false);
            console::people(&format!("not built, after {}", microseconds(micros(started))));
        }
    }
    Ok(())
}

/// In a process of its own: whatever happens to it, the watch goes on.
fn run_modules(modules: &[PathBuf], kernel: &str, more: &[String]) -> Result<()> {
    let komod = std::env::current_exe().context("cannot find komod itself")?;
    Command::new(komod)
        .arg("run")
        .args(modules)
        .arg("--kernel")
        .arg(kernel)
        .args(more)
        .status()
        .context("cannot start komod run")?;
    Ok(())
}
