//! Starting our own binary again, in the background, and what it does there.
//!
//! The starter keeps one end of a socket pair whose other end is the new process' stdin. Over it
//! goes one frame that says what to be ([`Role`]), and one comes back ([`Started`]) when that is
//! done. The new process has a session of its own, so that neither a closed terminal nor Ctrl-C
//! ends it, and holds nothing of its starter's: no pipe a caller may wait on, no directory.

use super::runtime_dir::RuntimeDir;
use super::wire::{Info, Role, Started};
use super::{supervisor, zygote};
use crate::PlaceError;
use komod_process::protocol;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// `argv[0]` by which the binary knows that it is to call [`background_main`].
pub const BACKGROUND_ARGV0: &str = "komod-background";

/// Starts a background process and waits until it is what it is to be.
pub(super) fn start(role: &Role, stderr: File) -> Result<Option<Info>, PlaceError> {
    let exe = "/proc/self/exe";
    let (mut ours, theirs) = UnixStream::pair().map_err(PlaceError::file(exe))?;
    let mut child = Command::new(exe)
        .arg0(BACKGROUND_ARGV0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(stderr)
        .current_dir("/")
        .env_clear()
        // Where QEMU is found.
        .envs(
            ["PATH", "KOMOD_QEMU", "KOMOD_NO_KVM"]
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        )
        .spawn()
        .map_err(PlaceError::file(exe))?;
    protocol::send(&mut ours, role, &[]).map_err(PlaceError::Supervisor)?;
    match protocol::receive(&mut ours) {
        Ok(Some((Started::Ready(info), _))) => {
            if matches!(role, Role::Zygote { .. }) {
                // It has left the kernel process to itself and ends.
                let _ = child.wait();
            }
            Ok(info.map(|info| *info))
        }
        Ok(Some((Started::Failed(why), _))) => {
            let _ = child.wait();
            Err(PlaceError::Background(why))
        }
        Ok(None) | Err(_) => {
            let status = child.wait().map(|s| s.to_string()).unwrap_or_default();
            Err(PlaceError::Background(format!("the background process ended early ({status})")))
        }
    }
}

/// What the binary does when its `argv[0]` is [`BACKGROUND_ARGV0`].
pub fn background_main() -> ! {
    // Fails only for the leader of a process group, which a child just started is not.
    let _ = rustix::process::setsid();
    let code = match serve() {
        Ok(()) => 0,
        Err(e) => {
            eprintln!("komod: {e}");
            1
        }
    };
    std::process::exit(code)
}

fn serve() -> std::io::Result<()> {
    let mut report = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let Some((role, _)) = protocol::receive::<Role>(&mut report)? else { return Ok(()) };
    match role {
        Role::Zygote { dir, name, spec } => {
            let started = RuntimeDir::at(&dir).and_then(|dir| zygote::boot(&dir, &name, &spec));
            let answer = match started {
                Ok(()) => Started::Ready(None),
                Err(e) => Started::Failed(e.to_string()),
            };
            protocol::send(&mut report, &answer, &[])
        }
        Role::Supervisor { dir, name, what, about } => {
            let mut ready = |answer: Started| protocol::send(&mut report, &answer, &[]);
            match RuntimeDir::at(&dir).and_then(|d| supervisor::boot(&d, &name, what, about)) {
                Ok((supervisor, info)) => {
                    ready(Started::Ready(Some(Box::new(info))))?;
                    supervisor.serve();
                    supervisor::end_group()
                }
                Err(e) => ready(Started::Failed(e.to_string())),
            }
        }
    }
}
