//! `komod diff`: what differs between two module files, and how much it matters.

use super::Outcome;
use crate::console::{self, Paint, color_on_stdout, paint};
use crate::explained::Explained;
use crate::json;
use crate::text::log::printable;
use crate::text::plural;
use anyhow::Result;
use clap::{Args, ValueEnum};
use komod_object::compress;
use komod_object::diff::{self, Aspect, Diff, Difference, Options, Value};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Explain what differs between two modules, most important first
///
/// Sections, symbols and relocations are compared by name and meaning, not by position. The
/// result is a level: L0 the files are equal; L1 equal after `strip -g`, without build-id and
/// .BTF; L2 everything the kernel loads is equal, except the build-id; otherwise different.
/// Compressed files are compared uncompressed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod diff old.ko new.ko              what differs
  komod diff --level L1 a.ko b.ko.xz    debugging information does not count
  komod diff --all a.ko b.ko            every single difference

Exit status: 0 alike at the level asked for, 1 not, 2 the command line is wrong.")]
pub struct DiffArgs {
    /// The first file
    a: PathBuf,
    /// The second file
    b: PathBuf,
    /// How alike they have to be; differences that do not matter there are only counted
    #[arg(long, value_enum, default_value = "L0", ignore_case = true)]
    level: Level,
    /// Show every difference, also of a kind and section that has many
    #[arg(long)]
    all: bool,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Byte for byte
    #[value(name = "L0")]
    L0,
    /// After `strip -g`, without build-id and .BTF
    #[value(name = "L1")]
    L1,
    /// What the kernel loads, without the build-id
    #[value(name = "L2")]
    L2,
}

impl Level {
    fn library(self) -> diff::Level {
        match self {
            Level::L0 => diff::Level::Bytes,
            Level::L1 => diff::Level::Stripped,
            Level::L2 => diff::Level::Loaded,
        }
    }
}

/// Files larger than this are no modules.
const MAX: usize = 200 << 20;

/// Lines shown of one kind in one section without `--all`.
const SHOWN: usize = 5;

/// Lines shown in all without `--all`.
const SHOWN_IN_ALL: usize = 40;

#[derive(Serialize)]
struct Answer<'a> {
    a: &'a Path,
    b: &'a Path,
    /// `L0`, `L1`, `L2` or `different`.
    level: &'static str,
    wanted: &'static str,
    alike: bool,
    differences: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    /// The level that files with this difference alone still have.
    level: &'static str,
    aspect: &'static str,
    section: Option<&'a str>,
    symbol: Option<&'a str>,
    offset: Option<u64>,
    field: Option<&'a str>,
    a: Option<String>,
    b: Option<String>,
    text: String,
}

pub fn run(args: &DiffArgs) -> Result<Outcome> {
    let (file_a, file_b) = (read(&args.a)?, read(&args.b)?);
    let unpack = |path: &Path, bytes| {
        compress::decompress(bytes, MAX)
            .map(std::borrow::Cow::into_owned)
            .map_err(|e| Explained::usage(format!("{}: {e}", path.display())))
    };
    let (a, b) = (unpack(&args.a, &file_a)?, unpack(&args.b, &file_b)?);
    let diff = diff::compare(&a, &b, &Options::default()).map_err(|e| explain(args, &e))?;
    let wanted = args.level.library();
    let alike = diff.level >= wanted;
    if args.json {
        let answer = Answer {
            a: &args.a,
            b: &args.b,
            level: diff.level.code(),
            wanted: wanted.code(),
            alike,
            differences: diff.differences.iter().map(entry).collect(),
        };
        json::print("komod-diff", answer)?;
    } else {
        console::line(&text(&diff, wanted, args.all, color_on_stdout()));
    }
    Ok(if alike { Outcome::Good } else { Outcome::Bad })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    // A file that is not there is a mistake on the command line, as it is for cmp and diff.
    std::fs::read(path).map_err(|e| Explained::usage(format!("{}: {e}", path.display())).into())
}

fn explain(args: &DiffArgs, error: &diff::DiffError) -> Explained {
    let (which, message) = match error {
        diff::DiffError::Parse { which, source } => (*which, source.to_string()),
        diff::DiffError::Overlap { which, .. } => (*which, error.to_string()),
        other => return Explained::usage(other.to_string()),
    };
    let path = match which {
        diff::Which::A => &args.a,
        diff::Which::B => &args.b,
    };
    Explained::usage(format!("{} is not a module: {message}", path.display()))
        .hint("`cmp` compares files of any kind")
}

