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
mod here;
mod kernel_log;
mod module_calls;
mod port;
mod proc_files;
mod requests;
mod setup;
mod trace;
mod voice;

use super::wire::{self, Answer, Ask};
use crate::channel::stage;
pub use here::{AGENT_OPTION, here_main};
use kernel_log::Watched;
use komod_process::protocol::{self, Event, Reply, Request};
pub(crate) use module_calls::likely_stage;
use port::Port;
pub(crate) use proc_files::{module, symbols};
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
    setup::load_drivers()?;
    let port = Port::open()?;
    let voice = Voice::new(port.writer()?);
    let log = Watched::open(voice.clone())?;
    let kernel = Arc::new(Kernel::new(Trace::start()));
    log.skip()?;
    let release = uname().release().to_string_lossy().into_owned();
    voice.say(&Answer::Ready { version: wire::VERSION, release }, &[])?;

    let mut reader = port.reader();
    let mut patience = Duration::from_secs(30);
    while let Some((ask, payload)) = protocol::receive::<Ask>(&mut reader)? {
        match ask {
            Ask::Wake { version, .. } if version != wire::VERSION => {
                let ours = wire::VERSION;
                let why = format!("the agent speaks version {ours}, the host version {version}");
                voice.say(&Answer::Trouble(why), &[])?;
            }
            Ask::Wake { unix_ns, patience_ms, .. } => {
                patience = Duration::from_millis(patience_ms);
                wake(unix_ns, &payload)?;
                let log_us = log.skip()?;
                log.watch();
                voice.say(&Answer::Awake { log_us }, &[])?;
            }
            Ask::Do(Request::Shutdown) => {
                voice.say(&Answer::Event(Event::Reply(Reply::Done { result: 0 })), &[])?;
                return Ok(());
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

/// Does a request, and says how it ended if it did not come back.
fn answer(
    kernel: &Arc<Kernel>,
    request: Request,
    payload: Vec<u8>,
    voice: &Voice,
    patience: Duration,
) -> io::Result<(Reply, Vec<u8>)> {
    let stage = stage(&request, false);
    Ok(match call::run(kernel, request, payload, voice, patience)? {
        call::Outcome::Reply(reply, data) => (reply, data),
        call::Outcome::Crashed => (Reply::Crashed { stage: kernel.stage(stage) }, vec![]),
        call::Outcome::Waits(waiting) => {
            (Reply::Deadlock { stage: kernel.stage(stage), waiting }, vec![])
        }
    })
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
