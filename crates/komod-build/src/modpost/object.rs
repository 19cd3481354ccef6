//! One module's object file, as far as modpost looks at it.

use super::exports::{self, OwnExport};
use super::message::{Code, Level, Messages, Place};
use super::{Dialect, Input, ModuleObject, alias, mismatch, symbol_name};
use komod_object::elf::{Elf, SHN_COMMON, SHT_NOBITS, STB_GLOBAL, STB_WEAK, Symbol};
use komod_object::modinfo::ModInfo;
use std::borrow::Cow;

/// The licences that may use GPL-only symbols (`include/linux/license.h`, Linux 6.1 and 6.12).
const GPL_COMPATIBLE: [&str; 6] =
    ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

/// An undefined symbol.
#[derive(Clone, Debug)]
pub(super) struct Undefined<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) weak: bool,
}

/// What an object says.
#[derive(Debug)]
pub(super) struct Object<'a> {
    /// Path without `.o`.
    pub(super) path: &'a str,
    /// All licences allow GPL-only symbols.
    pub(super) gpl_compatible: bool,
    pub(super) has_init: bool,
    pub(super) has_exit: bool,
    /// Has `MODULE_VERSION`.
    pub(super) has_version: bool,
    pub(super) namespaces: Vec<Cow<'a, str>>,
    /// In symbol table order.
    pub(super) undefined: Vec<Undefined<'a>>,
    pub(super) exports: Vec<OwnExport<'a>>,
    pub(super) aliases: Vec<Vec<u8>>,
    pub(super) srcversion: Option<String>,
    /// Has references between sections that must not be.
    pub(super) mismatches: bool,
}

/// Reads a module's object; `None` if it is ignored or the run has ended.
pub(super) fn read<'a>(
    input: &Input<'a>,
    module: &ModuleObject<'a>,
    messages: &mut Messages,
) -> Option<Object<'a>> {
    let elf = match Elf::parse(module.bytes) {
        Ok(elf) => elf,
        Err(error) => {
            let level = if input.options.ignore_missing { Level::Warning } else { Level::Fatal };
            let place = Place::object(format!("{}.o", module.path));
            messages.add(level, Code::BadObject, place, format!("{}.o: {error}", module.path));
            return None;
        }
    };
    let Some(symbols) = elf.symbols() else {
        let place = Place::object(format!("{}.o", module.path));
        let text = format!("{}.o has no symtab?", module.path);
        messages.add(Level::Fatal, Code::BadObject, place, text);
        return None;
    };
    let mut object = Object {
        path: module.path,
        gpl_compatible: true,
        has_init: false,
        has_exit: false,
        has_version: false,
        namespaces: Vec::new(),
        undefined: Vec::new(),
        exports: Vec::new(),
        aliases: Vec::new(),
        srcversion: None,
        mismatches: false,
    };
    read_modinfo(&elf, input, &mut object, messages);
    for symbol in symbols.iter().skip(1) {
        read_symbol(&symbol, &mut object, messages);
        if !symbol.is_undefined() && symbol.name.starts_with(alias::TABLE_PREFIX) {
            alias::of_table(&elf, &symbol, module.path, &mut object.aliases, messages);
        }
        if messages.fatal() {
            return None;
        }
    }
    if input.dialect == Dialect::Ksymtab {
        object.exports = exports::from_ksymtab(&elf);
    }
    mismatch::check(&elf, input, &mut object, messages);
    if messages.fatal() {
        return None;
    }
    Some(object)
}

fn read_modinfo<'a>(
    elf: &Elf<'a>,
    input: &Input<'_>,
    object: &mut Object<'a>,
    messages: &mut Messages,
) {
    let info = elf.section_by_name(".modinfo").filter(|s| s.header.sh_type != SHT_NOBITS);
    let info = ModInfo::new(info.map(|section| section.data()).unwrap_or_default());
    let file = format!("{}.o", object.path);
    let mut licenses = info.all("license").peekable();
    if licenses.peek().is_none() {
        let text = format!("missing MODULE_LICENSE() in {file}");
        messages.add(Level::Error, Code::MissingLicense, Place::object(&file), text);
    }
    object.gpl_compatible = licenses.all(|license| GPL_COMPATIBLE.iter().any(|ok| license == *ok));
    object.namespaces = info.all("import_ns").map(|name| name.to_string_lossy()).collect();
    let described = info.get("description").is_some();
    if input.options.extra_warnings && !described && input.dialect == Dialect::ExportSymbol {
        let text = format!("missing MODULE_DESCRIPTION() in {file}");
        messages.add(Level::Warning, Code::MissingDescription, Place::object(&file), text);
    }
    object.has_version = info.get("version").is_some();
}

fn read_symbol<'a>(symbol: &Symbol<'a>, object: &mut Object<'a>, messages: &mut Messages) {
    let name = symbol.name;
    if symbol.shndx == SHN_COMMON {
        // A mark of the compiler, no data.
        if name.starts_with("__gnu_lto_") {
            return;
        }
        let shown = name.to_string_lossy();
        let text = format!("\"{shown}\" [{}] is COMMON symbol", object.path);
        let place = Place::object(object.path).symbol(shown);
        messages.add(Level::Warning, Code::CommonSymbol, place, text);
    } else if symbol.is_undefined() {
        let linked = matches!(symbol.binding(), STB_GLOBAL | STB_WEAK);
        if linked && !name.is_empty() && name != "_GLOBAL_OFFSET_TABLE_" && name != "__this_module"
        {
            let name = String::from_utf8_lossy(symbol_name::plain(name.as_bytes()));
            object.undefined.push(Undefined { name, weak: symbol.is_weak() });
        }
    } else {
        object.has_init |= name == "init_module";
        object.has_exit |= name == "cleanup_module";
    }
}
