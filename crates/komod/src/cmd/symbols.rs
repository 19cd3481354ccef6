//! `komod symbols`.

use super::Outcome;
use super::symbols_up::{self, UpFlags};
use crate::console;
use crate::explained::Explained;
use crate::json;
use crate::kernels;
use crate::symbols::difference::difference;
use crate::symbols::exported::{Exported, KernelSymbols};
use crate::symbols::index::ModuleTable;
use crate::symbols::near::nearest;
use crate::symbols::renamed::{Renamed, Renames, Side};
use crate::table::Table;
use crate::text::plural;
use anyhow::Result;
use clap::Args;
use komod_kernel::find::FoundKernel;
use serde::Serialize;
use std::collections::BTreeSet;

/// Say which kernel exports a symbol, under which conditions, and who uses it
///
/// For an unknown name: whether it is in the kernel but not for modules, names like it, in which of
/// the kernels here it is, and what it may be called in those where it is not. A name may have `*` in it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod symbols _printk                   in all kernels known here
  komod symbols usb_register_driver -k 6.1 --users
  komod symbols 'usb_*'                   a table, a column for each kernel
  komod symbols -k 6.1 -k 6.12 --diff     gone, new and changed between two kernels
  komod symbols --up printk               addresses in the kernel that is up
  komod symbols --module hello            those of a module there

Exit status: 0 exported in all these kernels, 1 not in some, 2 the command line is wrong.")]
pub struct SymbolsArgs {
    /// Names, `*` stands for any letters; without one, how many there are
    #[arg(value_name = "NAME|PATTERN")]
    names: Vec<String>,
    /// The kernel, as for `komod check`; may be given several times; all that are here without it
    #[arg(short, long = "kernel", value_name = "K")]
    kernels: Vec<String>,
    /// All modules that use it, not only the first few
    #[arg(long)]
    users: bool,
    /// What differs between two kernels
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    live: UpFlags,
    #[arg(long)]
    pub json: bool,
}

/// So many users and names like it are shown.
const FEW: usize = 8;

pub fn run(args: &SymbolsArgs) -> Result<Outcome> {
    if args.live.wanted() {
        let needle = match &args.names[..] {
            [] => "",
            [one] => one,
            _ => return Err(Explained::usage("--up takes one part of a name").into()),
        };
        return symbols_up::run(&args.live, needle, args.json);
    }
    let chosen = kernels::to_compare(&args.kernels)?;
    let (patterns, names): (Vec<&String>, Vec<&String>) =
        args.names.iter().partition(|name| name.contains('*'));
    let with_modules = args.diff || !names.is_empty();
    let (all, modules) = read(chosen, with_modules)?;
    let sides: Vec<Side<'_>> =
        all.iter().zip(&modules).map(|(symbols, modules)| Side { symbols, modules }).collect();
    if args.diff {
        return show_difference(args, &sides);
    }
    if args.names.is_empty() {
        return counts(args, &all);
    }
    let mut nothing_matches = false;
    let mut found: Vec<Found<'_>> = names.iter().map(|name| look(name, &sides)).collect();
    let exports: Vec<_> = match patterns.is_empty() {
        true => Vec::new(),
        false => all.iter().map(|kernel| kernel.exports.by_name()).collect(),
    };
    for pattern in patterns {
        let names = exports.iter().flat_map(|exports| exports.keys().copied());
        let matching: BTreeSet<&str> = names.filter(|name| matches(pattern, name)).collect();
        if matching.is_empty() {
            console::warning(&format!("no exported symbol matches {pattern}"));
            nothing_matches = true;
        }
        found.extend(matching.into_iter().map(|name| {
            let kernels = all.iter().zip(&exports).map(|(kernel, exports)| {
                let export = exports.get(name).copied();
                let in_image = kernel.in_image(name);
                let prototype = kernel.prototype(name, "vmlinux");
                At { prototype, in_image, ..At::new(kernel, export) }
            });
            Found { name: name.to_owned(), kernels: kernels.collect() }
        }));
    }
    let good = !nothing_matches
        && found.iter().all(|found| found.kernels.iter().all(|at| at.export.is_some()));
    if args.json {
        json::print("komod-exports", serde_json::json!({ "symbols": found }))?;
    } else if args.names.iter().any(|name| name.contains('*')) {
        console::line(&table(&all, &found));
    } else {
        found.iter().for_each(|found| tell(found, args.users));
    }
    Ok(if good { Outcome::Good } else { Outcome::Bad })
}

