//! L-46: a security policy refuses the module
//!
//! # What
//! The load fails with EACCES or EPERM before the loader looks into the file. The log or the audit
//! log names the policy: IMA, LoadPin, IPE, SELinux or another security module.
//!
//! # Why
//! Security modules are asked about each module file. Their policies belong to the machine, not to
//! the kernel's files: `komod check` cannot foretell what they say. With `--here` it tells which of
//! them are at work. To IMA with `ima_policy=secure_boot` the signature in the module does not
//! count, it wants one of its own.
//!
//! # Example
//! ```text
//! # insmod hello.ko
//! insmod: ERROR: could not insert module hello.ko: Permission denied
//! # dmesg | tail -1
//! audit: type=1800 audit(1795611091.010:2): pid=1 uid=0 auid=4294967295 ses=4294967295
//!   subj=unconfined op=appraise_data cause=IMA-signature-required comm="insmod" name="hello.ko"
//! ```
//!
//! # Way out
//! Find the line in `dmesg` or `ausearch -m avc`. IMA wants a signature on the file (evmctl
//! ima_sign), LoadPin a file on the pinned file system, SELinux the permission `module_load` for
//! the file's type.
