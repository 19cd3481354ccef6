//! A finished `.ko` against what modpost would say of it: the oracle of the stock modules.
//!
//! A `.ko` keeps all that modpost read (symbols, device tables, `.modinfo`) and all that it wrote
//! (`__versions` and more `.modinfo`), so komod's answer can be compared without the sources.
//!
//! Two orders are lost when objects are linked: that of the undefined symbols and that of the
//! device tables, since `ld -r` writes global symbols in an order of its own. The first survives in
//! `__versions`; aliases are compared without regard to order.
//!
//! Aliases that a source declares itself stand in the same section. Those out of `.mod.c` can be
//! told apart: `MODULE_ALIAS` names its string `__UNIQUE_ID_alias<counter>`, and in `.mod.c` the
//! counter goes on by one from `__UNIQUE_ID_depends<counter>`, the line before the aliases.

use super::{Dialect, Files, Input, Message, ModuleObject, Options, SymbolDump, run};
use komod_object::elf::{Elf, Symbol};
use komod_object::{Module, ParseError};
use rustc_hash::FxHashMap;

/// How many values agree, and those that do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Values that are equal.
    pub equal: usize,
    /// Values that one side has alone, as text.
    pub different: Vec<String>,
}

/// The comparison of one module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkedComparison {
    /// Aliases out of device tables.
    pub aliases: Agreement,
    /// Aliases that the source declares.
    pub declared_aliases: usize,
    /// Entries of `__versions`.
    pub versions: Agreement,
    /// The `depends` line.
    pub depends: Agreement,
    /// Everything komod's modpost said.
    pub messages: Vec<Message>,
}

/// Answers every question for a companion file: a linked module has none.
struct Empty;

impl Files for Empty {
    fn read(&self, _path: &str) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

/// Runs modpost on a linked module and compares.
///
/// `path` is the module's place in the kernel tree without `.ko`, `bytes` the decompressed file.
pub fn compare_linked(
    path: &str,
    bytes: &[u8],
    dump: &SymbolDump<'_>,
    dialect: Dialect,
) -> Result<LinkedComparison, ParseError> {
    let module = Module::parse(bytes)?;
    let payload = module.elf().data();
    let output = run(&Input {
        modules: &[ModuleObject { path, bytes: payload }],
        dumps: &[dump],
        files: &Empty,
        options: Options { external: false, ..Options::default() },
        dialect,
    });
    let messages = output.messages;
    let Some(ours) = output.modules.into_iter().next() else {
        return Ok(LinkedComparison { messages, ..LinkedComparison::default() });
    };

    let generated = generated_aliases(&module);
    let declared = module.modinfo().all("alias").count() - generated.len();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let aliases = multiset(
        generated.iter().map(|alias| text(alias)),
        ours.aliases.iter().map(|alias| text(alias)),
    );

    let stated: Vec<(String, u32)> = module
        .versions()
        .into_iter()
        .flat_map(|versions| versions.iter())
        .map(|version| (version.name.to_string(), version.crc as u32))
        .collect();
    let versions = multiset(
        stated.iter().map(|(name, crc)| format!("{crc:#010x} {name}")),
        ours.versions.iter().map(|version| format!("{:#010x} {}", version.crc, version.symbol)),
    );

    // The order of the imports as the compiler left them.
    let first_use = |depends: &String| {
        let owner = |name: &str| dump.get(name).map(|export| export.module.to_owned());
        stated.iter().position(|(name, _)| {
            owner(name).is_some_and(|owner| super::link::base_name(&owner) == depends)
        })
    };
    let mut depends = ours.depends;
    depends.sort_by_key(first_use);
    let line = module.modinfo().get("depends").unwrap_or_default().to_string();
    let depends = multiset([line].into_iter(), [depends.join(",")].into_iter());
    Ok(LinkedComparison { aliases, declared_aliases: declared, versions, depends, messages })
}

/// The aliases that came from `.mod.c`.
fn generated_aliases<'a>(module: &Module<'a>) -> Vec<&'a [u8]> {
    let elf = module.elf();
    let Some(info) = elf.section_by_name(".modinfo") else { return Vec::new() };
    let strings = |prefix: &str| -> Vec<(u64, Symbol<'a>)> {
        let symbols = elf.symbols().into_iter().flat_map(|table| table.iter());
        symbols
            .filter(|symbol| usize::from(symbol.shndx) == info.index)
            .filter_map(|symbol| {
                let counter = symbol.name.as_bytes().strip_prefix(prefix.as_bytes())?;
                Some((std::str::from_utf8(counter).ok()?.parse().ok()?, symbol))
            })
            .collect()
    };
    let by_counter: FxHashMap<u64, Symbol<'a>> = {
        let Some(&(depends, depends_symbol)) = strings("__UNIQUE_ID_depends").last() else {
            return Vec::new();
        };
        // gcc writes a file's strings from the last to the first.
        strings("__UNIQUE_ID_alias")
            .into_iter()
            .filter(|(counter, symbol)| *counter > depends && symbol.index < depends_symbol.index)
            .collect()
    };
    let Some(start) = strings("__UNIQUE_ID_depends").last().map(|(counter, _)| *counter) else {
        return Vec::new();
    };
    let mut aliases = Vec::new();
    for counter in start + 1.. {
        let Some(symbol) = by_counter.get(&counter) else { break };
        aliases.extend(alias_at(elf, symbol));
    }
    aliases
}

fn alias_at<'a>(elf: &Elf<'a>, symbol: &Symbol<'a>) -> Option<&'a [u8]> {
    elf.string_at(symbol, 0)?.as_bytes().strip_prefix(b"alias=")
}

fn multiset(theirs: impl Iterator<Item = String>, ours: impl Iterator<Item = String>) -> Agreement {
    let mut counts: FxHashMap<String, i64> = FxHashMap::default();
    let mut total = 0;
    for text in theirs {
        *counts.entry(text).or_default() += 1;
        total += 1;
    }
    for text in ours {
        *counts.entry(text).or_default() -= 1;
    }
    let mut different = Vec::new();
    let mut missing = 0;
    for (text, count) in counts {
        match count {
            0 => {}
            1.. => {
                missing += count as usize;
                different.push(format!("only in the module: {text}"));
            }
            _ => different.push(format!("only in komod's answer: {text}")),
        }
    }
    different.sort();
    Agreement { equal: total - missing, different }
}
