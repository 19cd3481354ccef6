//! Imports against exports.

use super::message::{Code, Level, Messages, Place};
use super::object::Object;
use super::output::{ModuleOutput, Version};
use super::{Exported, Input};
use rustc_hash::FxHashMap;

/// Longest module name and longest symbol name, with the NUL (`MODULE_NAME_LEN`,
/// `include/linux/moduleparam.h`; the name in `struct modversion_info`, `include/linux/module.h`).
const NAME_LEN: usize = 56;
/// How many undefined symbols are shown in a run.
const SHOWN_UNDEFINED: usize = 10;

/// Everything the modules of a run export.
#[derive(Debug, Default)]
pub(super) struct OwnExports {
    by_name: FxHashMap<String, Exported<String>>,
}

impl OwnExports {
    pub(super) fn add(&mut self, object: &Object<'_>, input: &Input<'_>, messages: &mut Messages) {
        for export in &object.exports {
            let name = &*export.name;
            let before = match self.by_name.get(name) {
                Some(own) => Some(own.module.clone()),
                None => input
                    .dumps
                    .iter()
                    .rev()
                    .find_map(|dump| dump.get(name))
                    .map(|e| e.module.to_owned()),
            };
            if let Some(before) = before
                && (before == "vmlinux" || before == object.path)
            {
                let end = if before == "vmlinux" { "" } else { ".ko" };
                let text = format!(
                    "{}: '{name}' exported twice. Previous export was in {before}{end}",
                    object.path
                );
                let place = Place::object(object.path).symbol(name);
                messages.add(Level::Error, Code::DuplicateExport, place, text);
            }
            self.by_name.insert(name.to_owned(), export.owned(object.path));
        }
    }

    fn get<'s>(&'s self, name: &str, input: &Input<'s>) -> Option<Exported<&'s str>> {
        if let Some(own) = self.by_name.get(name) {
            return Some(Exported {
                crc: own.crc,
                name: &own.name,
                module: &own.module,
                gpl_only: own.gpl_only,
                namespace: &own.namespace,
                is_function: own.is_function,
            });
        }
        input.dumps.iter().rev().find_map(|dump| dump.get(name))
    }
}

/// One module's imports.
#[derive(Debug, Default)]
pub(super) struct Linked {
    /// Those that somebody exports, with their CRCs.
    imports: Vec<(String, Option<u32>)>,
    depends: Vec<String>,
}

/// The checks that need every module to be read.
pub(super) struct Linker<'r> {
    pub(super) input: &'r Input<'r>,
    pub(super) exports: &'r OwnExports,
    pub(super) undefined: usize,
}

