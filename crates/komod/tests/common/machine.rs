//! What tests of virtual machines share.

use super::{Kernel, kernels, kernels_in_turn};
use std::time::{Duration, Instant};

/// Whether there is QEMU; says that the test is skipped where that is acceptable.
fn has_qemu() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|p| p.join("qemu-system-x86_64").exists());
    let required = std::env::var_os("KOMOD_REQUIRE_KERNELS").is_some();
    assert!(found || !required, "no qemu-system-x86_64: ci/setup installs it");
    if !found {
        eprintln!("SKIPPED: no qemu-system-x86_64");
    }
    found
}

/// The kernel to boot; none where there is no QEMU and that is acceptable.
pub fn kernel() -> Option<Kernel> {
    if !has_qemu() {
        return None;
    }
    kernels().into_iter().find(|k| k.release.starts_with("6.1."))
}

/// Another one for each test.
pub fn kernel_in_turn() -> Option<Kernel> {
    if !has_qemu() {
        return None;
    }
    kernels_in_turn().into_iter().next()
}

pub fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited for too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The state and the parent of a process (proc(5)).
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

pub fn runs(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

/// The QEMU that this process has started.
pub fn qemu_of(parent: u32) -> Option<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|pid| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.starts_with("qemu-system") && stat(*pid).is_some_and(|(_, of)| of == parent)
    })
}

/// What is left in the folder of a user's sockets, but for what other commands keep ready.
pub fn left(user: &super::User) -> Vec<String> {
    std::fs::read_dir(user.dir.join("komod"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "warm" && !name.starts_with("zygote-"))
        .collect()
}
