//! What the strings in `.modinfo` mean for a load: version magic, taints, live patches.
//!
//! Sources: `check_modinfo()`, `module_augment_kernel_taints()` and
//! `check_module_license_and_versions()` in `kernel/module/main.c`, `same_magic()` in
//! `kernel/module/version.c`, Linux 6.1.192 and 6.12.117.

use crate::session::{Session, Step};
use crate::{Errno, Evidence, RefusalCode, Taint};
use alloc::format;
use komod_object::modinfo::ModInfo;

/// Licences that give access to GPL-only symbols (`include/linux/license.h`).
pub const GPL_COMPATIBLE: [&str; 6] =
    ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

/// Modules that taint the kernel whatever they claim, and whether they are tainted themselves.
const KNOWN_OFFENDERS: [(&str, bool); 3] =
    [("ndiswrapper", false), ("driverloader", true), ("lve", true)];

/// The names a module goes by.
pub(crate) struct Names<'n> {
    /// From `.modinfo` if there, else from `struct module`.
    pub info: &'n str,
    /// From `struct module`.
    pub module: &'n str,
}

/// The version magic. `has_crcs` is true if the module has a `__versions` section in use.
pub(crate) fn vermagic(
    session: &mut Session<'_>,
    info: &ModInfo<'_>,
    names: &Names<'_>,
    has_crcs: bool,
) -> Step {
    let magic = match session.request.ignore_vermagic {
        true => None,
        false => info.get("vermagic"),
    };
    let Some(magic) = magic else {
        if !session.force_load(names.module, "bad vermagic") {
            let evidence = Evidence::symbol("vermagic").wants(session.facts.vermagic.as_str());
            session.refuse(RefusalCode::NoVersionMagic, Errno::ENOEXEC, evidence)?;
        }
        return Ok(());
    };
    let wanted = session.facts.vermagic.as_str();
    // With checksums for every symbol the release itself does not matter.
    let skip_release = has_crcs && session.facts.config.modversions;
    if !same_magic(magic.as_bytes(), wanted.as_bytes(), skip_release) {
        session.error(format!("{}: version magic '{magic}' should be '{wanted}'", names.info));
        let evidence =
            Evidence::symbol("vermagic").but(magic.to_string_lossy().into_owned()).wants(wanted);
        session.refuse(RefusalCode::VersionMagic, Errno::ENOEXEC, evidence)?;
    }
    Ok(())
}

fn same_magic(module: &[u8], kernel: &[u8], skip_release: bool) -> bool {
    let flags = |magic: &'_ [u8]| magic.iter().position(|&byte| byte == b' ');
    if !skip_release {
        return module == kernel;
    }
    let module = &module[flags(module).unwrap_or(module.len())..];
    let kernel = &kernel[flags(kernel).unwrap_or(kernel.len())..];
    module == kernel
}

/// A live patch needs a kernel that can be patched.
pub(crate) fn livepatch(
    session: &mut Session<'_>,
    info: &ModInfo<'_>,
    names: &Names<'_>,
) -> Step<bool> {
    if info.get("livepatch").is_none() {
        return Ok(false);
    }
    if !session.facts.config.livepatch {
        session.error(format!(
            "{}: module is marked as livepatch module, but livepatch support is disabled",
            names.module
        ));
        let evidence = Evidence::symbol("livepatch");
        session.refuse(RefusalCode::Livepatch, Errno::ENOEXEC, evidence)?;
    } else if !session.facts.version.has_module_memory() {
        livepatch_taint(session, names);
    }
    Ok(true)
}

fn livepatch_taint(session: &mut Session<'_>, names: &Names<'_>) {
    session.taint(Taint::LIVEPATCH);
    if !session.notices.livepatch {
        session.notices.livepatch = true;
        session.notice(format!("{}: tainting kernel with TAINT_LIVEPATCH", names.module));
    }
}

