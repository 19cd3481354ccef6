//! A booted kernel kept ready: each connection is served by a fork of it.

use crate::inside::{out, serve, watchdog};
use crate::protocol::BootSpec;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;

/// Accepts connections until none came for `idle_seconds`.
pub fn run(listener: UnixListener, spec: &BootSpec, idle_seconds: u32) {
    // SAFETY: children are not waited for; ignoring SIGCHLD lets the system reap them.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let timeout = i32::try_from(u64::from(idle_seconds) * 1000).unwrap_or(i32::MAX);
    loop {
        let mut poll = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd.
        match unsafe { libc::poll(&mut poll, 1, timeout) } {
            0 => return,
            n if n < 0 => continue,
            _ => {}
        }
        let Ok((stream, _)) = listener.accept() else { continue };
        // SAFETY: the process is single-threaded, so the child may do anything.
        if unsafe { libc::fork() } == 0 {
            let Ok(events) = stream.try_clone() else { std::process::exit(2) };
            drop(listener);
            if crate::sandbox::narrow().is_err() {
                std::process::exit(2);
            }
            out::setup(events, false);
            watchdog::start(spec.cpu_seconds);
            serve::serve(stream, &spec.release, spec.live_clock);
            std::process::exit(0);
        }
    }
}
