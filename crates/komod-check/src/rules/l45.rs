//! L-45: the module's type information does not fit the kernel's
//!
//! # What
//! The module's BTF is left out: programs of BPF cannot use its types. Where
//! CONFIG_MODULE_ALLOW_BTF_MISMATCH is off, the load fails with EINVAL.
//!
//! # Why
//! A module's .BTF section refers to the types of the vmlinux that it was built against, by number.
//! Another build of the kernel may number its types otherwise. The kernel notices only numbers that
//! are out of range or of the wrong kind; `komod check` compares names, and so tells of more.
//!
//! # Example
//! ```text
//! BPF: [100751] Invalid name_offset:2045111
//! failed to validate module [hello] BTF: -22
//! ```
//!
//! # Way out
//! Build the module against the build tree of exactly this kernel, or without BTF (`objcopy
//! --remove-section .BTF hello.ko`; a signature is then void).
