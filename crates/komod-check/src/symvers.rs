//! The exports of a kernel and of its modules, from `Module.symvers`.

use komod_kernel::exports::{OwnedExport, OwnedExports};
use komod_object::symvers::{Entry, ExportKind, SymversError, lines};

/// All exports by name.
pub(crate) fn exports(text: &[u8], with_crcs: bool) -> Result<OwnedExports, SymversError> {
    let entries = lines(text).collect::<Result<Vec<Entry<'_>>, _>>()?;
    let owners: Vec<Option<String>> = entries.iter().map(|entry| owner(entry.module)).collect();
    Ok(OwnedExports::build(entries.iter().zip(&owners).map(|(entry, owner)| OwnedExport {
        name: entry.name,
        owner: owner.as_deref(),
        gpl_only: entry.kind == ExportKind::Gpl,
        namespace: entry.namespace,
        crc: with_crcs.then_some(entry.crc),
    })))
}

/// `drivers/usb/storage/usb-storage` → `usb_storage`: the kernel's build writes `-` as `_`
/// (`scripts/Makefile.lib`: `name-fix`).
fn owner(module: &str) -> Option<String> {
    let name = || module.rsplit('/').next().unwrap_or(module).replace('-', "_");
    (module != "vmlinux").then(name)
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
