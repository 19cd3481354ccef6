//! A kernel without its build tree: what `Module.symvers` and the configuration would say, from its
//! image and its modules.
//!
//! * The kernel's own exports stand in the image: names, checksums, licences, namespaces.
//! * Those of its modules stand in the module files of `lib/modules/RELEASE`, if it is here.
//! * The configuration is the one that the image carries (`CONFIG_IKCONFIG`), else a file beside the
//!   image, else what the image itself betrays of it ([`options()`]).
//!
//! What cannot be known this way is said.

mod modules;
mod options;
mod same_build;

use komod_kernel::config::KernelConfig;
use komod_kernel::exports::{OwnedExport, OwnedExports};
use komod_kernel::find::FoundKernel;
use komod_kernel::prepared::Prepared;

pub use modules::{ModuleExports, module_exports};
pub use options::options;
pub(crate) use same_build::difference;

/// An exported symbol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Export {
    /// Name.
    pub name: String,
    /// Checksum of its type, if the kernel has such.
    pub crc: Option<u32>,
    /// Only for modules under a GPL-compatible licence.
    pub gpl_only: bool,
    /// Namespace.
    pub namespace: Option<String>,
    /// The module, by the kernel's name for it; `None` for the kernel itself.
    pub owner: Option<String>,
}

/// What a build tree would have told.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) config: KernelConfig,
    /// Of two with one name the last counts: the kernel's own come behind those of its modules.
    pub(crate) exports: Vec<Export>,
    /// Whether the exports of its modules are among them.
    pub(crate) with_modules: bool,
    pub(crate) unknown: Vec<String>,
}

/// Of a kernel whose image this is.
pub(crate) fn known(kernel: &FoundKernel, image: &Prepared) -> Known {
    let mut unknown = Vec::new();
    let config = KernelConfig::in_image(image)
        .or_else(|| Some(KernelConfig::of(kernel)?.0))
        .unwrap_or_else(|| {
            unknown.push(format!(
                "the configuration (no config-{} here): what the loader asks of it is told by the \
                 image's own symbols and types",
                kernel.release
            ));
            options(image)
        });
    let mut exports = Vec::new();
    if let Some(folder) = &kernel.modules {
        let found = module_exports(folder);
        unknown.extend(found.unread.map(|unread| {
            format!("what those of its modules export that cannot be read: {unread}")
        }));
        exports = found.exports;
    } else {
        unknown.push(format!(
            "what the kernel's own modules export (no lib/modules/{} here): symbols of theirs \
             count as unknown",
            kernel.release
        ));
    }
    exports.extend(kernel_exports(image));
    Known { config, exports, with_modules: kernel.modules.is_some(), unknown }
}

/// What the kernel itself exports, sorted by name.
pub fn kernel_exports(image: &Prepared) -> Vec<Export> {
    let all = image.exports().iter().map(|export| Export {
        name: export.name.to_owned(),
        crc: export.crc,
        gpl_only: export.gpl,
        namespace: export.namespace.map(str::to_owned),
        owner: None,
    });
    all.collect()
}

/// As symbols to link against.
pub(crate) fn by_name(exports: &[Export]) -> OwnedExports {
    OwnedExports::build(exports.iter().map(|export| OwnedExport {
        name: &export.name,
        owner: export.owner.as_deref(),
        gpl_only: export.gpl_only,
        namespace: export.namespace.as_deref(),
        crc: export.crc,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_symbol_counts_before_a_modules() {
        let export = |name: &str, owner: Option<&str>| Export {
            name: name.into(),
            crc: Some(owner.map_or(1, |_| 2)),
            gpl_only: false,
            namespace: None,
            owner: owner.map(str::to_owned),
        };
        let all = by_name(&[export("a", Some("m")), export("b", Some("m")), export("a", None)]);
        let of = |name| all.lookup(name).map(|found| (found.owner, found.crc));
        assert_eq!(of("a"), Some((None, Some(1))));
        assert_eq!(of("b"), Some((Some("m"), Some(2))));
    }
}
