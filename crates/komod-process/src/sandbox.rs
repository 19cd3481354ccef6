//! What the kernel process may still ask of the host: to talk over the sockets it has, to manage
//! its memory, and to end. No files, no network, no new programs.

//!
//! A call that is not permitted raises SIGSYS, which becomes an Oops of the code that made it.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::io;

type Error = Box<dyn std::error::Error>;
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// System calls of a kernel process that serves one connection, with any arguments.
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
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
];
/// What a zygote needs beside: connections, forks, and narrower sandboxes for these.
const ZYGOTE: &[i64] = &[
    libc::SYS_accept4,
    libc::SYS_clone,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_tgkill,
    libc::SYS_seccomp,
];
/// What may be asked of a descriptor; asking for signals (`F_SETOWN`) is not among it.
const FCNTL: &[i32] = &[libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL];

/// Memory our own bookkeeping may take beyond what is mapped when the sandbox closes.
const ROOM: u64 = 256 << 20;
/// The user without rights (`DEFAULT_OVERFLOWUID` of include/linux/highuid.h, 6.1).
const NOBODY: u32 = 65534;

/// Private writable memory of this process (`VmData`, proc(5)), in bytes.
fn mapped_bytes() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmData:"));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map(|k| k << 10).ok_or_else(|| io::Error::other("no VmData in /proc/self/status"))
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn prctl(option: i32, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: prctl with integer arguments.
    check(unsafe { libc::prctl(option, value, 0, 0, 0) }.into())
}

/// Gives up every privilege; from here on other system calls are refused. A kernel that is no
/// zygote ends with the thread that started it.
pub fn enter(zygote: bool) -> Result<(), Error> {
    let data = mapped_bytes()? + ROOM;
    drop_privileges()?;
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    if !zygote {
        prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)?;
    }
    let limit = |resource, value| {
        let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
        // SAFETY: a valid structure.
        check(unsafe { libc::setrlimit(resource, &limit) }.into())
    };
    limit(libc::RLIMIT_DATA, data)?;
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_FSIZE, 0)?;
    let mut rules = serve_rules()?;
    if zygote {
        rules.extend(ZYGOTE.iter().map(|call| (*call, Vec::new())));
        let no_new_privs = only(0, [libc::PR_SET_NO_NEW_PRIVS])?;
        rules.insert(libc::SYS_prctl, no_new_privs);
    }
    close_with(rules)
}

/// In a zygote's fork: it serves one connection, and does not fork or accept any more.
pub fn narrow() -> Result<(), Error> {
    close_with(serve_rules()?)
}

/// Root's power and every capability, where there are any.
fn drop_privileges() -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    /// `_LINUX_CAPABILITY_VERSION_3` of include/uapi/linux/capability.h: two sets of 96 bits.
    const VERSION: u32 = 0x2008_0522;
    // SAFETY: calls with integers; where the user namespace knows no other user they fail, and
    // what is left of root's power goes with the capabilities.
    unsafe {
        if libc::geteuid() == 0 {
            let _ = libc::setgroups(0, std::ptr::null());
            let _ = libc::setresgid(NOBODY, NOBODY, NOBODY);
            let _ = libc::setresuid(NOBODY, NOBODY, NOBODY);
        }
    }
    let header = Header { version: VERSION, pid: 0 };
    let none = [0u32; 6];
    // SAFETY: header and data are laid out as capset(2) says and outlive the call.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) })
}

/// Rules for a process that serves one connection: itself, for calls that name a process.
fn serve_rules() -> Result<Rules, Error> {
    let mut rules: Rules = SERVE.iter().map(|call| (*call, Vec::new())).collect();
    let own_pid = i32::try_from(std::process::id())?;
    rules.insert(libc::SYS_tgkill, only(0, [own_pid])?);
    rules.insert(libc::SYS_fcntl, only(1, FCNTL.iter().copied())?);
    let own_cpu_time = vec![equal(0, 0)?, equal(1, u64::from(libc::RLIMIT_CPU))?];
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(own_cpu_time)?]);
    Ok(rules)
}

/// One argument has one of these values.
fn only(argument: u8, values: impl IntoIterator<Item = i32>) -> Result<Vec<SeccompRule>, Error> {
    let rule = |value: i32| Ok(SeccompRule::new(vec![equal(argument, value as u64)?])?);
    values.into_iter().map(rule).collect()
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, Error> {
    let value = value & u64::from(u32::MAX);
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?)
}

fn close_with(rules: Rules) -> Result<(), Error> {
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Trap,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}
