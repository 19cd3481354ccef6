//! Handing sockets to a child process at fixed descriptor numbers.

use crate::client::{LISTEN_FD, SOCKET_FD};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes `command`'s child find `socket` at [`SOCKET_FD`] and `listen` at [`LISTEN_FD`], and die
/// with nothing else of ours open (the standard library opens everything close-on-exec).
pub fn hand_over(command: &mut Command, socket: i32, listen: Option<i32>) {
    // SAFETY: the closure runs between fork and exec and only calls async-signal-safe functions
    // (fcntl, dup2) on descriptors that the caller keeps open until spawn returns.
    unsafe {
        command.pre_exec(move || {
            // Out of the way first, so that neither dup2 overwrites the other's source.
            let high = |fd: i32| match libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 64) {
                -1 => Err(std::io::Error::last_os_error()),
                n => Ok(n),
            };
            let socket = high(socket)?;
            let listen = listen.map(high).transpose()?;
            if libc::dup2(socket, SOCKET_FD) < 0 {
                return Err(std::io::Error::last_os_error());
            }
            if let Some(listen) = listen
                && libc::dup2(listen, LISTEN_FD) < 0
            {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
}
