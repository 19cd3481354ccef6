//! L-03: the version magic differs
//!
//! # What
//! The module's `vermagic` is not that of this kernel. The kernel logs both: `version magic
//! '…' should be '…'`, and answers ENOEXEC.
//!
//! # Why
//! The module was built for another release, or with another configuration of SMP,
//! preemption, module unloading or symbol versions. Such kernels have other structures.
//!
//! # Example
//! ```text
//! hello: version magic '6.1.0-56-amd64 SMP preempt mod_unload modversions ' should be
//!   '6.12.117+deb12-amd64 SMP preempt mod_unload modversions '
//! ```
//!
//! # Way out
//! Build the module with `komod build --kernel RELEASE` for the kernel it shall run in, or
//! run it in the kernel it was built for (`komod info` shows which).

use komod_load::RefusalCode;

use crate::case::Case;

pub(crate) fn hints(_code: RefusalCode, case: &Case<'_>) -> Vec<String> {
    let mut hints = case.rebuild();
    let evidence = case.findings.first().map(|finding| &finding.evidence);
    if let Some((found, wanted)) = evidence.and_then(|e| e.found.as_deref().zip(e.expected.as_deref()))
    {
        let flags = |magic: &str| magic.split_whitespace().skip(1).map(str::to_owned).collect();
        let (found, wanted): (Vec<String>, Vec<String>) = (flags(found), flags(wanted));
        let only = |these: &[String], those: &[String]| {
            these.iter().filter(|flag| !those.contains(flag)).cloned().collect::<Vec<_>>().join(" ")
        };
        let (extra, lacking) = (only(&found, &wanted), only(&wanted, &found));
        if !extra.is_empty() {
            hints.push(format!("the kernel is configured without what stands for: {extra}"));
        }
        if !lacking.is_empty() {
            hints.push(format!("the module is configured without what stands for: {lacking}"));
        }
    }
    hints
}
