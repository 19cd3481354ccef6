//! `komod build`.

use super::build_output::OutputFlags;
use super::build_several::Speech;
use super::{BuildFlags, Outcome, build_several};
use crate::building;
use crate::console;
use crate::json;
use crate::kernels::{self, Need};
use crate::message_format::Told;
use crate::text::plural;
use anyhow::Result;
use clap::Args;
use komod_diag::Diagnostic;
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Build the modules of a folder or C file for a kernel, or for several at once
///
/// The products are those of the kernel's own build system, byte for byte, in a folder per kernel
/// (target/komod/RELEASE): nothing is written beside the sources. Where a makefile has rules of
/// its own, the kernel's build system does the work (-v says why; --kbuild wants it always). The
/// modules' paths go to stdout, in an order they can be loaded in. What goes wrong is explained,
/// with the way out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod build                      the module in this folder, for the default kernel
  komod build examples/hello       the one in that folder
  komod build hello.c              a single C file; it needs no Makefile
  komod build --kernel 6.12 DIR    for another kernel (see `komod kernel list`)
  komod build -k 6.1 -k 6.12 DIR   for several, at once; one that fails does not stop the others
  komod build --fix                apply the safe fixes of known mistakes, then build
  komod build --make KBUILD_MODPOST_WARN=1   with a variable for make
  komod build --compile-commands   let clangd know how the sources are compiled
  komod build --in-place           leave hello.ko beside hello.c, as make does
  komod build --message-format short   file:line:column: level: text, for an editor's list

Lines of --message-format json, by their \"reason\":
  compiler-message   file, line, column, level, message, option, notes, rendered
  diagnostic         diagnostic: code, severity, title, evidence, fixes, hints
  compiler-artifact  module, fresh
  build-finished     success

With --json and one kernel: `kernel`, `modules`, `folder`, `diagnostics`. With several: `ok`, and
`builds`, which has an object per kernel with the same and `ok`, `error` if that is false.")]
pub struct BuildArgs {
    /// Folder with a Makefile, or a C file
    #[arg(default_value = ".")]
    what: PathBuf,
    /// The kernel: a release or its beginning (6.1), a build tree, an image, a folder with both,
    /// `running`; given several times, it is built for all of them
    #[arg(short, long = "kernel", value_name = "K")]
    kernels: Vec<String>,
    #[command(flatten)]
    flags: BuildFlags,
    #[command(flatten)]
    output: OutputFlags,
    /// Show whole commands on failure, and why the kernel's build system did the work
    #[arg(short, long)]
    verbose: bool,
    /// The answer as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    ok: bool,
    kernel: &'a str,
    modules: &'a [PathBuf],
    folder: &'a PathBuf,
    diagnostics: &'a [Diagnostic],
}

pub fn run(args: &BuildArgs) -> Result<Outcome> {
    let outcome = build(args);
    if outcome.is_err() {
        args.output.message_format.not_begun()?;
    }
    outcome
}

fn build(args: &BuildArgs) -> Result<Outcome> {
    let how = building::How { verbose: args.verbose, notes: !args.json, ..args.flags.how() };
    let how = args.output.how(args.kernels.len(), how)?;
    if args.kernels.len() > 1 {
        let speech = match args.json {
            true => Speech::OneDocument,
            false => Speech::Lines(args.output.message_format),
        };
        return build_several::run(&args.what, &args.kernels, &how, speech);
    }
    let wanted = args.kernels.first().map(String::as_str);
    let kernel = kernels::choose(wanted, None, Need::Tree)?;
    if wanted.is_none() && !kernel.running && !args.json {
        console::note(&format!(
            "building for {}, which is not the running kernel{}",
            kernel.release,
            kernels::running().map(|r| format!(" ({r})")).unwrap_or_default()
        ));
    }
    let built = building::modules(&args.what, &kernel, &how);
    let told = Told { release: &kernel.release, tree: &kernels::tree(&kernel)?.path };
    let built = match args.output.message_format.tell(&told, built)? {
        ControlFlow::Continue(built) => built,
        ControlFlow::Break(true) => return Ok(Outcome::Good),
        ControlFlow::Break(false) => return Ok(Outcome::Bad),
    };
    if args.json {
        json::print(
            "komod-build",
            Answer {
                ok: true,
                kernel: &kernel.release,
                modules: &built.modules,
                folder: &built.folder,
                diagnostics: &built.diagnostics,
            },
        )?;
    } else {
        built.modules.iter().for_each(|m| console::line(&m.display().to_string()));
        let n = plural(built.modules.len(), "module");
        console::people(&format!("built {n} for {}", kernel.release));
    }
    Ok(Outcome::Good)
}