/// What kernels export, and the indexes of their modules: each kernel in a thread of its own.
fn read(
    kernels: Vec<FoundKernel>,
    with_modules: bool,
) -> Result<(Vec<KernelSymbols>, Vec<ModuleTable>)> {
    let one = |kernel| -> Result<(KernelSymbols, ModuleTable)> {
        let kernel = KernelSymbols::of(kernel)?;
        let modules = if with_modules { kernel.modules()? } else { None };
        Ok((kernel, modules.unwrap_or_else(ModuleTable::empty)))
    };
    std::thread::scope(|scope| {
        let threads = kernels.into_iter().map(|kernel| scope.spawn(move || one(kernel)));
        let threads: Vec<_> = threads.collect();
        let read = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        read.collect()
    })
}

#[derive(Serialize)]
struct Found<'a> {
    name: String,
    kernels: Vec<At<'a>>,
}

#[derive(Serialize)]
struct At<'a> {
    kernel: &'a str,
    export: Option<Exported<'a>>,
    prototype: Option<String>,
    /// It is in the kernel's image, exported or not.
    in_image: bool,
    users: Vec<&'a str>,
    /// What it may be called here, if it is exported in another kernel.
    perhaps: Vec<Renamed<'a>>,
    /// Names like it that are exported, if it is not.
    near: Vec<&'a str>,
}

impl<'a> At<'a> {
    fn new(kernel: &'a KernelSymbols, export: Option<Exported<'a>>) -> At<'a> {
        At {
            kernel: &kernel.kernel.release,
            export,
            prototype: None,
            in_image: false,
            users: Vec::new(),
            perhaps: Vec::new(),
            near: Vec::new(),
        }
    }
}

fn look<'a>(name: &str, all: &[Side<'a>]) -> Found<'a> {
    let kernels = all.iter().enumerate().map(|(number, side)| {
        let kernel = side.symbols;
        let export = kernel.exports.get(name);
        let mut at = At::new(kernel, export);
        at.prototype = kernel.prototype(name, export.map_or("vmlinux", |export| export.owner));
        at.in_image = kernel.in_image(name);
        let users = side.modules.symbol(name).into_iter();
        let users = users.flat_map(|symbol| side.modules.users(symbol));
        at.users = users.filter_map(|user| Some(side.modules.module(user)?.name())).collect();
        if export.is_none() {
            at.near = nearest(name, kernel.exports.names(), FEW);
            // The nearest kernel that has it: those before it are older, those behind newer.
            let others =
                all.iter().enumerate().filter(|(_, side)| side.symbols.exports.get(name).is_some());
            if let Some((_, from)) = others.min_by_key(|(other, _)| other.abs_diff(number)) {
                at.perhaps = Renames::new(*from, *side, true).of(name);
            }
        }
        at
    });
    Found { name: name.to_owned(), kernels: kernels.collect() }
}

fn licence(export: &Exported<'_>) -> String {
    let kind = if export.gpl { "EXPORT_SYMBOL_GPL" } else { "EXPORT_SYMBOL" };
    match &export.namespace {
        Some(namespace) => format!("{kind}, namespace {namespace}"),
        None => kind.to_owned(),
    }
}

fn tell(found: &Found<'_>, all_users: bool) {
    for at in &found.kernels {
        let Some(export) = at.export else {
            let what = match at.in_image {
                true => "in the kernel, but not exported: modules cannot use it",
                false => "not there",
            };
            console::line(&format!("{} in {}: {what}", found.name, at.kernel));
            let others = found.kernels.iter().filter(|other| other.export.is_some());
            let others: Vec<&str> = others.map(|other| other.kernel).collect();
            if !others.is_empty() {
                console::line(&format!("  exported in {}", others.join(", ")));
            }
            for renamed in &at.perhaps {
                let why = renamed.reasons();
                console::line(&format!("  perhaps {} here: {why}", renamed.name));
            }
            if !at.near.is_empty() {
                console::line(&format!("  names like it: {}", at.near.join(", ")));
            }
            continue;
        };
        console::line(&format!("{} in {}: from {}", found.name, at.kernel, export.owner));
        if let Some(prototype) = &at.prototype {
            console::line(&format!("  {prototype}"));
        }
        let crc = export.crc.map(|crc| format!(", checksum {crc:#010x}")).unwrap_or_default();
        console::line(&format!("  {}{crc}", licence(&export)));
        let few = if all_users { at.users.len() } else { FEW.min(at.users.len()) };
        let more = if few < at.users.len() { ", …" } else { "" };
        let list = match few {
            0 => String::new(),
            _ => format!(": {}{more}", at.users[..few].join(", ")),
        };
        console::line(&format!("  used by {}{list}", plural(at.users.len(), "stock module")));
    }
}

