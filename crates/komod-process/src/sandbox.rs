//! What the kernel process may still ask of the host: to talk over the sockets it has, to manage
//! its memory, and to end. No files, no network, no new programs.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::collections::BTreeMap;
use std::io;

/// System calls of a kernel process that serves one connection.
const SERVE: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_setitimer,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
];
/// What a zygote needs beside: connections and forks.
const ZYGOTE: &[i64] =
    &[libc::SYS_accept4, libc::SYS_clone, libc::SYS_set_robust_list, libc::SYS_rseq];

/// Memory our own bookkeeping may take beyond what is mapped when the sandbox closes.
const ROOM: u64 = 256 << 20;

/// Private writable memory of this process (`VmData`, proc(5)), in bytes.
fn mapped_bytes() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmData:"));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map(|k| k << 10).ok_or_else(|| io::Error::other("no VmData in /proc/self/status"))
}

fn last_error() -> io::Error {
    io::Error::last_os_error()
}

/// Gives up every privilege; from here on other system calls end the process.
pub fn enter(zygote: bool) -> Result<(), Box<dyn std::error::Error>> {
    // SAFETY: prctl with integer arguments.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(last_error().into());
    }
    let limit = |resource, value| {
        let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
        // SAFETY: a valid structure.
        match unsafe { libc::setrlimit(resource, &limit) } {
            0 => Ok(()),
            _ => Err(last_error()),
        }
    };
    limit(libc::RLIMIT_DATA, mapped_bytes()? + ROOM)?;
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_FSIZE, 0)?;
    let mut rules = BTreeMap::new();
    for call in SERVE.iter().chain(if zygote { ZYGOTE } else { &[] }) {
        rules.insert(*call, Vec::new());
    }
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}
