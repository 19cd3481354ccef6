//! The exports of a kernel and of its modules, from `Module.symvers`.

use std::collections::hash_map::Entry;

use komod_kernel::exports::{OwnedExport, OwnedExports};
use komod_object::symvers::{ExportKind, SymversError, lines};
use rustc_hash::FxHashMap;

/// All exports by name.
pub(crate) fn exports(text: &[u8], with_crcs: bool) -> Result<OwnedExports, SymversError> {
    // A module exports many symbols, and its name is made out of its path.
    let mut owners: Vec<String> = Vec::new();
    let mut known: FxHashMap<&str, usize> = FxHashMap::default();
    let mut entries = Vec::new();
    for entry in lines(text) {
        let entry = entry?;
        let owner = match known.entry(entry.module) {
            Entry::Occupied(number) => *number.get(),
            Entry::Vacant(new) => {
                owners.push(owner(entry.module));
                *new.insert(owners.len() - 1)
            }
        };
        entries.push((entry, owner));
    }
    Ok(OwnedExports::build(entries.iter().map(|(entry, number)| OwnedExport {
        name: entry.name,
        owner: owners.get(*number).map(String::as_str).filter(|_| entry.module != "vmlinux"),
        gpl_only: entry.kind == ExportKind::Gpl,
        namespace: entry.namespace,
        crc: with_crcs.then_some(entry.crc),
    })))
}

/// `drivers/usb/storage/usb-storage` → `usb_storage`: the kernel's build writes `-` as `_`
/// (`scripts/Makefile.lib`: `name-fix`).
fn owner(module: &str) -> String {
    module.rsplit('/').next().unwrap_or(module).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_named_as_the_kernel_does() {
        let text = b"0x00000001\ta\tvmlinux\tEXPORT_SYMBOL\t\n\
                     0x00000002\tb\tdrivers/usb/usb-storage\tEXPORT_SYMBOL_GPL\tUSB\n";
        let all = exports(text, true).unwrap();
        let (a, b) = (all.lookup("a").unwrap(), all.lookup("b").unwrap());
        assert_eq!((a.owner, a.crc, a.gpl_only), (None, Some(1), false));
        assert_eq!((b.owner, b.namespace, b.gpl_only), (Some("usb_storage"), Some("USB"), true));
        assert_eq!(exports(text, false).unwrap().lookup("a").unwrap().crc, None);
        assert!(exports(b"nonsense", true).is_err());
    }
}
