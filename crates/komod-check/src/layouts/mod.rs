//! Structs, unions and enumerations as the module was compiled with them, compared with the
//! kernel's own.
//!
//! The kernel compares checksums of what a module imports when it was *linked*. What its objects
//! were *compiled* with, nobody compares: an object left over from an older tree, linked anew,
//! gets the checksums of today and reads fields where they were yesterday. The truth is in the
//! module's debug information (DWARF, or BTF) and in the kernel's BTF.
//!
//! Compared are types that both have under one name: size, and offset, size and kind of each
//! field. What a field points to or is made of is a type of its own and compared by itself. Of
//! DWARF only types from the kernel's headers count; BTF does not say where a type is from, so
//! there a type counts that shares most of its fields with the kernel's. If the kernel has several
//! types of the name (private ones of its files), one that agrees is enough.

mod advice;
mod compiled;
mod entries;
mod kernel;
mod layout;
mod sections;
mod split;

use std::collections::BTreeMap;

use komod_kernel::btf::{Btf, BtfError};
use komod_object::Module;
use komod_object::elf::Elf;

pub use advice::advice;
pub use layout::{Change, FieldKind, Layout, LayoutDifference, Place, TypeKind};

/// Why a module's debug information cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The DWARF is damaged.
    #[error("the debug information is damaged: {0}")]
    Dwarf(#[from] gimli::Error),
    /// The module's BTF is damaged.
    #[error(".BTF is damaged: {0}")]
    Btf(#[from] BtfError),
    /// A relocation leads out of its section or has no symbol.
    #[error("{section}: the relocation of offset {offset:#x} leads nowhere")]
    Relocation {
        /// The section that is relocated.
        section: &'static str,
        /// Where.
        offset: u64,
    },
    /// A compressed section cannot be unpacked.
    #[error("{section} cannot be unpacked: {why}")]
    Compressed {
        /// The section.
        section: &'static str,
        /// What is wrong.
        why: &'static str,
    },
}

/// Where a module's types were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The module has no debug information.
    Nothing,
    /// Its DWARF.
    Dwarf,
    /// Its BTF, which continues this kernel's.
    Btf,
    /// Its BTF continues that of another kernel, so that nothing can be told.
    ForeignBtf,
}

/// What comparing a module with a kernel gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Where the module's types were read.
    pub source: Source,
    /// Number of types that both have.
    pub compared: usize,
    /// Those that differ, by name.
    pub differences: Vec<LayoutDifference>,
}

/// Types of the module that the kernel has in another shape.
pub fn differences(module: &Module<'_>, btf: &Btf) -> Result<Vec<LayoutDifference>, LayoutError> {
    compare(module, btf).map(|comparison| comparison.differences)
}

/// Compares the module's types with the kernel's.
pub fn compare(module: &Module<'_>, btf: &Btf) -> Result<Comparison, LayoutError> {
    let elf = module.elf();
    if elf.section_by_name(".debug_info").is_some() {
        dwarf(elf, btf)
    } else if let Some(section) = elf.section_by_name(".BTF") {
        let base = elf.section_by_name(".BTF.base").map(|section| section.data());
        split::compare(section.data(), base, btf)
    } else {
        Ok(Comparison { source: Source::Nothing, compared: 0, differences: Vec::new() })
    }
}

fn dwarf(elf: &Elf<'_>, btf: &Btf) -> Result<Comparison, LayoutError> {
    let mut compared = 0;
    let mut differing = BTreeMap::new();
    let mut wanted =
        |kind, name: &str| btf.named(name).any(|found| kernel::kind(found.kind()) == Some(kind));
    let mut found = |layout: Layout, header: &str| {
        compared += 1;
        if let Some(mut difference) = against(&layout, btf, is_related) {
            difference.header = Some(header.to_owned());
            differing.entry((layout.name, layout.kind)).or_insert(difference);
        }
    };
    compiled::each(elf, &mut wanted, &mut found)?;
    let differences = differing.into_values().collect();
    Ok(Comparison { source: Source::Dwarf, compared, differences })
}

/// From the same header, and at least one field in common: a change, not another thing.
fn is_related(module: &Layout, kernel: &Layout) -> bool {
    module.count() == 0 || kernel.count() == 0 || module.shared(kernel) > 0
}

/// The difference from the nearest of the kernel's types of the name, if none agrees.
fn against(
    layout: &Layout,
    btf: &Btf,
    related: fn(&Layout, &Layout) -> bool,
) -> Option<LayoutDifference> {
    let mut nearest: Option<LayoutDifference> = None;
    for found in btf.named(&layout.name) {
        if kernel::kind(found.kind()) != Some(layout.kind) {
            continue;
        }
        let Some(theirs) = kernel::layout(btf, found) else { continue };
        let difference = layout.difference(&theirs)?;
        let nearer = nearest.as_ref().is_none_or(|n| difference.changes.len() < n.changes.len());
        if nearer && related(layout, &theirs) {
            nearest = Some(difference);
        }
    }
    nearest
}
