//! Ending well when the terminal, or somebody else, asks to.

use std::io::{self, Read};
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicI32, Ordering};

/// The signals that ask a program to end.
const ASKING: [libc::c_int; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

/// Where the handler writes which signal came.
static BELL: AtomicI32 = AtomicI32::new(-1);

extern "C" fn ring(signal: libc::c_int) {
    let byte = u8::try_from(signal).unwrap_or(0);
    // SAFETY: write(2) and errno may be used in a handler (signal-safety(7)); the byte lives until
    // the call returns, and a bad descriptor is only an error. errno is the thread's own.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        libc::write(BELL.load(Ordering::Relaxed), (&raw const byte).cast(), 1);
        *errno = before;
    }
}

/// Calls `before`, in a thread of its own, when a signal asks this program to end; then the signal
/// does what it always does. A signal that is ignored stays ignored. For one call per process;
/// programs started later are not concerned.
pub fn before_ending(before: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (mut reader, writer) = io::pipe()?;
    BELL.store(writer.into_raw_fd(), Ordering::Relaxed);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut byte = [0_u8];
        while !matches!(reader.read(&mut byte), Ok(1)) {}
        before();
        end_by(byte[0].into())
    })?;
    for signal in ASKING {
        set(signal, ring as *const () as libc::sighandler_t, true)?;
    }
    Ok(())
}

/// Sets what a signal does; `unless_ignored`: but not if it is ignored.
fn set(signal: libc::c_int, handler: libc::sighandler_t, unless_ignored: bool) -> io::Result<()> {
    // SAFETY: all-zero is a valid sigaction (no handler, empty mask); both pointers are to local
    // values; `handler` is SIG_DFL or `ring`, which takes a signal's number.
    let result = unsafe {
        let mut known: libc::sigaction = std::mem::zeroed();
        let mut result = libc::sigaction(signal, std::ptr::null(), &raw mut known);
        if result == 0 && !(unless_ignored && known.sa_sigaction == libc::SIG_IGN) {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler;
            action.sa_flags = libc::SA_RESTART;
            result = libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
        result
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ends this process by a signal, so that whoever waits for it sees which.
fn end_by(signal: libc::c_int) -> ! {
    let _ = set(signal, libc::SIG_DFL, false);
    // SAFETY: kill(2) has no memory effects.
    unsafe { libc::kill(libc::getpid(), signal) };
    // Blocked, in this thread and in all others: not by komod.
    std::thread::sleep(std::time::Duration::from_secs(1));
    std::process::exit(128 + signal)
}
