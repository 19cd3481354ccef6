//! Whether this host runs machines by KVM, found out by running one.
//!
//! `/dev/kvm` may be there, and even answer, without a machine ever getting anywhere (nested
//! virtualisation that is not quite there). So a guest of seven bytes is started and must end
//! QEMU; what came out is remembered until the next boot of the host. If a kernel then does not come
//! up by KVM, but by the translator, that is remembered instead.

use super::VmError;
use super::qemu::{self, Qemu};
use komod_kernel::identity::FileIdentity;
use komod_kernel::map::publish;
use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accelerator {
    Kvm,
    /// QEMU's own translator.
    Tcg,
}

impl Accelerator {
    pub fn arguments(self) -> [&'static str; 4] {
        match self {
            Accelerator::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Accelerator::Tcg => ["-accel", "tcg", "-cpu", "max"],
        }
    }
}

/// A guest that ends QEMU with [`ENDED`]: `mov al, 0x10; out 0xf4, al; hlt; jmp -3`, behind a
/// multiboot header (Multiboot specification 0.6.96, section 3.1) that loads it at 1 MiB.
const GUEST: [u32; 10] = [
    0x1bad_b002,
    0x0001_0000,
    0u32.wrapping_sub(0x1bad_b002 + 0x0001_0000),
    0x10_0000,
    0x10_0000,
    0x10_0028,
    0x10_0028,
    0x10_0020,
    0xf4e6_10b0,
    0x00fd_ebf4,
];
/// What `isa-debug-exit` makes of 0x10 (QEMU's `hw/misc/debugexit.c`): twice, plus one.
const ENDED: i32 = 0x21;
/// A guest by KVM needs some tens of milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where in the cache it is kept.
const FILE: &str = "kvm.json";

#[derive(Serialize, Deserialize, PartialEq)]
struct Known {
    boot: String,
    qemu: FileIdentity,
    works: bool,
}

/// Asks QEMU, or what is remembered of the last time.
pub fn choose(qemu: &Qemu, cache: &Path) -> Accelerator {
    if std::env::var_os("KOMOD_NO_KVM").is_some()
        || File::options().read(true).write(true).open("/dev/kvm").is_err()
    {
        return Accelerator::Tcg;
    }
    let known: Option<Known> =
        std::fs::read(cache.join(FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let works = match known {
        Some(known) if known.boot == boot_id() && known.qemu == qemu.identity => known.works,
        _ => {
            let works = try_kvm(qemu).unwrap_or(false);
            remember(qemu, cache, works);
            works
        }
    };
    if works { Accelerator::Kvm } else { Accelerator::Tcg }
}

/// Keeps, until the next boot of the host, whether KVM works.
pub fn remember(qemu: &Qemu, cache: &Path, works: bool) {
    let known = Known { boot: boot_id(), qemu: qemu.identity.clone(), works };
    if let Ok(text) = serde_json::to_vec(&known) {
        // It is asked again if this fails.
        let _ = publish(&cache.join(FILE), &text);
    }
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

fn try_kvm(qemu: &Qemu) -> Result<bool, VmError> {
    Ok(run(qemu, Accelerator::Kvm, PATIENCE)? == Some(ENDED))
}

/// QEMU's exit status; none if it was stopped.
fn run(qemu: &Qemu, by: Accelerator, patience: Duration) -> Result<Option<i32>, VmError> {
    let file = memfd_create("komod-kvm-guest", MemfdFlags::CLOEXEC)
        .map_err(|e| VmError::file("memfd")(e.into()))?;
    let bytes: Vec<u8> = GUEST.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut file = File::from(file);
    file.write_all(&bytes).map_err(VmError::file("memfd"))?;
    let mut command = Command::new(qemu.program());
    command
        .args(qemu::PLAIN)
        .args(by.arguments())
        .args(["-M", "pc", "-m", "16", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
        .args(["-kernel", &qemu::descriptor_path(file.as_raw_fd())])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    komod_process::bound_child::bind(&mut command, vec![file.into()]);
    let mut child = command.spawn().map_err(VmError::file(qemu.program()))?;
    let end = Instant::now() + patience;
    let status = loop {
        match child.try_wait().map_err(VmError::file(qemu.program()))? {
            Some(status) => break status.code(),
            None if Instant::now() > end => break None,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let _ = child.kill();
    let _ = child.wait();
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked of KVM is something that a machine can do.
    #[test]
    fn the_translator_runs_the_guest() {
        let Ok(qemu) = Qemu::find() else {
            let required = std::env::var_os("KOMOD_REQUIRE_KERNELS").is_some();
            assert!(!required, "QEMU is not here");
            eprintln!("SKIPPED: no QEMU");
            return;
        };
        let status = run(&qemu, Accelerator::Tcg, Duration::from_secs(60)).unwrap();
        assert_eq!(status, Some(ENDED));
    }
}