impl Linker<'_> {
    /// Resolves one module's imports; what is to be known of them for `.mod.c`.
    pub(super) fn link(&mut self, object: &Object<'_>, messages: &mut Messages) -> Linked {
        let path = object.path;
        let base = base_name(path);
        let mut linked = Linked::default();
        let options = &self.input.options;
        let module_layout = options.modversions.then_some(("module_layout", false));
        let undefined = object.undefined.iter().map(|symbol| (&*symbol.name, symbol.weak));
        for (name, weak) in undefined.chain(module_layout) {
            let place = || Place::object(format!("{path}.ko")).symbol(name);
            let export = self.exports.get(name, self.input);
            if export.as_ref().is_some_and(|export| export.module == path) {
                let text = format!("\"{name}\" [{path}.ko] was exported without definition");
                messages.add(Level::Error, Code::UndefinedExport, place(), text);
                continue;
            }
            let Some(export) = export else {
                if !weak {
                    self.undefined(path, name, messages);
                }
                continue;
            };
            if !export.namespace.is_empty()
                && !object.namespaces.iter().any(|imported| *imported == export.namespace)
            {
                let missing = options.allow_missing_namespaces;
                let level = if missing { Level::Warning } else { Level::Error };
                let text = format!(
                    "module {base} uses symbol {name} from namespace {}, but does not import it.",
                    export.namespace
                );
                messages.add(level, Code::MissingNamespace, place(), text);
            }
            if export.gpl_only && !object.gpl_compatible {
                let text =
                    format!("GPL-incompatible module {base}.ko uses GPL-only symbol '{name}'");
                messages.add(Level::Error, Code::GplOnlySymbol, place(), text);
            }
            linked.imports.push((name.to_owned(), export.crc));
            if export.module != "vmlinux" && export.module != path {
                let module = base_name(export.module);
                if !linked.depends.iter().any(|known| known == module) {
                    linked.depends.push(module.to_owned());
                }
            }
        }
        linked
    }

    /// The checks that modpost makes while it writes `.mod.c`.
    pub(super) fn output(
        &self,
        object: &Object<'_>,
        linked: Linked,
        messages: &mut Messages,
    ) -> ModuleOutput {
        let path = object.path.to_owned();
        let mut output = ModuleOutput { path, depends: linked.depends, ..ModuleOutput::default() };
        if self.input.options.modversions {
            self.unversioned(object, messages);
            for (name, crc) in linked.imports {
                self.version(object.path, &name, crc, &mut output, messages);
            }
        }
        output
    }

    /// Exports that genksyms gave no CRC.
    fn unversioned(&self, object: &Object<'_>, messages: &mut Messages) {
        for export in object.exports.iter().filter(|export| export.crc.is_none()) {
            let (path, name) = (object.path, &export.name);
            let text = format!(
                "EXPORT symbol \"{name}\" [{path}.ko] version generation failed, symbol will not \
                 be versioned.\nIs \"{name}\" prototyped in <asm/asm-prototypes.h>?"
            );
            let place = Place::object(path).symbol(&**name);
            messages.add(Level::Warning, Code::MissingCrc, place, text);
        }
    }

    fn version(
        &self,
        path: &str,
        name: &str,
        crc: Option<u32>,
        output: &mut ModuleOutput,
        messages: &mut Messages,
    ) {
        let place = || Place::object(format!("{path}.ko")).symbol(name);
        let Some(crc) = crc else {
            let text = format!("\"{name}\" [{path}.ko] has no CRC!");
            messages.add(Level::Warning, Code::ImportWithoutCrc, place(), text);
            return;
        };
        if name.len() >= NAME_LEN {
            let text = format!("too long symbol \"{name}\" [{path}.ko]");
            messages.add(Level::Error, Code::LongSymbolName, place(), text);
            return;
        }
        output.versions.push(Version { crc, symbol: name.to_owned() });
    }

    fn undefined(&mut self, path: &str, name: &str, messages: &mut Messages) {
        self.undefined += 1;
        if self.undefined <= SHOWN_UNDEFINED {
            let warn = self.input.options.warn_unresolved;
            let level = if warn { Level::Warning } else { Level::Error };
            let place = Place::object(format!("{path}.ko")).symbol(name);
            let text = format!("\"{name}\" [{path}.ko] undefined!");
            messages.add(level, Code::UndefinedSymbol, place, text);
        }
    }

    /// The checks of the module itself, and of its exports.
    pub(super) fn check(&self, object: &Object<'_>, messages: &mut Messages) {
        let path = object.path;
        if base_name(path).len() >= NAME_LEN {
            let text = format!("module name is too long [{path}.ko]");
            messages.add(Level::Error, Code::LongModuleName, Place::object(path), text);
        }
    }

    /// Ends the run: how many undefined symbols were not shown.
    pub(super) fn finish(&self, messages: &mut Messages) {
        if let Some(more @ 1..) = self.undefined.checked_sub(SHOWN_UNDEFINED) {
            let text = format!(
                "suppressed {more} unresolved symbol warnings because there were too many)"
            );
            let code = Code::MoreUndefinedSymbols;
            messages.add(Level::Warning, code, Place::default(), text);
        }
    }
}

/// The part of a path after the last slash.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
