//! `komod symbols --up`: those of a kernel that stays.

use super::{Outcome, Which, place_error};
use crate::console;
use crate::json;
use anyhow::Result;
use clap::Args;
use komod_place::Place;
use std::fmt::Write;

/// Which of them to show.
#[derive(Debug, Args)]
pub struct UpFlags {
    /// Symbols of the kernel that is up and of its modules, as /proc/kallsyms shows them
    #[arg(long, conflicts_with_all = ["kernels", "users", "diff"])]
    up: bool,
    /// The whole name, with --up
    #[arg(short, long, requires = "up")]
    exact: bool,
    /// Only those of this module; implies --up
    #[arg(short, long, value_name = "MODULE", conflicts_with_all = ["kernels", "users", "diff"])]
    module: Option<String>,
    /// Show at most so many, with --up
    #[arg(long, default_value_t = 1_000_000)]
    limit: usize,
    #[command(flatten)]
    which: Which,
}

impl UpFlags {
    pub fn wanted(&self) -> bool {
        self.up || self.module.is_some() || self.which.name.is_some() || self.which.on.is_some()
    }
}

/// More than any kernel has.
const ALL: usize = 4_000_000;

pub fn run(args: &UpFlags, needle: &str, json: bool) -> Result<Outcome> {
    let mut place = args.which.connect()?;
    // What is left out here must not use up the limit there.
    let filtered = args.exact || args.module.is_some();
    let limit = if filtered { ALL } else { args.limit };
    let (mut list, mut more) = place
        .symbols(needle, limit, &mut |_| {})
        .map_err(|e| place_error(&e, "listing symbols"))?;
    let module = args.module.as_ref().map(|m| m.replace('-', "_"));
    list.retain(|s| (!args.exact || s.name == needle) && (module.is_none() || s.module == module));
    more |= list.len() > args.limit;
    list.truncate(args.limit);
    let found = !list.is_empty();
    if json {
        json::print("komod-symbols", serde_json::json!({ "symbols": list, "more": more }))?;
    } else {
        let mut text = String::new();
        for s in &list {
            let _ = write!(text, "{:016x} {} {}", s.address, s.kind, s.name);
            if let Some(module) = &s.module {
                let _ = write!(text, "\t[{module}]");
            }
            text.push('\n');
        }
        console::data(text.as_bytes());
        if more {
            console::note("there are more: raise --limit");
        }
    }
    // As grep: nothing found is an answer of its own.
    Ok(if found { Outcome::Good } else { Outcome::Bad })
}
