//! A kernel's exported symbols, from its build tree, its image and its modules.

use super::index::ModuleTable;
use crate::explained::Explained;
use crate::kernels;
use anyhow::{Context, Result};
use komod_kernel::btf::{Btf, Kind};
use komod_kernel::find::FoundKernel;
use komod_kernel::prepared::Prepared;
use komod_object::Module;
use komod_object::symvers::{ExportKind, lines};
use komod_place::dependencies;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::ops::Range;

/// What is known about an exported symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Exported<'a> {
    /// The exporting module, by its path in the kernel's tree; `vmlinux` for the kernel itself.
    pub owner: &'a str,
    pub gpl: bool,
    pub namespace: Option<&'a str>,
    pub crc: Option<u32>,
}

/// All exports of a kernel: the text of `Module.symvers`, and where the fields are in it.
#[derive(Debug, Default)]
pub struct Exports {
    text: String,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: Range<usize>,
    owner: Range<usize>,
    namespace: Option<Range<usize>>,
    gpl: bool,
    crc: u32,
}

impl Exports {
    /// From text in the form of `Module.symvers`; of several with one name the last counts.
    pub fn parse(bytes: Vec<u8>) -> Result<Exports> {
        let text = String::from_utf8(bytes).context("not UTF-8")?;
        let start = text.as_ptr() as usize;
        let range = |part: &str| {
            let at = part.as_ptr() as usize - start;
            at..at + part.len()
        };
        let mut entries = Vec::with_capacity(text.len() / 64);
        for entry in lines(text.as_bytes()) {
            let entry = entry?;
            entries.push(Entry {
                name: range(entry.name),
                owner: range(entry.module),
                namespace: entry.namespace.map(range),
                gpl: entry.kind == ExportKind::Gpl,
                crc: entry.crc,
            });
        }
        Ok(Exports { text, entries })
    }

    fn exported(&self, entry: &Entry) -> Exported<'_> {
        Exported {
            owner: &self.text[entry.owner.clone()],
            gpl: entry.gpl,
            namespace: entry.namespace.clone().map(|namespace| &self.text[namespace]),
            crc: (entry.crc != 0).then_some(entry.crc),
        }
    }

    pub fn get(&self, name: &str) -> Option<Exported<'_>> {
        let mut entries = self.entries.iter().rev();
        let entry = entries.find(|entry| self.text[entry.name.clone()] == *name)?;
        Some(self.exported(entry))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// In the file's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &self.text[entry.name.clone()])
    }

    pub fn values(&self) -> impl Iterator<Item = Exported<'_>> {
        self.entries.iter().map(|entry| self.exported(entry))
    }

    /// For many questions, sorted.
    pub fn by_name(&self) -> BTreeMap<&str, Exported<'_>> {
        self.names().zip(self.values()).collect()
    }
}

#[derive(Debug)]
pub struct KernelSymbols {
    pub kernel: FoundKernel,
    pub exports: Exports,
    image: Option<Prepared>,
    /// The types of modules that were asked for, by the module's name.
    of_modules: RefCell<HashMap<String, Option<Btf>>>,
}

impl KernelSymbols {
    pub fn of(kernel: FoundKernel) -> Result<KernelSymbols> {
        let image =
            kernel.image.is_some().then(|| kernels::prepare_to_read(&kernel)).transpose()?;
        let symvers = kernel.tree.as_ref().map(|tree| tree.join("Module.symvers"));
        let exports = if let Some(path) = symvers.filter(|path| path.is_file()) {
            let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
            Exports::parse(text).with_context(|| path.display().to_string())?
        } else if let Some(image) = &image {
            let mut text = String::new();
            for export in image.exports().iter() {
                let kind = if export.gpl { "EXPORT_SYMBOL_GPL" } else { "EXPORT_SYMBOL" };
                let (crc, name) = (export.crc.unwrap_or_default(), export.name);
                let namespace = export.namespace.unwrap_or_default();
                let _ = writeln!(text, "{crc:#010x}\t{name}\tvmlinux\t{kind}\t{namespace}");
            }
            Exports::parse(text.into_bytes())?
        } else {
            let message =
                format!("kernel {} has neither Module.symvers nor an image", kernel.release);
            let hint = format!("`komod kernel fetch {}` gets a whole one", kernel.release);
            return Err(Explained::new(message).hint(hint).into());
        };
        Ok(KernelSymbols { kernel, exports, image, of_modules: RefCell::default() })
    }

    /// The index of its modules; `None` if they are not here.
    pub fn modules(&self) -> Result<Option<ModuleTable>> {
        let folder = self.kernel.modules.as_deref();
        folder.map(|folder| ModuleTable::of(folder, &kernels::cache()?)).transpose()
    }

    /// A function as C declares it. That of a module is read from its file.
    pub fn prototype(&self, name: &str, owner: &str) -> Option<String> {
        self.with_function(name, owner, |btf, id| Some(btf.type_name(id)))
    }

    /// The prototype without the name.
    pub fn shape(&self, name: &str, owner: &str) -> Option<String> {
        let shape = |btf: &Btf, id| Some(btf.type_name(btf.get(id)?.target()?));
        self.with_function(name, owner, shape)
    }

    fn with_function(
        &self,
        name: &str,
        owner: &str,
        told: impl Fn(&Btf, u32) -> Option<String>,
    ) -> Option<String> {
        let image = self.image.as_ref()?.btf();
        let of = |btf: &Btf| told(btf, btf.find(name, |kind| kind == Kind::Func)?.id());
        if owner == "vmlinux" {
            return of(image);
        }
        let module = owner.rsplit('/').next()?;
        let mut known = self.of_modules.borrow_mut();
        let btf = known.entry(module.to_owned()).or_insert_with(|| {
            let path = dependencies::find_stock(self.kernel.modules.as_deref()?, module)?;
            let file = dependencies::read(&path, true).ok()?;
            let module = Module::parse(&file.elf).ok()?;
            let section = module.elf().section_by_name(".BTF")?.data();
            Btf::parse_split(section, image).ok().filter(Btf::fits_base)
        });
        of(btf.as_ref()?)
    }

    /// In the kernel, though perhaps not for modules.
    pub fn in_image(&self, name: &str) -> bool {
        self.image.as_ref().is_some_and(|image| image.symbols().symbol(name).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read_where_they_lie() {
        let text = "0x00000000\ta\tvmlinux\tEXPORT_SYMBOL\t\n\
                    0x00000007\tb\tlib/x\tEXPORT_SYMBOL_GPL\tNS\n";
        let exports = Exports::parse(text.into()).unwrap();
        assert_eq!(exports.names().collect::<Vec<_>>(), ["a", "b"]);
        let b = Exported { owner: "lib/x", gpl: true, namespace: Some("NS"), crc: Some(7) };
        assert_eq!((exports.get("b"), exports.get("c")), (Some(b), None));
        assert_eq!(exports.get("a").unwrap().crc, None);
        assert!(Exports::parse(b"\xff".to_vec()).is_err());
    }
}
