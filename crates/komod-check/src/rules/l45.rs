//! L-45: the module's type information does not fit the kernel's
//!
//! # What
//! The module's BTF is left out: programs of BPF cannot use its types. Where
//! CONFIG_MODULE_ALLOW_BTF_MISMATCH is off, the load fails, after `failed to validate module
//! [hello] BTF: -22`.
//!
//! # Why
//! A module's .BTF section refers to the types of the vmlinux that it was built against, by
//! number. Another build of the kernel may number its types otherwise. `komod check` does not
//! compare them.
//!
//! # Example
//! ```text
//! failed to validate module [hello] BTF: -22
//! ```
//!
//! # Way out
//! Build the module against the build tree of exactly this kernel, or without BTF
//! (`objcopy --remove-section .BTF hello.ko`; a signature is then void).