fn table(all: &[KernelSymbols], found: &[Found<'_>]) -> String {
    let mut head = vec!["SYMBOL"];
    head.extend(all.iter().map(|kernel| kernel.kernel.release.as_str()));
    let mut table = Table::new(&head);
    for found in found {
        let mut cells = vec![found.name.clone()];
        cells.extend(found.kernels.iter().map(|at| match at.export {
            None => "-".to_owned(),
            Some(export) => {
                let owner = export.owner.rsplit('/').next().unwrap_or_default();
                format!("{owner}{}", if export.gpl { " GPL" } else { "" })
            }
        }));
        table.cells(cells);
    }
    table.to_text(console::color_on_stdout())
}

fn counts(args: &SymbolsArgs, all: &[KernelSymbols]) -> Result<Outcome> {
    #[derive(Serialize)]
    struct Counts<'a> {
        kernel: &'a str,
        exports: usize,
        of_kernel: usize,
        gpl: usize,
        in_namespaces: usize,
    }
    let counts: Vec<Counts<'_>> = all
        .iter()
        .map(|kernel| {
            let of = |wanted: &dyn Fn(Exported<'_>) -> bool| {
                kernel.exports.values().filter(|export| wanted(*export)).count()
            };
            Counts {
                kernel: &kernel.kernel.release,
                exports: kernel.exports.len(),
                of_kernel: of(&|export| export.owner == "vmlinux"),
                gpl: of(&|export| export.gpl),
                in_namespaces: of(&|export| export.namespace.is_some()),
            }
        })
        .collect();
    if args.json {
        json::print("komod-exports-counts", serde_json::json!({ "kernels": counts }))?;
        return Ok(Outcome::Good);
    }
    let mut table = Table::new(&["KERNEL", "EXPORTS", "OF VMLINUX", "GPL ONLY", "IN NAMESPACES"]);
    for c in &counts {
        let [exports, own, gpl, spaces] =
            [c.exports, c.of_kernel, c.gpl, c.in_namespaces].map(|n| n.to_string());
        table.row([c.kernel.to_owned(), exports, own, gpl, spaces]);
    }
    console::line(&table.to_text(console::color_on_stdout()));
    Ok(Outcome::Good)
}

fn show_difference(args: &SymbolsArgs, all: &[Side<'_>]) -> Result<Outcome> {
    let [old, new] = all else {
        return Err(Explained::usage(format!("--diff wants two kernels, not {}", all.len()))
            .hint("name them: -k 6.1 -k 6.12")
            .into());
    };
    let mut changes = difference(&old.symbols.exports.by_name(), &new.symbols.exports.by_name());
    if !args.names.is_empty() {
        changes.retain(|change| args.names.iter().any(|pattern| matches(pattern, change.name)));
    }
    let renames = Renames::new(*old, *new, false);
    for change in changes.iter_mut().filter(|change| change.new.is_none()) {
        change.perhaps = renames.of(change.name);
    }
    if args.json {
        let (old, new) = (&old.symbols.kernel.release, &new.symbols.kernel.release);
        json::print(
            "komod-exports-diff",
            serde_json::json!({ "old": old, "new": new, "changes": changes }),
        )?;
    } else {
        let lines: Vec<String> =
            changes.iter().map(|change| format!("{}\n", change.to_text())).collect();
        console::data(lines.concat().as_bytes());
        console::people(&plural(changes.len(), "difference"));
    }
    Ok(Outcome::Good)
}

/// `*` stands for any letters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, name) in [("a*", "abc"), ("*c", "abc"), ("a*c*", "abc"), ("abc", "abc")] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a*", "ba"), ("ab*bc", "abc"), ("ab", "abc"), ("*d*", "abc")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
