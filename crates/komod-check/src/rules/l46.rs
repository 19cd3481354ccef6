//! L-46: a security policy refuses the module
//!
//! # What
//! The load fails with EPERM or EACCES. The log or the audit log names the policy: IMA, LoadPin,
//! SELinux or another security module.
//!
//! # Why
//! Security modules are asked about each module file, before the loader looks into it. Their
//! policies belong to the machine, not to the kernel's files: `komod check` cannot foretell them.
//!
//! # Example
//! ```text
//! # cat /sys/kernel/security/lsm
//! lockdown,capability,landlock,yama,apparmor
//! ```
//!
//! # Way out
//! Find the line in `dmesg` or `ausearch -m avc`. IMA wants a signature on the file, LoadPin a file
//! on the pinned file system, SELinux the permission `module_load` for the file's type.
