//! The way back: from a line of a kernel's log to the reason of a refusal.
//!
//! For a module that a running kernel has refused there is only its log. The lines are those that
//! this crate foretells (`kernel/module/main.c`, `kernel/module/version.c`,
//! `kernel/module/signing.c`, `kernel/params.c`, `security/lockdown/lockdown.c`,
//! `arch/x86/kernel/module.c`; Linux 6.1 and 6.12).

use crate::{Errno, RefusalCode, RefusalCode as Code};

/// A line that says why a module was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'l> {
    /// The line.
    pub line: &'l str,
    /// What kind of refusal that is.
    pub code: Option<RefusalCode>,
}

/// What stands in a line, and what it means. Lines that others follow as a consequence (`Unknown
/// symbol`) are below those.
const LINES: &[(&str, Code)] = &[
    (": version magic '", Code::VersionMagic),
    (": disagrees about version of symbol module_layout", Code::ModuleLayoutCrc),
    (": no symbol version for module_layout", Code::NoModuleLayoutVersion),
    (": disagrees about version of symbol ", Code::SymbolCrc),
    (": no symbol version for ", Code::NoSymbolVersion),
    ("but does not import it.", Code::Namespace),
    ("module using GPL-only symbols uses symbols ", Code::ProprietaryOwner),
    ("inherits a proprietary taint", Code::ProprietaryOwner),
    (": gave up waiting for init of module ", Code::OwnerBusy),
    (": Unknown symbol ", Code::UnknownSymbol),
    (".gnu.linkonce.this_module section size must match", Code::ThisModuleSize),
    (".gnu.linkonce.this_module", Code::NoThisModule),
    (": No module found in object", Code::NoThisModule),
    (": module has no symbols (stripped?)", Code::NoSymbols),
    ("Invalid ELF header type", Code::NotAModule),
    ("Invalid ELF header magic", Code::NotAModule),
    ("Invalid ELF header len", Code::NotAModule),
    ("Invalid architecture in ELF header", Code::NotAModule),
    ("Invalid ELF ", Code::CorruptElf),
    ("ELF Spec violation", Code::CorruptElf),
    ("Only one .modinfo section must exist", Code::CorruptElf),
    ("compressed module", Code::Compressed),
    ("Loading of unsigned module is rejected", Code::SignatureRequired),
    ("Loading of module with unavailable key is rejected", Code::SignatureRequired),
    ("Loading of module with unsupported crypto is rejected", Code::SignatureRequired),
    ("unsigned module loading is restricted", Code::Lockdown),
    ("module: not signed with expected PKCS#7 message", Code::MalformedSignature),
    ("PKCS#7 signature info has unexpected non-zero params", Code::MalformedSignature),
    ("PKCS#7 signature not signed with a trusted key", Code::SignatureRequired),
    ("PKCS7: Message signed outside of X.509 validity window", Code::BadSignature),
    (": module is already loaded", Code::AlreadyLoaded),
    ("sysfs: cannot create duplicate filename '/module/", Code::NameTaken),
    (" is blacklisted", Code::Blacklisted),
    ("livepatch", Code::Livepatch),
    ("has invalid WRITE|EXEC flags", Code::WriteExec),
    ("bytes percpu data", Code::PerCpu),
    (": please compile with -fno-common", Code::CommonSymbol),
    (": exports duplicate symbol ", Code::DuplicateExport),
    (": Unknown rela relocation: ", Code::UnknownRelocation),
    ("overflow in relocation type ", Code::RelocationOverflow),
    ("nvalid relocation target, existing value is nonzero", Code::RelocationTarget),
    (": has both .ctors and .init_array.", Code::Constructors),
    ("' invalid for parameter `", Code::BadParameter),
    ("' too large for parameter `", Code::BadParameter),
    (": string parameter too long", Code::BadParameter),
    (": string doesn't fit in ", Code::BadParameter),
    (": can only take ", Code::BadParameter),
];

/// What decides among several lines: consequences count less than causes.
fn weight(code: RefusalCode) -> u8 {
    match code {
        Code::UnknownSymbol => 0,
        _ => 1,
    }
}

/// The line that decided: the last of those that are the cause of others.
pub fn reason<'l>(lines: impl IntoIterator<Item = &'l str>) -> Option<Reason<'l>> {
    let mut best: Option<(u8, Reason<'l>)> = None;
    for line in lines {
        let Some((_, code)) = LINES.iter().find(|(part, _)| line.contains(part)) else { continue };
        let weight = weight(*code);
        if best.is_none_or(|(heaviest, _)| weight >= heaviest) {
            best = Some((weight, Reason { line, code: Some(*code) }));
        }
    }
    best.map(|(_, reason)| reason)
}

/// What an error number means when the log says nothing, where it is clear.
pub fn by_errno(errno: i32) -> Option<RefusalCode> {
    Some(match Errno(errno) {
        Errno::EPERM => Code::NotPermitted,
        Errno::EEXIST => Code::AlreadyLoaded,
        Errno::EBADMSG => Code::MalformedSignature,
        Errno::EKEYREJECTED => Code::BadSignature,
        Errno::ENOKEY => Code::SignatureRequired,
        Errno::EBUSY => Code::OwnerBusy,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(lines: &[&str]) -> Option<&'static str> {
        Some(reason(lines.iter().copied())?.code?.as_str())
    }

    #[test]
    fn causes_come_before_consequences() {
        let unknown = "m: Unknown symbol usb_register (err -22)";
        assert_eq!(
            code(&["m: disagrees about version of symbol usb_register", unknown]),
            Some("L-08")
        );
        let namespace = "m: module uses symbol (x) from namespace NS, but does not import it.";
        assert_eq!(code(&[namespace, unknown]), Some("L-12"));
        assert_eq!(code(&["m: Unknown symbol a (err -2)", unknown]), Some("L-10"));
        let last = reason(["m: Unknown symbol a (err -2)", unknown]).unwrap();
        assert_eq!(last.line, unknown);
        assert_eq!(code(&["m: disagrees about version of symbol module_layout"]), Some("L-05"));
    }

    #[test]
    fn what_is_no_reason() {
        assert_eq!(code(&[]), None);
        assert_eq!(code(&["m: loading out-of-tree module taints kernel.", "usb 1-1: new"]), None);
        assert_eq!(
            code(&[
                "m: loading out-of-tree module taints kernel.",
                "m: `x' invalid for parameter `n'"
            ]),
            Some("L-40")
        );
    }

    #[test]
    fn each_line_means_one_thing() {
        for (at, (part, code)) in LINES.iter().enumerate() {
            let first = LINES.iter().position(|(other, _)| part.contains(other)).unwrap();
            assert!(first == at || LINES[first].1 == *code, "{part} is never reached");
        }
    }

    #[test]
    fn error_numbers() {
        assert_eq!(by_errno(17), Some(RefusalCode::AlreadyLoaded));
        assert_eq!(by_errno(22), None);
    }
}
