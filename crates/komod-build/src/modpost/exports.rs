//! The exports of an object, before `.mod.c` exists.
//!
//! In the earlier line `EXPORT_SYMBOL(x)` leaves `__ksymtab_x` in a section of its own,
//! `___ksymtab+x` or `___ksymtab_gpl+x`, and its namespace at `__kstrtabns_x`
//! (`include/linux/export.h`, Linux 6.1). In the later line it leaves a record in
//! `.export_symbol`: label `__export_symbol_x`, licence, namespace (both ended by NUL), a reference
//! to the symbol (`include/linux/export.h`, Linux 6.12).

use super::message::{Code, Level, Messages, Place};
use super::{Exported, symbol_name};
use komod_object::elf::{Elf, STB_LOCAL, STT_FUNC, Symbol};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

const KSYMTAB: &str = "__ksymtab_";
const KSTRTABNS: &str = "__kstrtabns_";
const LABEL: &str = "__export_symbol_";

/// A symbol the object exports.
#[derive(Clone, Debug)]
pub(super) struct OwnExport<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) gpl_only: bool,
    pub(super) namespace: Cow<'a, str>,
    pub(super) is_function: bool,
    /// Something in the object defines it.
    pub(super) defined: bool,
    pub(super) crc: Option<u32>,
}

impl OwnExport<'_> {
    /// The export as an entry of `Module.symvers`.
    pub(super) fn owned(&self, module: &str) -> Exported<String> {
        Exported {
            crc: self.crc,
            name: self.name.clone().into_owned(),
            module: module.to_owned(),
            gpl_only: self.gpl_only,
            namespace: self.namespace.clone().into_owned(),
            is_function: self.is_function,
        }
    }
}

/// The exports of the earlier line, in symbol table order.
pub(super) fn from_ksymtab<'a>(elf: &Elf<'a>) -> Vec<OwnExport<'a>> {
    let mut exports: Vec<OwnExport<'a>> = Vec::new();
    let mut by_name: FxHashMap<Cow<'a, str>, usize> = FxHashMap::default();
    let symbols = || elf.symbols().into_iter().flat_map(|table| table.iter().skip(1));
    for symbol in symbols() {
        let Some(name) = symbol.name.as_bytes().strip_prefix(KSYMTAB.as_bytes()) else { continue };
        let Some(section) = elf.section(symbol.shndx.into()).filter(|_| symbol.shndx != 0) else {
            continue;
        };
        let gpl_only = section.name.starts_with("___ksymtab_gpl+");
        if !gpl_only && !section.name.starts_with("___ksymtab+") {
            continue;
        }
        let name = String::from_utf8_lossy(name);
        by_name.insert(name.clone(), exports.len());
        exports.push(OwnExport {
            name,
            gpl_only,
            namespace: Cow::Borrowed(""),
            is_function: false,
            defined: false,
            crc: None,
        });
    }
    if exports.is_empty() {
        return exports;
    }
    for symbol in symbols().filter(|symbol| !symbol.is_undefined()) {
        let name = symbol.name.as_bytes();
        if let Some(of) = name.strip_prefix(KSTRTABNS.as_bytes())
            && let Some(&index) = by_name.get(&String::from_utf8_lossy(of))
        {
            let namespace = elf.string_at(&symbol, 0).unwrap_or_default();
            exports[index].namespace = namespace.to_string_lossy();
        }
        let name = String::from_utf8_lossy(symbol_name::plain(name));
        if symbol.binding() != STB_LOCAL
            && let Some(&index) = by_name.get(&name)
        {
            exports[index].defined = true;
        }
    }
    exports
}

/// The exports of the later line, in the order of the records' references.
pub(super) fn from_export_symbol<'a>(
    elf: &Elf<'a>,
    path: &str,
    messages: &mut Messages,
) -> Vec<OwnExport<'a>> {
    let mut exports = Vec::new();
    let (Some(section), Some(symbols)) = (elf.section_by_name(".export_symbol"), elf.symbols())
    else {
        return exports;
    };
    let mut labels: Vec<Symbol<'a>> = symbols
        .iter()
        .filter(|symbol| usize::from(symbol.shndx) == section.index && !symbol.name.is_empty())
        .collect();
    labels.sort_by_key(|label| label.value);
    for rela in elf.relas_for(section.index) {
        let Some(target) = symbols.get(rela.symbol as usize) else { continue };
        let place = || Place::object(path).section(".export_symbol").offset(rela.offset);
        let nearest = labels.partition_point(|label| label.value <= rela.offset);
        let label = nearest.checked_sub(1).and_then(|index| labels.get(index));
        let label_name = label.map(|label| label.name).unwrap_or_default();
        let Some(name) = label_name.as_bytes().strip_prefix(LABEL.as_bytes()) else {
            let text =
                format!("{path}: .export_symbol section contains strange symbol '{label_name}'");
            messages.add(
                Level::Error,
                Code::BadExport,
                place().symbol(label_name.to_string()),
                text,
            );
            continue;
        };
        let shown = String::from_utf8_lossy(name);
        if target.binding() == STB_LOCAL {
            let text = format!("{path}: local symbol '{shown}' was exported");
            messages.add(Level::Error, Code::LocalExport, place().symbol(shown), text);
            continue;
        }
        if target.name.as_bytes() != name {
            let target = target.name;
            let text = format!(
                "{path}: .export_symbol section references '{target}', \
                 but it does not seem to be an export symbol"
            );
            messages.add(Level::Error, Code::BadExport, place().symbol(target.to_string()), text);
            continue;
        }
        let record = label.map_or(0, |label| usize::try_from(label.value).unwrap_or(usize::MAX));
        let mut strings = section.data().get(record..).unwrap_or_default().split(|&byte| byte == 0);
        let license = strings.next().unwrap_or_default();
        let gpl_only = match license {
            b"GPL" => true,
            b"" => false,
            _ => {
                let license = String::from_utf8_lossy(license);
                let text =
                    format!("{path}: unknown license '{license}' was specified for '{shown}'");
                messages.add(Level::Error, Code::BadExport, place().symbol(shown), text);
                continue;
            }
        };
        discarded(elf, &target, path, &shown, messages);
        let namespace = String::from_utf8_lossy(strings.next().unwrap_or_default());
        exports.push(OwnExport {
            name: shown,
            gpl_only,
            namespace,
            is_function: target.kind() == STT_FUNC,
            defined: !target.is_undefined(),
            crc: None,
        });
    }
    exports
}

/// Complains about an export whose section is gone when others want it.
fn discarded(elf: &Elf<'_>, target: &Symbol<'_>, path: &str, name: &str, messages: &mut Messages) {
    let Some(section) = elf.section(target.shndx.into()) else { return };
    let (what, mark) = match section.name {
        name if name.starts_with(".init.") => ("init", "__init"),
        name if name.starts_with(".exit.") => ("exit", "__exit"),
        _ => return,
    };
    let text = format!(
        "{path}: {name}: EXPORT_SYMBOL used for {what} symbol. Remove {mark} or EXPORT_SYMBOL."
    );
    let place = Place::object(path).section(section.name.to_string()).symbol(name);
    messages.add(Level::Warning, Code::DiscardedExport, place, text);
}
