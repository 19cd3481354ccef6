//! A module's BTF, which continues its kernel's: what it repeats of it is not the same.

use komod_kernel::btf::{Btf, Type, TypeId};
use rustc_hash::FxHashSet;

use super::layout::{Layout, TypeKind};
use super::{Comparison, LayoutError, Source, against, kernel};

/// Compares the types that a module's BTF has of its own with the kernel's of the same name. With
/// a `distilled` base (`.BTF.base`, Linux 6.12 `Documentation/bpf/btf.rst`), also the sizes of
/// the kernel's types in it.
pub fn compare(
    section: &[u8],
    distilled: Option<&[u8]>,
    btf: &Btf,
) -> Result<Comparison, LayoutError> {
    let mut compared = 0;
    let (mut differences, mut sizes) = (Vec::new(), Vec::new());
    let own = match distilled {
        Some(base) => {
            let base = Btf::parse(base.to_vec())?;
            for found in base.iter() {
                let sized = kernel::layout(&base, found).filter(|layout| layout.size > 0);
                let Some(layout) = sized.filter(|layout| !layout.name.is_empty()) else { continue };
                compared += 1;
                sizes.extend(size_difference(&layout, btf));
            }
            Btf::parse_split(section.to_vec(), &base)?
        }
        None => Btf::parse_split(section.to_vec(), btf)?,
    };
    if !own.fits_base() {
        return Ok(Comparison { source: Source::ForeignBtf, compared: 0, differences: Vec::new() });
    }
    for found in own.iter().filter(|found| !found.name().is_empty()) {
        let Some(layout) = kernel::layout(&own, found) else { continue };
        if !btf.named(&layout.name).any(|other| kernel::kind(other.kind()) == Some(layout.kind)) {
            continue;
        }
        compared += 1;
        let differs = against(&layout, btf, is_same_thing);
        differences.extend(differs.map(|difference| (found.id(), difference)));
    }
    if !differences.is_empty() {
        let meant = referred_to_by_kernel_types(&own, btf);
        differences.retain(|(id, _)| meant.contains(id));
    }
    let mut differences: Vec<_> = differences.into_iter().map(|(_, found)| found).collect();
    differences.append(&mut sizes);
    differences.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Comparison { source: Source::Btf, compared, differences })
}

/// Private types of drivers and of the kernel often have one name (`struct priv`, `struct regs`);
/// those share few fields.
fn is_same_thing(module: &Layout, kernel: &Layout) -> bool {
    const LEAST: usize = 4;
    let shared = module.shared(kernel);
    shared >= LEAST && shared * 4 >= module.count().max(kernel.count()) * 3
}

/// The module's own types that its types with names of the kernel's refer to. If a type of the
/// kernel is not the kernel's, neither is what has a pointer to it or embeds it: all of them are
/// in the module's BTF again. A driver's private type is used by private types only.
fn referred_to_by_kernel_types(own: &Btf, btf: &Btf) -> FxHashSet<TypeId> {
    let mut meant = FxHashSet::default();
    let first_own = own.iter().next().map_or(TypeId::MAX, |first| first.id());
    let mut seen = FxHashSet::default();
    for found in own.iter().filter(|found| is_kernels(*found, btf)) {
        let mut open: Vec<TypeId> = found.references().collect();
        while let Some(id) = open.pop() {
            if id < first_own || id == found.id() || !seen.insert(id) {
                continue;
            }
            let Some(next) = own.get(id) else { continue };
            if kernel::kind(next.kind()).is_some() && !next.name().is_empty() {
                meant.insert(id);
            } else {
                open.extend(next.references());
            }
        }
    }
    meant
}

fn is_kernels(found: Type<'_>, btf: &Btf) -> bool {
    let Some(kind) = kernel::kind(found.kind()).filter(|kind| *kind != TypeKind::Enum) else {
        return false;
    };
    let name = found.name();
    !name.is_empty() && btf.named(name).any(|other| kernel::kind(other.kind()) == Some(kind))
}

/// Embedded types are in a distilled base without their fields.
fn size_difference(layout: &Layout, btf: &Btf) -> Option<super::LayoutDifference> {
    let mut sizes = btf
        .named(&layout.name)
        .filter(|found| kernel::kind(found.kind()) == Some(layout.kind))
        .filter_map(|found| found.size().map(u64::from))
        .peekable();
    let first = *sizes.peek()?;
    if sizes.any(|size| size == layout.size) {
        return None;
    }
    Some(super::LayoutDifference {
        kind: layout.kind,
        name: layout.name.clone(),
        header: None,
        module_size: layout.size,
        kernel_size: first,
        changes: Vec::new(),
    })
}
