//! Starting another program that has some of our descriptors and does not outlive us.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes `command`'s child inherit the descriptors, under the numbers they have here, and be
/// killed when the thread that starts it ends (`PR_SET_PDEATHSIG`, prctl(2)), however that comes.
/// They are closed here with `command`.
pub fn bind(command: &mut Command, descriptors: Vec<OwnedFd>) {
    let parent = rustix::process::getpid().as_raw_nonzero().get();
    // SAFETY: the closure runs between fork and exec and only calls async-signal-safe functions
    // (prctl, getppid, fcntl); the descriptors are open as long as it owns them.
    unsafe {
        command.pre_exec(move || {
            let failed = |result: i32| match result {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(()),
            };
            failed(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
            if libc::getppid() != parent {
                // We ended before it could be told of.
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            for descriptor in &descriptors {
                // Without close-on-exec.
                failed(libc::fcntl(descriptor.as_raw_fd(), libc::F_SETFD, 0))?;
            }
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn descriptors_keep_their_numbers() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let number = theirs.as_raw_fd();
        let mut command = Command::new("/bin/bash");
        command.arg("-c").arg(format!("echo one >&{number}"));
        bind(&mut command, vec![theirs.into()]);
        let status = command.status().unwrap();
        drop(command);
        let mut said = String::new();
        ours.read_to_string(&mut said).unwrap();
        assert!(status.success());
        assert_eq!(said, "one\n");
    }

    #[test]
    fn the_child_ends_with_its_starter() {
        let starter = std::thread::spawn(|| {
            let mut command = Command::new("/bin/sleep");
            command.arg("60");
            bind(&mut command, Vec::new());
            command.spawn().unwrap()
        });
        let status = starter.join().unwrap().wait().unwrap();
        assert!(!status.success(), "{status}");
    }
}
