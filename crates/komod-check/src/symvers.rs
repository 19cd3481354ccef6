//! The exports of a kernel and of its modules, from `Module.symvers`, as symbols to link against.

use std::collections::HashMap;

use komod_object::symvers::{ExportKind, Symvers};

/// An exported symbol.
#[derive(Debug, Clone)]
pub(crate) struct Exported {
    pub(crate) address: u64,
    pub(crate) crc: Option<u32>,
    pub(crate) gpl_only: bool,
    pub(crate) namespace: Option<String>,
    /// The module, by the kernel's name for it; `None` for the kernel itself.
    pub(crate) owner: Option<String>,
}

/// Where the symbols are supposed to be. Real addresses differ at each boot; what counts is that
/// all of them lie where 32 bits with a sign reach, as in every x86-64 kernel
/// (`Documentation/arch/x86/x86_64/mm.rst`: text from `ffffffff80000000`, modules behind it).
const KERNEL_TEXT: u64 = 0xffff_ffff_8100_0000;
const OTHER_MODULES: u64 = 0xffff_ffff_e000_0000;

/// Where the export of this number is supposed to be.
pub(crate) fn address(number: u64, of_a_module: bool) -> u64 {
    let start = if of_a_module { OTHER_MODULES } else { KERNEL_TEXT };
    start + 16 * number
}

/// All exports by name.
pub(crate) fn exports(symvers: &Symvers<'_>, with_crcs: bool) -> HashMap<String, Exported> {
    let mut all = HashMap::with_capacity(symvers.entries().len());
    for (number, entry) in (0..).zip(symvers.entries()) {
        let owner = (entry.module != "vmlinux").then(|| module_name(entry.module));
        let exported = Exported {
            address: address(number, owner.is_some()),
            crc: with_crcs.then_some(entry.crc),
            gpl_only: entry.kind == ExportKind::Gpl,
            namespace: entry.namespace.map(str::to_owned),
            owner,
        };
        all.insert(entry.name.to_owned(), exported);
    }
    all
}

/// `drivers/usb/storage/usb-storage` → `usb_storage`: the kernel's build writes `-` as `_`
/// (`scripts/Makefile.lib`: `name-fix`).
fn module_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_named_as_the_kernel_does() {
        let text = "0x00000001\ta\tvmlinux\tEXPORT_SYMBOL\t\n\
                    0x00000002\tb\tdrivers/usb/usb-storage\tEXPORT_SYMBOL_GPL\tUSB\n";
        let symvers = Symvers::parse(text.as_bytes()).unwrap();
        let all = exports(&symvers, true);
        assert_eq!(
            (all["a"].owner.as_deref(), all["a"].crc, all["a"].gpl_only),
            (None, Some(1), false)
        );
        assert_eq!(all["b"].owner.as_deref(), Some("usb_storage"));
        assert_eq!(all["b"].namespace.as_deref(), Some("USB"));
        assert!(all["b"].gpl_only);
        assert_eq!(exports(&symvers, false)["a"].crc, None);
    }
}
