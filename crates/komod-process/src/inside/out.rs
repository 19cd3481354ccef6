//! What the kernel process tells the outside: events over its socket.

use super::single::Single;
use crate::protocol::{self, Event};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};

struct Out {
    stream: UnixStream,
    /// Log records are dropped while this is set (an uninteresting boot).
    quiet: bool,
}

static OUT: Single<Out> = Single::new();
/// The socket's number, for signal handlers.
static SOCKET: AtomicI32 = AtomicI32::new(-1);

pub fn setup(stream: UnixStream, quiet: bool) {
    SOCKET.store(stream.as_raw_fd(), Ordering::Relaxed);
    OUT.set(Out { stream, quiet });
}

pub fn set_quiet(quiet: bool) {
    OUT.with(|o| o.quiet = quiet);
}

/// Whether the client has gone; may be asked in a signal handler.
pub fn client_is_gone() -> bool {
    let mut poll = libc::pollfd { fd: SOCKET.load(Ordering::Relaxed), events: 0, revents: 0 };
    // SAFETY: one valid pollfd; poll is async-signal-safe.
    let n = unsafe { libc::poll(&mut poll, 1, 0) };
    n == 1 && poll.revents & libc::POLLHUP != 0
}

/// Sends an event. A client that went away ends the process: nobody is left to serve.
pub fn send(event: &Event, payload: &[u8]) {
    let sent = OUT.with(|o| {
        if o.quiet && matches!(event, Event::Log(_)) {
            return Ok(());
        }
        protocol::send(&mut o.stream, event, payload)
    });
    if sent.is_err() {
        std::process::exit(0);
    }
}
