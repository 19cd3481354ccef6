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
/// Only komod's own folders (target/komod/RELEASE, or where it had to go instead) are removed;
/// sources, and what make left beside them, stay.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Folder with a Makefile, or a C file
    #[arg(default_value = ".")]
    what: PathBuf,
    /// Only what was made for this kernel
    #[arg(short, long, value_name = "K")]
    kernel: Option<String>,
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
    let removed = komod_build::clean(&project, release.as_deref())
        .with_context(|| format!("cannot clean {}", project.shown.display()))?;
    match args.json {
        true => json::print("komod-clean", serde_json::json!({ "removed": removed }))?,
        false => {
            removed.iter().for_each(|folder| console::line(&folder.display().to_string()));
            console::people(&format!("removed {}", plural(removed.len(), "folder")));
        }
    }
    Ok(Outcome::Good)
}