fn entry(difference: &Difference) -> Entry<'_> {
    let value = |value: &Value| match value {
        Value::Absent => None,
        other => Some(other.to_string()),
    };
    Entry {
        level: difference.breaks.code(),
        aspect: difference.aspect.name(),
        section: difference.section.as_deref(),
        symbol: difference.symbol.as_deref(),
        offset: difference.offset,
        field: difference.field.as_deref(),
        a: value(&difference.a),
        b: value(&difference.b),
        text: difference.to_string(),
    }
}

fn verdict(level: diff::Level) -> &'static str {
    match level {
        diff::Level::Bytes => "L0: the files are equal",
        diff::Level::Stripped => {
            "L1: equal after strip -g, without build-id and .BTF; the files differ"
        }
        diff::Level::Loaded => "L2: the kernel loads the same from both; the files differ",
        diff::Level::Different => "different: the kernel loads something else from them",
    }
}

/// The answer for people. Without `all`, many differences of a kind in one section become one
/// line.
fn text(diff: &Diff, wanted: diff::Level, all: bool, color: bool) -> String {
    let verdict_paint = if diff.level >= wanted { Paint::Green } else { Paint::BoldRed };
    let mut lines = vec![paint(verdict(diff.level), verdict_paint, color)];
    let matters = |d: &&Difference| all || d.breaks < wanted;
    let shown: Vec<&Difference> = diff.differences.iter().filter(matters).collect();
    let left_out = diff.differences.len() - shown.len();
    let groups: Vec<&[&Difference]> = shown.chunk_by(|x, y| kind(x) == kind(y)).collect();
    let mut more = 0;
    for group in groups {
        let room = if all { usize::MAX } else { SHOWN_IN_ALL.saturating_sub(lines.len()) };
        let limit = if all { usize::MAX } else { SHOWN.min(room) };
        lines.extend(group.iter().take(limit).map(|d| format!("  {}", printable(&d.to_string()))));
        let hidden = group.len().saturating_sub(limit);
        match hidden {
            0 => {}
            n if room > SHOWN => {
                let kind = group[0].aspect.name().replace('_', " ");
                let place = group[0].section.as_deref().unwrap_or_default();
                let sep = if place.is_empty() { "" } else { " " };
                lines.push(format!("  {kind}{sep}{place}: {n} more"));
            }
            n => more += n,
        }
    }
    if more > 0 {
        lines.push(format!("  {} more (--all shows them)", plural(more, "difference")));
    }
    if left_out > 0 {
        let what = plural(left_out, "difference");
        lines.push(format!("  {what} that {} does not look at (--all)", wanted.code()));
    }
    lines.join("\n")
}

fn kind(difference: &Difference) -> (diff::Level, Aspect, Option<&str>) {
    (difference.breaks, difference.aspect, difference.section.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(breaks: diff::Level, aspect: Aspect, section: &str, n: u64) -> Difference {
        Difference {
            breaks,
            aspect,
            section: Some(section.into()),
            symbol: None,
            offset: Some(n),
            field: None,
            a: Value::Number(1),
            b: Value::Number(2),
        }
    }

    #[test]
    fn many_of_a_kind_are_one_line() {
        let many = (0..9).map(|n| difference(diff::Level::Different, Aspect::Code, ".text", n));
        let debug = difference(diff::Level::Stripped, Aspect::Debug, ".debug_info", 0);
        let diff =
            Diff { level: diff::Level::Different, differences: many.chain([debug]).collect() };
        let short = text(&diff, diff::Level::Bytes, false, false);
        assert_eq!(short.lines().count(), 1 + SHOWN + 1 + 1, "{short}");
        assert!(short.contains("  code .text: 4 more"), "{short}");
        assert_eq!(text(&diff, diff::Level::Bytes, true, false).lines().count(), 11);
        let loaded = text(&diff, diff::Level::Loaded, false, false);
        assert!(loaded.ends_with("1 difference that L2 does not look at (--all)"), "{loaded}");
    }
}
