//! `komod graph`.

use super::Outcome;
use crate::checking;
use crate::console;
use crate::explained::Explained;
use crate::graph::{Graph, dot, svg, tree};
use crate::json;
use crate::kernels;
use crate::symbols::index::ModuleTable;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

/// Show which modules need each other, and for which symbols
///
/// Symbols are looked for in the given files first, then in the kernel's own modules. Soft
/// dependencies are told apart; circles are cut and marked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod graph btrfs                       what it needs, as a tree
  komod graph btrfs --symbols             and for which symbols
  komod graph usbcore --reverse --depth 1 who needs it
  komod graph btrfs --svg -o btrfs.svg    a drawing for a browser
  komod graph out/ -k 6.1 --dot           all modules in a folder, for Graphviz
  komod graph -k 6.1 --dot -o all.dot     all of a kernel")]
pub struct GraphArgs {
    /// A module file, a folder with some, or the name of a module of the kernel; without one, all
    /// modules of the kernel
    #[arg(value_name = "FILE|DIR|MODULE")]
    what: Option<PathBuf>,
    /// The kernel, as for `komod check`
    #[arg(short, long, value_name = "K")]
    kernel: Option<String>,
    /// In Graphviz's language
    #[arg(long, conflicts_with = "json")]
    dot: bool,
    /// As a drawing for a browser; symbols are told when the mouse rests on a line
    #[arg(long, conflicts_with_all = ["json", "dot"])]
    svg: bool,
    /// Write it to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Who needs it, instead of what it needs
    #[arg(long)]
    reverse: bool,
    /// For which symbols, too
    #[arg(long)]
    symbols: bool,
    /// At most so many steps
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    #[arg(long)]
    pub json: bool,
}

/// More modules than can be looked at in a drawing.
const LARGE: usize = 500;

pub fn run(args: &GraphArgs) -> Result<Outcome> {
    let kernel = kernels::look_up(args.kernel.as_deref())?;
    let stock = match &kernel.modules {
        Some(folder) => ModuleTable::of(folder, &kernels::cache()?)?,
        None => ModuleTable::empty(),
    };
    let mut given = ModuleTable::empty();
    // None: all of them.
    let mut roots: Option<Vec<String>> = None;
    match &args.what {
        Some(path) if path.exists() => {
            let (files, unread) = checking::files(std::slice::from_ref(path))?;
            for unread in unread {
                console::warning(&format!("not read: {:#}", unread.error));
            }
            given = ModuleTable::of_files(&files)?;
            roots = Some(given.modules().map(|module| module.name().to_owned()).collect());
        }
        Some(name) => roots = Some(vec![name.to_string_lossy().replace('-', "_")]),
        None => {}
    }
    let mut graph = Graph::of(&[&given, &stock]);
    if args.reverse {
        graph = graph.reversed();
    }
    let from: Vec<usize> = match &roots {
        None => (0..graph.names.len()).collect(),
        Some(names) => {
            let number = |name: &String| {
                graph.number(name).ok_or_else(|| {
                    Explained::new(format!("there is no module {name} in {}", kernel.release))
                })
            };
            names.iter().map(number).collect::<Result<_, _>>()?
        }
    };
    let depth = args.depth.unwrap_or(usize::MAX);
    let shown = graph.reachable(&from, depth);
    let text = if args.json {
        let edges: Vec<_> = shown
            .iter()
            .flat_map(|n| graph.needs[*n].iter().map(move |(other, used)| (n, other, used)))
            .filter(|(_, other, _)| shown.contains(other))
            .map(|(n, other, symbols)| {
                let (from, to) = (&graph.names[*n], &graph.names[*other]);
                serde_json::json!({ "from": from, "to": to, "symbols": symbols })
            })
            .collect();
        let modules: Vec<&String> = shown.iter().map(|n| &graph.names[*n]).collect();
        let answer = serde_json::json!({
            "kernel": kernel.release, "reverse": args.reverse, "modules": modules, "edges": edges,
        });
        if args.output.is_none() {
            json::print("komod-graph", answer)?;
            return Ok(Outcome::Good);
        }
        format!("{answer}\n")
    } else if args.dot {
        dot::text(&graph, &shown, args.symbols)
    } else if args.svg {
        if shown.len() > LARGE {
            console::note(&format!("{} modules make a large drawing", shown.len()));
            console::hint("name a module or a folder, or give --depth, to draw less");
        }
        let (graph, shown, reverse, symbols) = (&graph, &shown, args.reverse, args.symbols);
        let roots = if roots.is_some() { &from[..] } else { &[] };
        svg::text(&svg::Wanted { graph, shown, roots, reverse, symbols })
    } else {
        let trees = from.iter().map(|root| tree::text(&graph, *root, depth, args.symbols) + "\n");
        trees.collect()
    };
    match &args.output {
        Some(path) => {
            std::fs::write(path, text).with_context(|| path.display().to_string())?;
        }
        None => console::data(text.as_bytes()),
    }
    Ok(Outcome::Good)
}
