//! What the kernel process tells the outside: events over its socket.

use super::single::Single;
use crate::protocol::{self, Event};
use std::os::unix::net::UnixStream;

struct Out {
    stream: UnixStream,
    /// Log records are dropped while this is set (an uninteresting boot).
    quiet: bool,
}

static OUT: Single<Out> = Single::new();

pub fn setup(stream: UnixStream, quiet: bool) {
    OUT.set(Out { stream, quiet });
}

pub fn set_quiet(quiet: bool) {
    OUT.with(|o| o.quiet = quiet);
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
