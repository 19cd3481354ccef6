//! The client's side of an in-process kernel: start one, talk to it, learn how it ended.

use crate::protocol::{self, BootSpec, Event, Reply, Request};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// `argv[0]` by which the binary knows that it is to be a kernel process.
pub const KERNEL_ARGV0: &str = "komod-kernel";
/// File descriptors the kernel process finds its sockets at.
pub const SOCKET_FD: i32 = 3;
pub const LISTEN_FD: i32 = 4;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot start the kernel process: {0}")]
    Spawn(io::Error),
    #[error("the kernel could not start: {0}")]
    Boot(String),
    #[error("the kernel process died{}", .status.as_deref().map(|s| format!(" ({s})")).unwrap_or_default())]
    Gone { status: Option<String> },
    #[error("talking to the kernel process: {0}")]
    Io(#[from] io::Error),
}

/// A connection to a booted in-process kernel.
pub struct Kernel {
    stream: UnixStream,
    child: Option<Child>,
}

impl Kernel {
    /// Starts a kernel process of our own binary and waits until it has booted (or failed to).
    /// `listen` is the zygote's listening socket.
    pub fn boot(
        spec: &BootSpec,
        builtin: &[u8],
        listen: Option<OwnedFd>,
        on_event: &mut dyn FnMut(&Event),
    ) -> Result<Kernel, ClientError> {
        let (ours, theirs) = UnixStream::pair().map_err(ClientError::Spawn)?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(KERNEL_ARGV0).stdin(Stdio::null()).env_clear();
        if let Some(value) = std::env::var_os("KOMOD_BOOT_DEBUG") {
            command.env("KOMOD_BOOT_DEBUG", value);
        }
        crate::spawn::hand_over(
            &mut command,
            theirs.as_raw_fd(),
            listen.as_ref().map(|l| l.as_raw_fd()),
        );
        let child = command.spawn().map_err(ClientError::Spawn)?;
        drop((theirs, listen));
        let mut kernel = Kernel { stream: ours, child: Some(child) };
        protocol::send(&mut kernel.stream, spec, builtin)?;
        loop {
            let (event, _) = kernel.next_event()?;
            on_event(&event);
            match event {
                Event::Booted { .. } => return Ok(kernel),
                Event::BootFailed { reason } => return Err(ClientError::Boot(reason)),
                _ => {}
            }
        }
    }

    /// Takes over a connection to a kernel that runs already (a zygote's fork).
    pub fn connect(stream: UnixStream) -> Kernel {
        Kernel { stream, child: None }
    }

    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Leaves the process to itself (a zygote in the background); gives its pid.
    pub fn detach(mut self) -> Option<u32> {
        self.child.take().map(|c| c.id())
    }

    /// Sends a request and hands every event before the reply to `on_event`.
    pub fn call(
        &mut self,
        request: &Request,
        payload: &[u8],
        on_event: &mut dyn FnMut(&Event),
    ) -> Result<(Reply, Vec<u8>), ClientError> {
        if let Err(e) = protocol::send(&mut self.stream, request, payload) {
            return Err(self.gone().unwrap_or(ClientError::Io(e)));
        }
        loop {
            match self.next_event()? {
                (Event::Reply(reply), data) => return Ok((reply, data)),
                (event, _) => on_event(&event),
            }
        }
    }

    /// Waits for the next event (log records of a kernel that stays come without a request).
    pub fn next_event(&mut self) -> Result<(Event, Vec<u8>), ClientError> {
        match protocol::receive(&mut self.stream) {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(self.gone().unwrap_or(ClientError::Gone { status: None })),
            Err(e)
                if e.kind() == io::ErrorKind::ConnectionReset
                    || e.kind() == io::ErrorKind::UnexpectedEof =>
            {
                Err(self.gone().unwrap_or(ClientError::Gone { status: None }))
            }
            Err(e) => Err(e.into()),
        }
    }

    fn gone(&mut self) -> Option<ClientError> {
        let status = self.child.take()?.wait().ok().map(|s| s.to_string());
        Some(ClientError::Gone { status })
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
