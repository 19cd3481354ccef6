//! What the agent does for each request: the system calls behind it.

use super::proc_files;
use super::trace::Trace;
use komod_process::device;
use komod_process::protocol::{Entry, MAX_PAYLOAD, Reply, Request, Stage, Status};
use rustix::io::Errno;
use rustix::system::uname;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirEntryExt, FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The kernel under the agent.
pub struct Kernel {
    pub(super) trace: Trace,
    /// A module is being loaded just now.
    loading: AtomicBool,
}

impl Kernel {
    pub fn new(trace: Trace) -> Kernel {
        Kernel { trace, loading: AtomicBool::new(false) }
    }

    /// Leaves nothing of ours in the kernel.
    pub fn let_go(&self) {
        self.trace.end();
    }

    pub(super) fn loading(&self, now: bool) {
        self.loading.store(now, Ordering::SeqCst);
    }

    /// Where a call is that did not come back; `stage` is what its request says.
    pub fn stage(&self, stage: Stage) -> Stage {
        let loading = self.loading.swap(false, Ordering::SeqCst);
        match stage {
            Stage::Load if loading && (!self.trace.works() || !self.trace.formed().is_empty()) => {
                Stage::Init
            }
            stage => stage,
        }
    }

    /// The answer, and its payload.
    pub fn answer(&self, request: Request, payload: &[u8]) -> (Reply, Vec<u8>) {
        let reply = match request {
            Request::Load { params, force_vermagic, force_modversions, .. } => {
                self.load(payload, &params, force_vermagic, force_modversions)
            }
            Request::Unload { name, force } => self.unload(&name, force),
            Request::Modules => self.modules(),
            Request::Symbols { needle, limit } => match File::open("/proc/kallsyms") {
                Ok(file) => proc_files::symbols(file, &needle, limit)
                    .map_or_else(|e| failed_io(&e), |(list, more)| Reply::Symbols { list, more }),
                Err(e) => failed_io(&e),
            },
            Request::Read { path, limit } => match read(&path, limit) {
                Ok(data) => {
                    let len = data.len() as u64;
                    return (Reply::Data { len, result: i64::try_from(len).unwrap_or(0) }, data);
                }
                Err(e) => failed_io(&e),
            },
            Request::Write { path, append } => File::options()
                .write(true)
                .append(append)
                .open(path)
                .and_then(|mut file| file.write(payload))
                .map_or_else(
                    |e| failed_io(&e),
                    |n| Reply::Done { result: i64::try_from(n).unwrap_or(0) },
                ),
            Request::List { path } => list(&path).map_or_else(|e| failed_io(&e), Reply::Entries),
            Request::Advance { ns } => {
                std::thread::sleep(Duration::from_nanos(ns));
                Reply::Done { result: 0 }
            }
            Request::Status => Reply::Status(status()),
            Request::Ioctl { path, command, value } => {
                let mut buffer = payload.to_vec();
                return match ioctl(&path, command, value, &mut buffer) {
                    Ok(result) => (Reply::Done { result }, buffer),
                    Err(e) => (failed_io(&e), Vec::new()),
                };
            }
            Request::Put { path, mode } => put(Path::new(&path), mode, payload)
                .map_or_else(|e| failed_io(&e), |()| Reply::Done { result: 0 }),
            Request::Leaks { .. }
            | Request::WatchModules
            | Request::Memory { .. }
            // These are the agent's own.
            | Request::Exec { .. }
            | Request::Continue { .. }
            | Request::Interrupt { .. }
            | Request::Shutdown => failed(Errno::NOSYS, Stage::Call),
        };
        (reply, Vec::new())
    }
}

pub fn failed(errno: Errno, stage: Stage) -> Reply {
    Reply::Failed { errno: errno.raw_os_error(), stage }
}

pub fn failed_io(error: &io::Error) -> Reply {
    failed(Errno::from_io_error(error).unwrap_or(Errno::IO), Stage::Call)
}

fn read(path: &str, limit: u64) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    File::open(path)?.take(limit.min(MAX_PAYLOAD as u64)).read_to_end(&mut data)?;
    Ok(data)
}

/// Whoever has the old file open keeps it: it may be a library of ours.
fn put(path: &Path, mode: u32, data: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == data) {
        return fs::set_permissions(path, Permissions::from_mode(mode));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".komod-new");
    let made = fs::write(&new, data)
        .and_then(|()| fs::set_permissions(&new, Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&new, path));
    if made.is_err() {
        let _ = fs::remove_file(&new);
    }
    made
}

fn ioctl(path: &str, command: u32, value: u64, buffer: &mut [u8]) -> io::Result<i64> {
    // Not all devices can be opened for both.
    let file = File::options().read(true).write(true).open(path).or_else(|_| File::open(path))?;
    match buffer.is_empty() {
        true => device::control(file.as_fd(), command, value),
        false => device::control_with(file.as_fd(), command, buffer),
    }
}

fn list(path: &str) -> io::Result<Vec<Entry>> {
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        let kind = entry.file_type()?;
        // `DT_*` of readdir(3).
        let kind = match kind {
            k if k.is_fifo() => 1,
            k if k.is_char_device() => 2,
            k if k.is_dir() => 4,
            k if k.is_block_device() => 6,
            k if k.is_file() => 8,
            k if k.is_symlink() => 10,
            k if k.is_socket() => 12,
            _ => 0,
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        Ok(Entry { name, inode: entry.ino(), kind })
    };
    fs::read_dir(path)?.map(entry).collect()
}

fn status() -> Status {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
    let tainted = number("/proc/sys/kernel/tainted").unwrap_or(0);
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = uptime.split(' ').next().and_then(|s| s.parse().ok()).unwrap_or(0.0);
    Status {
        release: uname().release().to_string_lossy().into_owned(),
        virtual_ns: (seconds * 1e9) as u64,
        tainted,
        taints: proc_files::taints(tainted),
        tasks: proc_files::tasks(),
        live_objects: 0,
        live_bytes: 0,
    }
}
