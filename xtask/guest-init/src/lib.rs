//! The lines that the oracle's guest and its host exchange.
//!
//! The host puts a job list into the guest's initramfs ([`JOBS_PATH`]): each [`Job`] is a key and
//! the [`Step`]s to take. The guest answers with one [`Report`] per line on QEMU's debug console
//! (port 0xe9), which no Linux driver touches, so the modules under test cannot disturb it.
//! Both directions are text, one item per line, fields separated by tabs.

#![forbid(unsafe_code)]

mod job;
mod report;

pub use job::{Job, NOT_WAITED, Step, Who, parse_jobs, render_jobs};
pub use report::Report;

/// Where the guest finds its jobs.
pub const JOBS_PATH: &str = "/jobs";
/// Rises when a guest does its jobs in another way, so that older results no longer count.
pub const VERSION: u32 = 2;
/// The I/O port of QEMU's `isa-debugcon` device.
pub const DEBUG_PORT: u64 = 0xe9;

/// The name a module file has inside the kernel: base name without `.ko…`, dashes as underscores
/// (kernel `scripts/Makefile.lib`, `KBUILD_MODNAME`).
pub fn module_name(path: &str) -> String {
    let base = path.rsplit('/').next().unwrap_or(path);
    let stem = base.split_once(".ko").map_or(base, |(stem, _)| stem);
    stem.replace('-', "_")
}

#[cfg(test)]
mod tests {
    #[test]
    fn module_names() {
        assert_eq!(super::module_name("kernel/fs/nls/nls_cp437.ko.xz"), "nls_cp437");
        assert_eq!(super::module_name("/m/aegis128-aesni.ko"), "aegis128_aesni");
        assert_eq!(super::module_name("plain"), "plain");
    }
}
