//! The C library's functions that neither `std` nor a safe library calls by their symbols.
//!
//! What is interposed (fakechroot, a test's `LD_PRELOAD`, a sandbox) sees a program by the symbols
//! it calls. `std` calls the C library by them, rustix makes system calls itself; its `use-libc`
//! would change every crate, also the in-process kernel, which must not touch the C library's
//! thread data. glibc has no `finit_module`; Debian's kmod reaches it by `syscall`, so does this.
#![allow(unsafe_code, reason = "calls of the C library; this file is the fence around them")]

use super::{LoadFlags, LocalTime, LogControl, Removal};
use std::ffi::{CStr, CString, c_char, c_int, c_ulong, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

// Not in the crate libc for every C library. Prototypes of init_module(2) and delete_module(2); the symbols are
// GLIBC_2.2.5's, and musl's.
unsafe extern "C" {
    fn init_module(image: *const c_void, len: c_ulong, parameters: *const c_char) -> c_int;
    fn delete_module(name: *const c_char, flags: c_int) -> c_int;
    // klogctl(3), also GLIBC_2.2.5's and musl's.
    fn klogctl(action: c_int, buffer: *mut c_char, len: c_int) -> c_int;
}

fn done(result: i64) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

pub(super) fn finit(file: BorrowedFd<'_>, parameters: &CStr, flags: LoadFlags) -> io::Result<()> {
    // SAFETY: the file is open and the text ends with NUL for the whole call, which changes
    // neither; the arguments are those of finit_module(2).
    let result = unsafe {
        libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), parameters.as_ptr(), flags.bits())
    };
    done(result)
}

pub(super) fn init(image: &[u8], parameters: &CStr) -> io::Result<()> {
    // SAFETY: pointer and length are those of a slice, the text ends with NUL; the kernel reads
    // both and keeps neither.
    let result =
        unsafe { init_module(image.as_ptr().cast(), image.len() as c_ulong, parameters.as_ptr()) };
    done(result.into())
}

pub(super) fn delete(name: &CStr, how: Removal) -> io::Result<()> {
    let flags = match how {
        Removal::Gentle => libc::O_NONBLOCK,
        Removal::Forced => libc::O_NONBLOCK | libc::O_TRUNC,
    };
    // SAFETY: the text ends with NUL and is only read.
    done(unsafe { delete_module(name.as_ptr(), flags) }.into())
}

/// `uname -r`.
pub(super) fn release() -> io::Result<String> {
    let mut names = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the argument points to memory of the right type.
    done(unsafe { libc::uname(names.as_mut_ptr()) }.into())?;
    // SAFETY: it was all zero before the call, which is a value of this type (arrays of
    // characters).
    let names = unsafe { names.assume_init() };
    let bytes = names.release.iter().map(|c| c.to_ne_bytes()[0]).take_while(|byte| *byte != 0);
    Ok(String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned())
}

/// The actions of `syslog(2)` (`include/linux/syslog.h`, Linux 6.12).
mod action {
    pub const READ_ALL: i32 = 3;
    pub const CLEAR: i32 = 5;
    pub const CONSOLE_OFF: i32 = 6;
    pub const CONSOLE_ON: i32 = 7;
    pub const CONSOLE_LEVEL: i32 = 8;
    pub const SIZE_BUFFER: i32 = 10;
}

/// A buffer for the log is not made larger (`LOG_BUF_LEN_MAX`, `kernel/printk/printk.c`, is 2 GB).
const MAX_LOG: u32 = 64 << 20;

