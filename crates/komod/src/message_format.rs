//! `--message-format`: a build told to programs.
//!
//! `json` is a line of JSON on stdout for each thing, as cargo has it; `reason` says what it is:
//!
//! ```text
//! compiler-message    file, line, column (from 1; 0: none), level (error, warning, note), message,
//!                     option ("-Wunused", if one controls it), notes (of the same form),
//!                     rendered (all that the compiler printed about it)
//! diagnostic          diagnostic (code, severity, title, evidence, fixes, hints)
//! compiler-artifact   module (the .ko), fresh (it was there already)
//! build-finished      success
//! ```
//!
//! All name the `kernel`. `short` is a line on stderr for each message: FILE:LINE:COLUMN: LEVEL: TEXT.

use crate::building::BuildFailed;
use crate::console;
use crate::text::plural;
use anyhow::{Context, Result};
use clap::ValueEnum;
use komod_build::Built;
use komod_build::messages::{self, Block, Level, Message};
use komod_diag::{Diagnostic, Evidence, Severity, tool_colors};
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// For people, with source lines, explanations and fixes, on stderr
    #[default]
    Human,
    /// A line for each message, on stderr
    Short,
    /// JSON on stdout, one object per line
    Json,
}

#[derive(Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line<'a> {
    CompilerMessage {
        kernel: &'a str,
        #[serde(flatten)]
        message: Said,
        notes: Vec<Said>,
        rendered: &'a str,
    },
    Diagnostic {
        kernel: &'a str,
        diagnostic: &'a Diagnostic,
    },
    CompilerArtifact {
        kernel: &'a str,
        module: &'a Path,
        fresh: bool,
    },
    BuildFinished {
        kernel: Option<&'a str>,
        success: bool,
    },
}

/// A message, with a path that does not depend on where komod runs.
#[derive(Serialize)]
struct Said {
    file: PathBuf,
    line: u32,
    column: u32,
    level: &'static str,
    message: String,
    option: Option<String>,
}

/// A build for one kernel: its release, and its build tree, which the compiler runs in.
pub struct Told<'a> {
    pub release: &'a str,
    pub tree: &'a Path,
}

impl MessageFormat {
    /// Tells how a build went. Goes on with it where the usual answer follows; stops, with whether
    /// it is a good one, where all is said.
    pub fn tell(self, told: &Told<'_>, built: Result<Built>) -> Result<ControlFlow<bool, Built>> {
        let failed = built.as_ref().err().and_then(|e| e.downcast_ref::<BuildFailed>());
        let (lines, diagnostics) = match (&built, failed) {
            (Ok(built), _) => (built.log.lines.clone(), built.diagnostics.as_slice()),
            (_, Some(failed)) => {
                let lines = failed.output.lines().map(str::to_owned).collect();
                (lines, failed.diagnostics.as_slice())
            }
            (Err(_), None) => return built.map(ControlFlow::Continue),
        };
        match self {
            MessageFormat::Human => built.map(ControlFlow::Continue),
            MessageFormat::Short => {
                told.short(&messages::blocks(&lines), diagnostics);
                Ok(built.map_or(ControlFlow::Break(false), ControlFlow::Continue))
            }
            MessageFormat::Json => {
                told.json(&lines, diagnostics, built.as_ref().ok())?;
                Ok(ControlFlow::Break(built.is_ok()))
            }
        }
    }

    /// A build that never began.
    pub fn not_begun(self) -> Result<()> {
        match self {
            MessageFormat::Json => print(&Line::BuildFinished { kernel: None, success: false }),
            MessageFormat::Human | MessageFormat::Short => Ok(()),
        }
    }
}

impl Told<'_> {
    fn json(&self, lines: &[String], found: &[Diagnostic], built: Option<&Built>) -> Result<()> {
        let kernel = self.release;
        for block in messages::blocks(lines) {
            print(&Line::CompilerMessage {
                kernel,
                message: self.said(&block.message),
                notes: block.notes.iter().map(|note| self.said(note)).collect(),
                rendered: &block.rendered,
            })?;
        }
        for diagnostic in found {
            print(&Line::Diagnostic { kernel, diagnostic })?;
        }
        for module in built.map(|built| built.modules.as_slice()).unwrap_or_default() {
            let fresh = !lines.iter().any(|line| links(line, module));
            print(&Line::CompilerArtifact { kernel, module, fresh })?;
        }
        print(&Line::BuildFinished { kernel: Some(kernel), success: built.is_some() })
    }

    fn said(&self, message: &Message) -> Said {
        // The compiler runs in the tree; what is the user's is named from here.
        let in_tree = self.tree.join(&message.path);
        let file = if message.path.exists() || !in_tree.exists() {
            std::path::absolute(&message.path).unwrap_or_else(|_| message.path.clone())
        } else {
            in_tree
        };
        let level = word(message.level);
        let Message { line, column, text, option, .. } = message.clone();
        Said { file, line, column, level, message: text, option }
    }

    fn short(&self, blocks: &[Block], diagnostics: &[Diagnostic]) {
        let show = |line: &str| match console::color_on_stderr() {
            true => console::people(&tool_colors::paint(line)),
            false => console::people(line),
        };
        for message in blocks.iter().flat_map(|b| std::iter::once(&b.message).chain(&b.notes)) {
            let Message { path, line, column, level, text, option } = message;
            let option = option.as_ref().map(|o| format!(" [{o}]")).unwrap_or_default();
            let level = word(*level);
            show(&format!("{}:{line}:{column}: {level}: {text}{option}", path.display()));
        }
        let mut errors = 0;
        for diagnostic in diagnostics.iter().filter(|d| d.severity != Severity::Note) {
            errors += usize::from(diagnostic.is_error());
            let place = diagnostic.evidence.iter().find_map(|evidence| match evidence {
                Evidence::Source { path, span, .. } => Some((path, span)),
                _ => None,
            });
            // What the compiler has said already.
            let known = |(path, span): &(&PathBuf, &komod_diag::Span)| {
                blocks.iter().any(|b| b.message.path == **path && b.message.line == span.line)
            };
            if place.as_ref().is_some_and(known) {
                continue;
            }
            let place = place
                .map(|(path, span)| format!("{}:{}:{}: ", path.display(), span.line, span.column));
            let level = if diagnostic.is_error() { "error" } else { "warning" };
            let place = place.unwrap_or_else(|| "komod: ".into());
            show(&format!("{place}{level}: {} [{}]", diagnostic.title, diagnostic.code));
        }
        if errors > 0 {
            let n = plural(errors, "error");
            console::people(&format!("not built for {}: {n}", self.release));
        }
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

/// Does this line of a log say that the module is being linked?
fn links(line: &str, module: &Path) -> bool {
    let linked = line.trim_start().strip_prefix("LD [M]").map(str::trim);
    linked.is_some_and(|name| module == Path::new(name) || module.ends_with(name))
}

fn print(line: &Line<'_>) -> Result<()> {
    console::line(&serde_json::to_string(line).context("cannot write JSON")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_modules_are_not_fresh() {
        let module = Path::new("/p/target/komod/6.1/x.ko");
        assert!(links("  LD [M]  /p/target/komod/6.1/x.ko", module));
        assert!(links("  LD [M]  x.ko", module));
        assert!(!links("  LD [M]  /p/target/komod/6.1/y.ko", module));
        assert!(!links("  CC [M]  /p/target/komod/6.1/x.o", module));
    }
}
