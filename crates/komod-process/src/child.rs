//! The kernel process: what runs behind `argv[0] = komod-kernel`.

use crate::client::{LISTEN_FD, SOCKET_FD};
use crate::inside::{self, out};
use crate::protocol::{self, BootSpec, Event, Mode};
use komod_kernel::prepared::Prepared;
use std::os::fd::FromRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

/// Serves as the kernel process until the client goes away.
pub fn child_main() -> ! {
    // SAFETY: whoever started us as `komod-kernel` put a socket there (client::Kernel::boot); if
    // not, reading it fails and we leave.
    let mut stream = unsafe { UnixStream::from_raw_fd(SOCKET_FD) };
    let start = Instant::now();
    let Ok(Some((spec, builtin))) = protocol::receive::<BootSpec>(&mut stream) else {
        eprintln!("komod-kernel is started by komod itself");
        std::process::exit(2);
    };
    let Ok(events) = stream.try_clone() else { std::process::exit(2) };
    out::setup(events, !spec.boot_log);
    if let Err(reason) = boot(&spec, &builtin, start) {
        out::send(&Event::BootFailed { reason }, &[]);
        std::process::exit(1);
    }
    match spec.mode {
        Mode::Single => inside::serve::serve(stream, &spec.release, spec.live_clock),
        Mode::Zygote { idle_seconds } => {
            drop(stream);
            crate::zygote::run(listener(), &spec, idle_seconds);
        }
    }
    std::process::exit(0)
}

fn listener() -> UnixListener {
    // SAFETY: as for the socket; accepting on anything else fails.
    unsafe { UnixListener::from_raw_fd(LISTEN_FD) }
}

fn boot(spec: &BootSpec, builtin: &[u8], start: Instant) -> Result<(), String> {
    let prepared =
        Prepared::open(&spec.prepared).map_err(|e| format!("{}: {e}", spec.prepared.display()))?;
    inside::start(prepared)?;
    crate::sandbox::enter(matches!(spec.mode, Mode::Zygote { .. }))
        .map_err(|e| format!("cannot enter the sandbox: {e}"))?;
    let mut objects = Vec::new();
    let mut rest = builtin;
    for object in &spec.builtin {
        let (bytes, tail) = rest.split_at_checked(object.len).ok_or("built-in objects cut off")?;
        objects.push((object.name.clone(), bytes));
        rest = tail;
    }
    let extra = inside::builtin::link_all(&spec.release, &objects)?;
    inside::watchdog::start(spec.cpu_seconds);
    let report = inside::boot::boot(&spec.cmdline, &extra);
    out::set_quiet(false);
    out::send(
        &Event::Booted {
            initcalls: report.initcalls,
            failed: report.failed,
            failed_builtins: report.failed_builtins,
            wall_us: start.elapsed().as_micros() as u64,
        },
        &[],
    );
    Ok(())
}
