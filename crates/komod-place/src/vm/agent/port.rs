//! The agent's line to the host: a port of a virtio serial device (`drivers/char/virtio_console.c`
//! of Linux 6.1).

use crate::vm::wire::PORT;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the device may take to appear once its drivers are there.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

pub struct Port(File);

impl Port {
    pub fn open() -> io::Result<Port> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(path) = find() {
                return Ok(Port(File::options().read(true).write(true).open(path)?));
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!(
                    "no virtio serial port is called {PORT:?}: are virtio_pci and virtio_console there?"
                )));
            }
            sleep(PAUSE);
        }
    }

    /// Its other half, for the agent's voice.
    pub fn writer(&self) -> io::Result<File> {
        self.0.try_clone()
    }

    pub fn reader(&self) -> Reader<'_> {
        Reader(&self.0)
    }
}

/// The device file of our port.
fn find() -> Option<PathBuf> {
    fs::read_dir("/sys/class/virtio-ports").ok()?.flatten().find_map(|port| {
        let name = fs::read_to_string(port.path().join("name")).ok()?;
        (name.trim_end() == PORT).then(|| PathBuf::from("/dev").join(port.file_name()))
    })
}

pub struct Reader<'a>(&'a File);

impl Read for Reader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buf) {
                // The host's side is closed for a moment: a copy of this machine has just begun.
                Ok(0) if !buf.is_empty() => sleep(PAUSE),
                other => return other,
            }
        }
    }
}
