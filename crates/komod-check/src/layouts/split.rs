//! A module's BTF, which continues its kernel's: what it repeats of it is not the same.

use komod_kernel::btf::Btf;

use super::layout::Layout;
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
    let mut differences = Vec::new();
    let own = match distilled {
        Some(base) => {
            let base = Btf::parse(base.to_vec())?;
            for found in base.iter() {
                let sized = kernel::layout(&base, found).filter(|layout| layout.size > 0);
                let Some(layout) = sized.filter(|layout| !layout.name.is_empty()) else { continue };
                compared += 1;
                differences.extend(size_difference(&layout, btf));
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
        differences.extend(against(&layout, btf, is_same_thing));
    }
    differences.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Comparison { source: Source::Btf, compared, differences })
}

/// Private types of drivers and of the kernel often have one name (`struct priv`, `struct regs`);
/// those share few fields.
fn is_same_thing(module: &Layout, kernel: &Layout) -> bool {
    const LEAST: usize = 4;
    let shared = module.shared(kernel);
    shared >= LEAST && shared * 4 >= module.len().max(kernel.len()) * 3
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
