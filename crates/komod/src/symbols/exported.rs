//! A kernel's exported symbols, from its build tree, its image and its modules.

use super::index::ModuleIndex;
use crate::explained::Explained;
use crate::kernels;
use anyhow::{Context, Result};
use komod_kernel::btf::Kind;
use komod_kernel::find::FoundKernel;
use komod_kernel::prepared::Prepared;
use komod_object::symvers::{ExportKind, lines};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is known about an exported symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The exporting module, by its path in the kernel's tree; `vmlinux` for the kernel itself.
    pub owner: String,
    pub gpl: bool,
    pub namespace: Option<String>,
    pub crc: Option<u32>,
}

#[derive(Debug)]
pub struct KernelSymbols {
    pub kernel: FoundKernel,
    pub exports: BTreeMap<String, Exported>,
    image: Option<Prepared>,
}

impl KernelSymbols {
    pub fn of(kernel: FoundKernel) -> Result<KernelSymbols> {
        let image =
            kernel.image.is_some().then(|| kernels::prepare_to_read(&kernel)).transpose()?;
        let mut exports = BTreeMap::new();
        let symvers = kernel.tree.as_ref().map(|tree| tree.join("Module.symvers"));
        if let Some(path) = symvers.filter(|path| path.is_file()) {
            let text = std::fs::read(&path).with_context(|| path.display().to_string())?;
            for entry in lines(&text) {
                let entry = entry.with_context(|| path.display().to_string())?;
                let exported = Exported {
                    owner: entry.module.to_owned(),
                    gpl: entry.kind == ExportKind::Gpl,
                    namespace: entry.namespace.map(str::to_owned),
                    crc: (entry.crc != 0).then_some(entry.crc),
                };
                exports.insert(entry.name.to_owned(), exported);
            }
        } else if let Some(image) = &image {
            for export in image.exports().iter() {
                let exported = Exported {
                    owner: "vmlinux".to_owned(),
                    gpl: export.gpl,
                    namespace: export.namespace.map(str::to_owned),
                    crc: export.crc,
                };
                exports.insert(export.name.to_owned(), exported);
            }
        } else {
            let message =
                format!("kernel {} has neither Module.symvers nor an image", kernel.release);
            let hint = format!("`komod kernel fetch {}` gets a whole one", kernel.release);
            return Err(Explained::new(message).hint(hint).into());
        }
        Ok(KernelSymbols { kernel, exports, image })
    }

    /// The index of its modules; `None` if they are not here.
    pub fn modules(&self) -> Result<Option<ModuleIndex>> {
        let folder = self.kernel.modules.as_deref();
        folder.map(|folder| ModuleIndex::of(folder, &kernels::cache()?)).transpose()
    }

    /// A function of the kernel image as C declares it.
    pub fn prototype(&self, name: &str) -> Option<String> {
        let btf = self.image.as_ref()?.btf();
        let function = btf.find(name, |kind| kind == Kind::Func)?;
        Some(btf.type_name(function.id()))
    }

    /// In the kernel, though perhaps not for modules.
    pub fn in_image(&self, name: &str) -> bool {
        self.image.as_ref().is_some_and(|image| image.symbols().symbol(name).is_some())
    }
}
