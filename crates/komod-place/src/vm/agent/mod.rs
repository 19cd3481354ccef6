//! The first process of a virtual machine: komod's own binary, by another name.
//!
//! The kernel starts it from the initramfs. It mounts the usual file systems, loads the drivers
//! of its own serial port, says that it is ready and does what the host asks for ([`wire`]).
//! Calls into the kernel run in threads of their own, because one may never come back: a fault
//! ends its thread only, and the agent goes on.
//!
//! Whatever it cannot do it says on the port, else in the kernel's log, which comes out of the
//! serial console.

mod call;
mod early;
mod here;
mod kernel_log;
mod module_calls;
mod port;
mod proc_files;
mod programs;
mod requests;
mod setup;
mod trace;
mod voice;

use super::wire::{self, Answer, Ask};
use crate::channel::stage;
pub use early::EARLY;
pub use here::{AGENT_OPTION, here_main};
use kernel_log::Watched;
use komod_process::protocol::{self, Event, Reply, Request, Stage};
pub(crate) use module_calls::likely_stage;
use port::Port;
pub(crate) use proc_files::{module, symbols};
use programs::{Programs, Seen};
use requests::Kernel;
use rustix::system::{RebootCommand, reboot, uname};
use rustix::time::{ClockId, Timespec, clock_settime};
pub use setup::DRIVERS;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use trace::Trace;
use voice::Voice;

/// `argv[0]` by which the binary knows that it is the agent: its path in the initramfs.
pub const AGENT_ARGV0: &str = "/komod-agent";

/// What the binary does when its `argv[0]` is [`AGENT_ARGV0`]. It comes back only to a process
/// that is not the first one of a machine.
pub fn agent_main() {
    if rustix::process::getpid().as_raw_nonzero().get() != 1 {
        return;
    }
    if let Err(e) = serve() {
        // Nobody reads our standard error, but the kernel's log goes to the host.
        let _ = std::fs::write("/dev/kmsg", format!("<3>komod-agent: {e}\n"));
    }
    // A first process that ends makes the kernel panic, which says less than the line above.
    let _ = reboot(RebootCommand::Restart);
}

fn serve() -> io::Result<()> {
    setup::mount_all()?;
    setup::let_go_of_the_console()?;
    let kernel = Arc::new(Kernel::new(Trace::start()));
    let early = early::load_all(&kernel)?;
    setup::load_drivers()?;
    let port = Port::open()?;
    let voice = Voice::new(port.writer()?);
    let log = Watched::open(voice.clone())?;
    setup::wait_for_the_clock();
    if early.is_empty() {
        log.skip()?;
    }
    let release = uname().release().to_string_lossy().into_owned();
    voice.say(&Answer::Ready { version: wire::VERSION, release, early }, &[])?;

    let mut reader = port.reader();
    let mut programs = Programs::default();
    let mut patience = Duration::from_secs(30);
    while let Some((ask, payload)) = protocol::receive::<Ask>(&mut reader)? {
        match ask {
            Ask::Wake { version, .. } if wire::stranger(version).is_some() => {
                let why = wire::stranger(version).unwrap_or_default();
                voice.say(&Answer::Trouble(why), &[])?;
            }
            Ask::Wake { unix_ns, patience_ms, whole_log, .. } => {
                patience = Duration::from_millis(patience_ms);
                wake(unix_ns, &payload)?;
                let log_us = if whole_log { 0 } else { log.skip()? };
                voice.say(&Answer::Awake { log_us }, &[])?;
                log.watch();
            }
            Ask::Do(Request::Shutdown) => {
                voice.say(&Answer::Event(Event::Reply(Reply::Done { result: 0 })), &[])?;
                return Ok(());
            }
            Ask::Do(Request::Exec { path, arguments, environment }) => {
                let reply = match programs.start(&path, &arguments, environment, payload) {
                    Ok(id) => look(&mut programs, id, &voice)?,
                    Err(e) => requests::failed_io(&e),
                };
                log.drain()?;
                voice.say(&Answer::Event(Event::Reply(reply)), &[])?;
            }
            Ask::Do(Request::Continue { id }) => {
                let reply = look(&mut programs, id, &voice)?;
                log.drain()?;
                voice.say(&Answer::Event(Event::Reply(reply)), &[])?;
            }
            Ask::Do(Request::Interrupt { id }) => {
                programs.interrupt(id);
                voice.say(&Answer::Event(Event::Reply(Reply::Done { result: 0 })), &[])?;
            }
            Ask::Do(request) => {
                let (reply, data) = answer(&kernel, request, payload, &voice, patience)?;
                // What the call made the kernel say comes before its result.
                log.drain()?;
                voice.say(&Answer::Event(Event::Reply(reply)), &data)?;
            }
            Ask::Begin { .. } | Ask::Log { .. } => {
                voice.say(&Answer::Trouble("this is a machine's first process".into()), &[])?;
            }
        }
    }
    Ok(())
}

/// A program, as far as it has come.
fn look(programs: &mut Programs, id: u32, voice: &Voice) -> io::Result<Reply> {
    Ok(match programs.look(id, voice)? {
        Some(Seen::Runs) => Reply::Waiting { id },
        Some(Seen::Ended(exit)) => Reply::Exited(exit),
        None => requests::failed(rustix::io::Errno::SRCH, Stage::Call),
    })
}

/// Does a request, and says how it ended if it did not come back.
fn answer(
    kernel: &Arc<Kernel>,
    request: Request,
    payload: Vec<u8>,
    voice: &Voice,
    patience: Duration,
) -> io::Result<(Reply, Vec<u8>)> {
    let stage = stage(&request, false);
    let mut breathe = || voice.say(&Answer::Alive, &[]);
    Ok(call::run(kernel, request, payload, &mut breathe, patience)?.told(kernel, stage))
}

fn wake(unix_ns: u64, seed: &[u8]) -> io::Result<()> {
    if !seed.is_empty() {
        komod_process::random::reseed(seed)?;
    }
    let now = Timespec {
        tv_sec: i64::try_from(unix_ns / 1_000_000_000).unwrap_or_default(),
        tv_nsec: (unix_ns % 1_000_000_000) as _,
    };
    Ok(clock_settime(ClockId::Realtime, now)?)
}