fn klogctl_plain(action: i32, value: i32) -> io::Result<i32> {
    // SAFETY: these actions take no buffer.
    let result = unsafe { klogctl(action, std::ptr::null_mut(), value) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

pub(super) fn control_log(what: LogControl) -> io::Result<()> {
    let (action, value) = match what {
        LogControl::Clear => (action::CLEAR, 0),
        LogControl::ConsoleOff => (action::CONSOLE_OFF, 0),
        LogControl::ConsoleOn => (action::CONSOLE_ON, 0),
        LogControl::ConsoleLevel(level) => (action::CONSOLE_LEVEL, level.into()),
    };
    klogctl_plain(action, value).map(drop)
}

pub(super) fn read_log(size: Option<u32>) -> io::Result<Vec<u8>> {
    let size = match size {
        Some(size) => size,
        None => u32::try_from(klogctl_plain(action::SIZE_BUFFER, 0)?).unwrap_or(MAX_LOG),
    };
    let mut buffer = vec![0_u8; size.min(MAX_LOG) as usize];
    // SAFETY: the kernel writes at most as many bytes as the buffer has.
    let read =
        unsafe { klogctl(action::READ_ALL, buffer.as_mut_ptr().cast(), buffer.len() as c_int) };
    buffer.truncate(usize::try_from(read).map_err(|_| io::Error::last_os_error())?);
    Ok(buffer)
}

/// localtime_r(3).
pub(super) fn local_time(seconds: i64) -> Option<LocalTime> {
    let mut tm = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both arguments point to memory of the right types.
    let done = unsafe { libc::localtime_r(&raw const seconds, tm.as_mut_ptr()) };
    if done.is_null() {
        return None;
    }
    // SAFETY: it was all zero before the call, which is a value of this type; the pointer in it is
    // not followed.
    let tm = unsafe { tm.assume_init() };
    Some(LocalTime {
        year: i64::from(tm.tm_year) + 1900,
        month: tm.tm_mon,
        day: tm.tm_mday,
        hour: tm.tm_hour,
        minute: tm.tm_min,
        second: tm.tm_sec,
        weekday: tm.tm_wday,
        yearday: tm.tm_yday,
        offset: tm.tm_gmtoff,
    })
}

/// mktime(3).
pub(super) fn seconds(time: &LocalTime) -> Option<i64> {
    // SAFETY: all zero is a value of this type.
    let mut tm = unsafe { MaybeUninit::<libc::tm>::zeroed().assume_init() };
    tm.tm_year = c_int::try_from(time.year.checked_sub(1900)?).ok()?;
    tm.tm_mon = time.month;
    tm.tm_mday = time.day;
    tm.tm_hour = time.hour;
    tm.tm_min = time.minute;
    tm.tm_sec = time.second;
    tm.tm_isdst = -1;
    // SAFETY: the argument points to a value of the right type.
    let seconds = unsafe { libc::mktime(&raw mut tm) };
    (seconds != -1).then_some(seconds)
}

/// The C library's text for an error number (strerror(3)).
pub fn strerror(errno: i32) -> String {
    // `std` asks strerror_r, and says the number behind its text.
    let text = io::Error::from_raw_os_error(errno).to_string();
    text.strip_suffix(&format!(" (os error {errno})")).unwrap_or(&text).to_owned()
}

/// The system's log: `syslog(3)` for the facility `daemon`.
#[derive(Debug)]
pub struct SystemLog(());

impl SystemLog {
    /// Opens it for a program's messages. The name is kept for the rest of the process, as the C
    /// library goes on using it.
    pub fn open(program: &str) -> Self {
        let name = CString::new(program.replace('\0', "")).unwrap_or_default();
        let name: &'static CStr = Box::leak(name.into_boxed_c_str());
        // SAFETY: the name ends with NUL and is never freed.
        unsafe { libc::openlog(name.as_ptr(), libc::LOG_CONS, libc::LOG_DAEMON) };
        SystemLog(())
    }

    /// Writes a message with a priority of syslog(3), 0 to 7.
    pub fn write(&self, priority: i32, text: &str) {
        let text = CString::new(text.replace('\0', "")).unwrap_or_default();
        // SAFETY: the format takes one string, and gets one that ends with NUL.
        unsafe { libc::syslog(priority & 7, c"%s".as_ptr(), text.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    /// What every kernel refuses, whoever asks.
    #[test]
    fn the_kernel_answers() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let errno = |result: io::Result<()>| result.unwrap_err().raw_os_error().unwrap();
        // Without the right EPERM; with it what is wrong; ENOSYS in a kernel without modules.
        let any = [libc::EPERM, libc::ENOEXEC, libc::EINVAL, libc::ENOENT, libc::ENOSYS];
        assert!(any.contains(&errno(finit(file.as_fd(), c"", LoadFlags::default()))));
        assert!(any.contains(&errno(init(b"no module", c""))));
        assert!(any.contains(&errno(delete(c"no such module", Removal::Gentle))));
    }

    #[test]
    fn release_and_errors() {
        let told = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(release().unwrap(), told.trim());
        assert_eq!(strerror(libc::ENOEXEC), "Exec format error");
        assert_eq!(strerror(4000), "Unknown error 4000");
    }
}
