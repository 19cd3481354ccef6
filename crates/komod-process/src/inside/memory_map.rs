//! Mapping the kernel's regions.

use super::region::*;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

fn map_at(address: u64, len: u64, prot: i32, fd: i32) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE
        | libc::MAP_NORESERVE
        | libc::MAP_FIXED_NOREPLACE
        | if fd < 0 { libc::MAP_ANONYMOUS } else { 0 };
    // SAFETY: MAP_FIXED_NOREPLACE never replaces a mapping, so no memory in use is touched.
    let got = unsafe { libc::mmap(address as *mut _, len as usize, prot, flags, fd, 0) };
    if got == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    if got as u64 != address {
        return Err(io::Error::other(format!("address {address:#x} is taken")));
    }
    Ok(())
}

/// Maps the image file and every other region. Fails if anything else lives there.
pub fn map_all(image: &std::fs::File, image_len: u64) -> io::Result<()> {
    let rwx = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    let rw = libc::PROT_READ | libc::PROT_WRITE;
    if image_len > IMAGE_MAX {
        return Err(io::Error::other(format!("kernel image of {image_len} bytes is too large")));
    }
    map_at(IMAGE, image_len.next_multiple_of(PAGE), rwx, image.as_raw_fd())?;
    map_at(MODULES, MODULES_LEN, rwx, -1)?;
    map_at(STUBS, STUBS_LEN, rwx, -1)?;
    map_at(PERCPU, PERCPU_LEN, rw, -1)?;
    map_at(ARENA, ARENA_LEN, rw, -1)?;
    map_at(STACKS, STACKS_LEN, rw, -1)?;
    map_at(VMEMMAP, VMEMMAP_LEN, rw, -1)
}

fn protect(address: u64, len: u64, prot: i32) {
    assert!(is_kernel_memory(address, len), "mprotect outside the kernel's memory");
    // SAFETY: only the kernel's own regions (checked) change protection.
    let r = unsafe { libc::mprotect(address as *mut _, len as usize, prot) };
    assert_eq!(r, 0, "mprotect {address:#x}: {}", io::Error::last_os_error());
}

/// Makes pages inaccessible.
pub fn guard(address: u64, len: u64) {
    protect(address, len, libc::PROT_NONE);
}

/// Sets the protection of kernel pages.
pub fn set_access(address: u64, len: u64, write: bool, exec: bool) {
    let mut prot = libc::PROT_READ;
    if write {
        prot |= libc::PROT_WRITE;
    }
    if exec {
        prot |= libc::PROT_EXEC;
    }
    protect(address, len, prot);
}

/// Gives the memory of anonymous pages back; they read as zeros afterwards.
pub fn forget(address: u64, len: u64) {
    assert!(is_kernel_memory(address, len) && !is_image_address(address));
    // SAFETY: anonymous memory of the kernel's own regions (checked).
    unsafe { libc::madvise(address as *mut _, len as usize, libc::MADV_DONTNEED) };
}

/// Whether programs may set GS themselves (`HWCAP2_FSGSBASE`, arch/x86/include/uapi/asm/hwcap2.h).
static GS_IS_OPEN: AtomicBool = AtomicBool::new(false);

/// Points GS at the per-CPU area.
pub fn set_gs(base: u64) -> io::Result<()> {
    const ARCH_SET_GS: i32 = 0x1001;
    const HWCAP2_FSGSBASE: libc::c_ulong = 1 << 1;
    // SAFETY: asks for a number.
    let hwcap2 = unsafe { libc::getauxval(libc::AT_HWCAP2) };
    GS_IS_OPEN.store(hwcap2 & HWCAP2_FSGSBASE != 0, Ordering::Relaxed);
    // SAFETY: user-space code of ours (Rust, libc) uses FS for its thread data, never GS.
    let r = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, base) };
    if r == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Points GS at the per-CPU area again if kernel code has moved it: nothing of the kernel runs
/// without, its reports of faults included.
pub fn hold_gs() {
    if !GS_IS_OPEN.load(Ordering::Relaxed) {
        return; // then nobody could move it
    }
    // SAFETY: the instruction exists here (checked), and GS is the kernel's (see `set_gs`).
    unsafe { std::arch::asm!("wrgsbase {}", in(reg) PERCPU, options(nomem, nostack)) };
}
