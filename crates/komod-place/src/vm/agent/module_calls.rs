//! Modules in and out of the kernel, by its system calls.

use super::proc_files;
use super::requests::{Kernel, failed};
use komod_object::Module;
use komod_process::protocol::{Reply, Stage};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::system::{delete_module, finit_module, init_module};
use rustix::time::{ClockId, clock_gettime};
use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write;

/// `MODULE_INIT_IGNORE_MODVERSIONS` and `MODULE_INIT_IGNORE_VERMAGIC` (`include/uapi/linux/module.h`
/// of Linux 6.1).
const IGNORE_MODVERSIONS: i32 = 1;
const IGNORE_VERMAGIC: i32 = 2;
/// `O_NONBLOCK`: `rmmod` never waits for a module's users to go. `O_TRUNC` forces.
const NO_WAIT: i32 = 0o4000;
const FORCE: i32 = 0o1000;

impl Kernel {
    pub(super) fn load(
        &self,
        elf: &[u8],
        params: &str,
        force_vermagic: bool,
        force_modversions: bool,
    ) -> Reply {
        let Ok(params) = CString::new(params) else { return failed(Errno::INVAL, Stage::Load) };
        let flags = IGNORE_VERMAGIC * i32::from(force_vermagic)
            + IGNORE_MODVERSIONS * i32::from(force_modversions);
        self.loading(true);
        // What was formed before is not ours.
        self.trace.formed();
        let started = now_us();
        let result = match flags {
            0 => init_module(elf, &params),
            flags => from_file(elf, &params, flags),
        };
        let ended = now_us();
        let formed = self.trace.formed().pop();
        self.loading(false);
        let said = Module::parse(elf).map(|m| m.name().to_string_lossy().into_owned());
        match (result, formed) {
            (Ok(()), formed) => {
                let init = formed.as_ref().map_or(ended, |f| f.us.clamp(started, ended));
                let name = formed.map(|f| f.name).or(said.ok()).unwrap_or_default();
                Reply::Loaded {
                    name,
                    load_us: init.saturating_sub(started),
                    init_us: ended.saturating_sub(init),
                }
            }
            (Err(errno), Some(_)) => failed(errno, Stage::Init),
            (Err(errno), None) if self.trace.works() => failed(errno, Stage::Load),
            (Err(errno), None) => failed(errno, likely_stage(errno)),
        }
    }

    pub(super) fn unload(&self, name: &str, force: bool) -> Reply {
        let Ok(name) = CString::new(name) else { return failed(Errno::INVAL, Stage::Exit) };
        match delete_module(&name, NO_WAIT | if force { FORCE } else { 0 }) {
            Ok(()) => Reply::Done { result: 0 },
            Err(errno) => failed(errno, Stage::Exit),
        }
    }

    pub(super) fn modules(&self) -> Reply {
        match fs::read_to_string("/proc/modules") {
            Ok(text) => Reply::Modules(text.lines().filter_map(proc_files::module).collect()),
            Err(e) => super::requests::failed_io(&e),
        }
    }
}

/// The call that takes flags takes only a file.
fn from_file(elf: &[u8], params: &CString, flags: i32) -> rustix::io::Result<()> {
    let mut file = File::from(memfd_create("module.ko", MemfdFlags::CLOEXEC)?);
    file.write_all(elf).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    finit_module(&file, params, flags)
}

/// Without a trace: these come from loaders (init_module(2)), others rather from an init.
pub fn likely_stage(errno: Errno) -> Stage {
    match errno {
        Errno::NOEXEC
        | Errno::NOENT
        | Errno::EXIST
        | Errno::BADMSG
        | Errno::KEYREJECTED
        | Errno::NOKEY
        | Errno::PERM
        | Errno::INVAL
        | Errno::RANGE => Stage::Load,
        _ => Stage::Init,
    }
}

fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1000).unwrap_or_default()
}
