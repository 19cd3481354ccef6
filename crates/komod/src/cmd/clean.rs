//! `komod clean`.

use super::Outcome;
use crate::building::BuildFailed;
use crate::console;
use crate::json;
use crate::kernels;
use crate::text::plural;
use anyhow::{Context, Result};
use clap::Args;
use komod_build::Project;
use std::path::PathBuf;

/// Remove what builds of a folder or C file have made
///
/// Removed are komod's own folders (target/komod/RELEASE, or where it had to go instead), and the
/// files that `komod build --in-place` has made. Sources, and what make left beside them, stay.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Folder with a Makefile, or a C file
    #[arg(default_value = ".")]
    what: PathBuf,
    /// Only what was made for this kernel
    #[arg(short, long, value_name = "K")]
    kernel: Option<String>,
    /// Only what was built beside the sources
    #[arg(long)]
    in_place: bool,
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &CleanArgs) -> Result<Outcome> {
    let project = Project::open(&args.what)
        .map_err(|e| BuildFailed { diagnostics: vec![e.diagnostic()], output: String::new() })?;
    let release = match &args.kernel {
        Some(wanted) => Some(kernels::look_up(Some(wanted))?.release),
        None => None,
    };
    let failed = || format!("cannot clean {}", project.shown.display());
    let release = release.as_deref();
    let files = komod_build::clean_in_place(&project, release).with_context(failed)?;
    let folders = match args.in_place {
        true => Vec::new(),
        false => komod_build::clean(&project, release).with_context(failed)?,
    };
    let removed: Vec<&PathBuf> = files.iter().chain(&folders).collect();
    if args.json {
        json::print("komod-clean", serde_json::json!({ "removed": removed }))?;
        return Ok(Outcome::Good);
    }
    removed.iter().for_each(|path| console::line(&path.display().to_string()));
    if !files.is_empty() || args.in_place {
        console::people(&format!("removed {} beside the sources", plural(files.len(), "file")));
    }
    if !args.in_place {
        console::people(&format!("removed {}", plural(folders.len(), "folder")));
    }
    Ok(Outcome::Good)
}
