//! Zygotes: booted kernels that wait in the background and fork for each command.
//!
//! A zygote's name is a digest of all that makes one boot differ from another, our own binary
//! included, so a rebuilt komod or another kernel never meets a stranger's zygote. Its socket
//! appears under its final name only when it has booted; sockets nobody listens at are replaced.

use super::background;
use super::runtime_dir::{RuntimeDir, ZYGOTE_PREFIX};
use super::wire::Role;
use crate::PlaceError;
use komod_process::client::{KERNEL_ARGV0, Kernel};
use komod_process::protocol::{BootSpec, Mode, Reply, Request};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A zygote ends after this time without a command.
const IDLE_SECONDS: u32 = 300;
/// How long another command may take to start the zygote we want, too.
const START_PATIENCE: Duration = Duration::from_secs(15);
/// How long a fork may take to answer its first request.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// What a zygote for this boot is called.
pub(super) fn name(spec: &BootSpec) -> Result<String, PlaceError> {
    let mut digest = Sha256::new();
    for file in [std::path::Path::new("/proc/self/exe"), &spec.prepared] {
        let meta = std::fs::metadata(file).map_err(PlaceError::file(file))?;
        let facts = [meta.ino(), meta.size(), meta.mtime() as u64, meta.mtime_nsec() as u64];
        facts.iter().for_each(|n| digest.update(n.to_le_bytes()));
    }
    digest.update(spec.prepared.as_os_str().as_encoded_bytes());
    digest.update([0]);
    digest.update(spec.cmdline.as_bytes());
    digest.update(spec.cpu_seconds.to_le_bytes());
    let hex: String = digest.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
    Ok(format!("{ZYGOTE_PREFIX}{hex}"))
}

/// A fork of the zygote called `name`, if there is one and it answers.
fn connect(dir: &RuntimeDir, name: &str) -> Option<Kernel> {
    let stream = UnixStream::connect(dir.socket(name)).ok()?;
    stream.set_read_timeout(Some(ANSWER_PATIENCE)).ok()?;
    let mut kernel = Kernel::connect(stream);
    let answer = kernel.call(&Request::Status, &[], &mut |_| {});
    kernel.stream().set_read_timeout(None).ok()?;
    matches!(answer, Ok((Reply::Status(_), _))).then_some(kernel)
}

/// A fork of a zygote for this boot, started now if there is none; `true` if it was there.
pub(super) fn fork(dir: &RuntimeDir, spec: &BootSpec) -> Result<(Kernel, bool), PlaceError> {
    let name = name(spec)?;
    if let Some(kernel) = connect(dir, &name) {
        return Ok((kernel, true));
    }
    let no = |why: &str| PlaceError::Background(why.to_owned());
    let lock = dir
        .lock(&name, START_PATIENCE)?
        .ok_or_else(|| no("another command has been starting the zygote for too long"))?;
    // Another command may have started it while we waited.
    if let Some(kernel) = connect(dir, &name) {
        return Ok((kernel, true));
    }
    remove_dead(dir);
    let spec = BootSpec { mode: Mode::Zygote { idle_seconds: IDLE_SECONDS }, ..spec.clone() };
    let role = Role::Zygote { dir: dir.path().to_owned(), name: name.clone(), spec };
    background::start(&role, dir.stderr_file(&name)?)?;
    let kernel = connect(dir, &name).ok_or_else(|| no("the zygote booted but does not answer"));
    drop(lock);
    Ok((kernel?, false))
}

/// In the background process: boots the zygote and leaves it to itself.
pub(super) fn boot(dir: &RuntimeDir, name: &str, spec: &BootSpec) -> Result<(), PlaceError> {
    let socket = dir.socket(name);
    let unborn = dir.path().join(format!("{name}.{}", std::process::id()));
    let listener = dir.listen(&unborn)?;
    let booted = Kernel::boot(spec, &[], Some(OwnedFd::from(listener)), &mut |_| {});
    let kernel = match booted {
        Ok(kernel) => kernel,
        Err(e) => {
            let _ = std::fs::remove_file(&unborn);
            return Err(e.into());
        }
    };
    std::fs::rename(&unborn, &socket).map_err(PlaceError::file(&socket))?;
    if let Some(pid) = kernel.detach() {
        let path = dir.path().join(format!("{name}.pid"));
        std::fs::write(&path, pid.to_string()).map_err(PlaceError::file(&path))?;
    }
    Ok(())
}

/// Ends all zygotes that wait; gives how many there were.
pub fn end_zygotes(dir: &RuntimeDir) -> usize {
    let mut ended = 0;
    for entry in std::fs::read_dir(dir.path()).into_iter().flatten().flatten() {
        let path = entry.path();
        let file = entry.file_name();
        let is_zygote = file.to_str().is_some_and(|f| f.starts_with(ZYGOTE_PREFIX));
        if is_zygote && path.extension().is_some_and(|e| e == "pid") {
            let pid = std::fs::read_to_string(&path).ok().and_then(|t| t.trim().parse().ok());
            ended += usize::from(pid.is_some_and(end));
            let _ = std::fs::remove_file(&path);
        }
    }
    remove_dead(dir);
    ended
}

/// Ends a kernel process, if this number is still that of one.
fn end(pid: i32) -> bool {
    let name = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let is_kernel = name.split(|b| *b == 0).next() == Some(KERNEL_ARGV0.as_bytes());
    let pid = Pid::from_raw(pid).filter(|_| is_kernel);
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Removes the files of zygotes that have ended.
fn remove_dead(dir: &RuntimeDir) {
    for entry in std::fs::read_dir(dir.path()).into_iter().flatten().flatten() {
        let path = entry.path();
        let file = entry.file_name();
        let Some(name) = file.to_str().and_then(|f| f.strip_suffix(".sock")) else { continue };
        if name.starts_with(ZYGOTE_PREFIX)
            && UnixStream::connect(&path)
                .is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
        {
            let _ = std::fs::remove_file(&path);
            for more in ["stderr", "pid"] {
                let _ = std::fs::remove_file(dir.path().join(format!("{name}.{more}")));
            }
        }
    }
}