/// Out-of-tree, retpoline and staging; the first half of the taints.
pub(crate) fn origin_taints(session: &mut Session<'_>, info: &ModInfo<'_>, names: &Names<'_>) {
    let name = names.module;
    if info.get("intree").is_none() {
        if !session.kernel_taint.contains(Taint::OUT_OF_TREE) {
            session.warn(format!("{name}: loading out-of-tree module taints kernel."));
        }
        session.taint(Taint::OUT_OF_TREE);
    }
    if session.facts.config.retpoline && info.get("retpoline").is_none() {
        session.error("Spectre V2 : System may be vulnerable to spectre v2");
        session.warn(format!("{name}: loading module not compiled with retpoline compiler."));
    }
    if info.get("staging").is_some() {
        session.taint(Taint::STAGING);
        session.warn(format!(
            "{name}: module is from the staging directory, the quality is unknown, you have been \
             warned."
        ));
    }
}

/// Licence and test module; the second half of the taints.
pub(crate) fn licence_taints(session: &mut Session<'_>, info: &ModInfo<'_>, names: &Names<'_>) {
    let name = names.module;
    let license = info.get("license").unwrap_or("unspecified".into());
    if !GPL_COMPATIBLE.iter().any(|compatible| license == *compatible) {
        if !session.kernel_taint.contains(Taint::PROPRIETARY) {
            session.warn(format!("{name}: module license '{license}' taints kernel."));
        }
        session.distrust(Taint::PROPRIETARY);
    }
    if info.get("test").is_some() {
        if !session.kernel_taint.contains(Taint::TEST) {
            session.warn(format!("{name}: loading test module taints kernel."));
        }
        session.taint(Taint::TEST);
    }
}

/// All taints in the order of Linux 6.4 and later, after the name is known to be free.
pub(crate) fn all_taints(
    session: &mut Session<'_>,
    info: &ModInfo<'_>,
    names: &Names<'_>,
    livepatch: bool,
    sig_ok: bool,
) {
    let before = session.kernel_taint;
    origin_taints(session, info, names);
    if livepatch {
        livepatch_taint(session, names);
    }
    licence_taints(session, info, names);
    signature_taint(session, names, sig_ok);
    known_offenders(session, names, before);
}

/// The notice about a missing signature.
pub(crate) fn signature_taint(session: &mut Session<'_>, names: &Names<'_>, sig_ok: bool) {
    if !session.facts.config.sig || sig_ok {
        return;
    }
    if !session.notices.unsigned {
        session.notices.unsigned = true;
        session.notice(format!(
            "{}: module verification failed: signature and/or required key missing - tainting \
             kernel",
            names.module
        ));
    }
    session.taint(Taint::UNSIGNED);
}

/// Modules known by name; `before` is the kernel's taint this step is compared with.
pub(crate) fn known_offenders(session: &mut Session<'_>, names: &Names<'_>, before: Taint) {
    if let Some((_, itself)) = KNOWN_OFFENDERS.iter().find(|(name, _)| *name == names.module) {
        session.distrust_kernel(Taint::PROPRIETARY);
        if *itself {
            session.module_taint |= Taint::PROPRIETARY;
        }
    }
    let after = session.kernel_taint;
    if !before.contains(Taint::PROPRIETARY) && after.contains(Taint::PROPRIETARY) {
        session.warn(format!("{}: module license taints kernel.", names.module));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_is_skipped_only_with_checksums() {
        let debian = b"6.1.0-56-amd64 SMP preempt mod_unload modversions ".as_slice();
        let other = b"6.1.0-55-amd64 SMP preempt mod_unload modversions ".as_slice();
        let flags = b"6.1.0-56-amd64 SMP mod_unload modversions ".as_slice();
        assert!(same_magic(debian, other, true));
        assert!(!same_magic(debian, other, false));
        assert!(!same_magic(debian, flags, true));
        assert!(same_magic(b"nospace", b"other", true));
    }
}
