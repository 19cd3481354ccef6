//! A running kernel: the one seam between komod and the machine it is on.
//!
//! [`Host`] is what a kernel is asked and told: system calls for modules, files below `/proc` and
//! `/sys`, its release and its log. [`RealHost`] is this machine, reached through the C library's
//! symbols; [`FakeHost`] is one for tests, without root. What is made of it is the same for both:
//! [`loaded`] reads which modules there are, [`insert`] gives the kernel a module's file.

mod fake;
pub mod insert;
mod kernel_log;
mod kernel_ring;
mod libc_calls;
pub mod loaded;
mod local_time;
mod real;

pub use fake::{FakeHost, FakeModule};
pub use insert::{Force, InsertError};
pub use kernel_log::KernelLog;
pub use kernel_ring::{KernelRecord, KernelRecords, LogControl, LogStart};
pub use libc_calls::{SystemLog, strerror};
pub use loaded::{Loaded, ModuleState};
pub use local_time::LocalTime;
pub use real::RealHost;

use komod_object::compress::Format;
use std::ffi::{CStr, OsStr, OsString};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

/// How `finit_module(2)` is to treat the file (`include/uapi/linux/module.h`, Linux 6.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadFlags {
    /// `MODULE_INIT_IGNORE_MODVERSIONS`
    pub ignore_modversions: bool,
    /// `MODULE_INIT_IGNORE_VERMAGIC`
    pub ignore_vermagic: bool,
    /// `MODULE_INIT_COMPRESSED_FILE`
    pub compressed: bool,
}

impl LoadFlags {
    /// As the system call takes them.
    pub fn bits(self) -> i32 {
        i32::from(self.ignore_modversions)
            | i32::from(self.ignore_vermagic) << 1
            | i32::from(self.compressed) << 2
    }
}

/// How `delete_module(2)` is to treat a module that is in use. It never waits: kernels since 3.13
/// cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// `O_NONBLOCK`: refused when in use.
    Gentle,
    /// `O_NONBLOCK | O_TRUNC`: out with it, if the kernel has `MODULE_FORCE_UNLOAD`.
    Forced,
}

/// What a running kernel is asked and told.
///
/// Errors carry the kernel's error number ([`io::Error::raw_os_error`]).
pub trait Host {
    /// `finit_module(2)`.
    fn finit_module(
        &self,
        file: BorrowedFd<'_>,
        parameters: &CStr,
        flags: LoadFlags,
    ) -> io::Result<()>;

    /// `init_module(2)`.
    fn init_module(&self, image: &[u8], parameters: &CStr) -> io::Result<()>;

    /// `delete_module(2)`.
    fn delete_module(&self, name: &CStr, how: Removal) -> io::Result<()>;

    /// The contents of a file below `/proc` or `/sys`.
    fn read(&self, file: &Path) -> io::Result<Vec<u8>>;

    /// The names in a directory below `/proc` or `/sys`, in the kernel's order.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// The kernel's release, as `uname -r` says it.
    fn release(&self) -> io::Result<String>;

    /// The kernel's log, from now on.
    fn kernel_log(&self) -> io::Result<Box<dyn KernelLog>>;

    /// The whole log, record by record. With `wait`, reading waits for what comes.
    fn kernel_records(&self, start: LogStart, wait: bool) -> io::Result<Box<dyn KernelRecords>>;

    /// The whole log as `syslog(2)` gives it, into `size` bytes, or as
    /// many as the kernel's buffer has.
    fn read_log(&self, size: Option<u32>) -> io::Result<Vec<u8>>;

    /// `syslog(2)`.
    fn control_log(&self, what: LogControl) -> io::Result<()>;

    /// The kernel's command line, without the line's end.
    fn command_line(&self) -> io::Result<Vec<u8>> {
        let mut line = self.read(Path::new("/proc/cmdline"))?;
        line.truncate(line.trim_ascii_end().len());
        Ok(line)
    }

    /// The compression of modules that the kernel undoes itself, if it does
    /// (`Documentation/ABI/testing/sysfs-module`, Linux 6.12).
    fn compression(&self) -> Option<Format> {
        match self.read(Path::new("/sys/module/compression")).ok()?.trim_ascii() {
            b"gzip" => Some(Format::Gzip),
            b"xz" => Some(Format::Xz),
            b"zstd" => Some(Format::Zstd),
            _ => None,
        }
    }
}

/// `/sys/module/NAME/FILE`. A name with a slash stays one component: there is no such module.
fn sys_module(name: &OsStr, file: &str) -> PathBuf {
    let name = name.to_string_lossy().replace('/', "!");
    let mut path = PathBuf::from("/sys/module");
    path.push(name);
    if !file.is_empty() {
        path.push(file);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_the_kernels_bits() {
        let all = LoadFlags { ignore_modversions: true, ignore_vermagic: true, compressed: true };
        assert_eq!((all.bits(), LoadFlags::default().bits()), (7, 0));
        assert_eq!(LoadFlags { compressed: true, ..LoadFlags::default() }.bits(), 4);
    }

    #[test]
    fn names_do_not_lead_elsewhere() {
        assert_eq!(sys_module(OsStr::new("a"), "refcnt"), Path::new("/sys/module/a/refcnt"));
        assert_eq!(sys_module(OsStr::new("../x"), ""), Path::new("/sys/module/..!x"));
    }

    #[test]
    fn command_line_and_compression() {
        let mut host = FakeHost::default();
        assert_eq!(host.compression(), None);
        host.files.insert("/sys/module/compression".into(), b"xz\n".to_vec());
        host.files.insert("/proc/cmdline".into(), b"quiet a.b=c\n".to_vec());
        assert_eq!(host.compression(), Some(Format::Xz));
        assert_eq!(host.command_line().unwrap(), b"quiet a.b=c");
    }
}
