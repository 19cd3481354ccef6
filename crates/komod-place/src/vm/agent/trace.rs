//! When the kernel has formed a module and is about to run its init.
//!
//! `init_module(2)` gives one error number for a module that was refused and for one whose init
//! failed. The trace event `module:module_load` lies between the two (end of `load_module`,
//! `kernel/module/main.c` of Linux 6.1), and its time tells what the loader took.

use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;

/// A kernel may have the event under one of these (`Documentation/trace/ftrace.rst`).
const FOLDERS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The kernel's trace, if it has one.
pub struct Trace(Option<Mutex<OwnedFd>>);

/// A module was formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formed {
    pub name: String,
    /// `CLOCK_MONOTONIC`, in microseconds.
    pub us: u64,
}

impl Trace {
    /// Switches the event on.
    pub fn start() -> Trace {
        let started = FOLDERS.iter().map(Path::new).find_map(|folder| {
            fs::write(folder.join("trace_clock"), "mono").ok()?;
            fs::write(folder.join("events/module/module_load/enable"), "1").ok()?;
            let flags = OFlags::RDONLY | OFlags::NONBLOCK;
            open(folder.join("trace_pipe"), flags, Mode::empty()).ok()
        });
        Trace(started.map(Mutex::new))
    }

    pub fn works(&self) -> bool {
        self.0.is_some()
    }

    /// What has been formed since the last call, the latest last.
    pub fn formed(&self) -> Vec<Formed> {
        let Some(pipe) = self.0.as_ref().and_then(|pipe| pipe.lock().ok()) else {
            return Vec::new();
        };
        let mut text = Vec::new();
        let mut buf = [0; 4096];
        while let Ok(n) = read(&*pipe, &mut buf)
            && n > 0
        {
            text.extend_from_slice(buf.get(..n).unwrap_or_default());
        }
        String::from_utf8_lossy(&text).lines().filter_map(line).collect()
    }
}

/// `insmod-37  [000] .....  12.345678: module_load: hello OE`
fn line(text: &str) -> Option<Formed> {
    let (head, event) = text.split_once(": module_load: ")?;
    let (seconds, micros) = head.rsplit(' ').next()?.split_once('.')?;
    let (seconds, micros): (u64, u64) = (seconds.parse().ok()?, micros.parse().ok()?);
    let name = event.split_whitespace().next()?.to_owned();
    Some(Formed { name, us: seconds.checked_mul(1_000_000)?.checked_add(micros)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_name_and_a_time() {
        let text = "          insmod-37      [000] .....    12.345678: module_load: hello OE";
        assert_eq!(line(text), Some(Formed { name: "hello".into(), us: 12_345_678 }));
        for other in ["# tracer: nop", "", "x: module_load: ", "a-1 [0] x.y: module_load: b"] {
            assert_eq!(line(other), None, "{other}");
        }
    }
}
