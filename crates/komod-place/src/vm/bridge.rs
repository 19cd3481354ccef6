//! A machine as the supervisor of a kernel that stays wants its kernels: the process protocol on
//! a socket. One thread per machine stands between the two; QEMU ends with it.

use super::{Spec, Vm};
use crate::place::Events;
use crate::process::RuntimeDir;
use crate::{Channel, PlaceError};
use komod_process::client::{ClientError, Kernel};
use komod_process::protocol::{self, Event, Reply, Request};
use rustix::event::{PollFd, PollFlags, poll};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Instant;

/// Starts a machine and gives the other end.
pub(crate) fn boot(
    spec: &Spec,
    dir: &RuntimeDir,
    events: Events<'_>,
) -> Result<Kernel, ClientError> {
    let (ours, theirs) = UnixStream::pair()?;
    let (tell, told) = mpsc::channel();
    let (spec, dir, started) = (spec.clone(), dir.clone(), Instant::now());
    std::thread::spawn(move || match Vm::start(&spec, &dir, &mut |_| {}) {
        Ok(vm) => {
            if tell.send(Ok(())).is_ok() {
                serve(vm, theirs);
            }
        }
        Err(e) => drop(tell.send(Err(e.to_string()))),
    });
    match told.recv() {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return Err(ClientError::Boot(why)),
        Err(_) => return Err(ClientError::Boot("its thread ended".into())),
    }
    let wall_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let (failed, failed_builtins) = (Vec::new(), Vec::new());
    events(&Event::Booted { initcalls: 0, failed, failed_builtins, wall_us });
    Ok(Kernel::connect(ours))
}

/// Passes requests on, and what the kernel says in between, until one of the two ends.
fn serve(mut vm: Vm, mut stream: UnixStream) {
    let say = |stream: &mut UnixStream, event: &Event, data: &[u8]| {
        // One who has gone away is noticed when the next request is looked for.
        let _ = protocol::send(stream, event, data);
    };
    loop {
        let mut fds = [PollFd::new(&stream, PollFlags::IN), PollFd::new(vm.port(), PollFlags::IN)];
        let ready = match poll(&mut fds, None) {
            Ok(_) => fds.map(|fd| !fd.revents().is_empty()),
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        };
        if ready[1] && vm.idle(&mut |event| say(&mut stream, event, &[])).is_err() {
            return;
        }
        if !ready[0] {
            continue;
        }
        let Ok(Some((request, payload))) = protocol::receive::<Request>(&mut stream) else {
            return;
        };
        let outcome = vm.call(&request, &payload, &mut |event| say(&mut stream, event, &[]));
        match outcome {
            Ok((reply, data)) => say(&mut stream, &Event::Reply(reply), &data),
            Err(PlaceError::Panicked { stage, text }) => {
                return say(&mut stream, &Event::Reply(Reply::Panicked { stage, text }), &[]);
            }
            // The end of the line says it.
            Err(_) => return,
        }
    }
}
