//! When the kernel has formed a module and is about to run its init.
//!
//! `init_module(2)` gives one error number for a module that was refused and for one whose init
//! failed. The trace event `module:module_load` lies between the two (end of `load_module`,
//! `kernel/module/main.c` of Linux 6.1), and its time tells what the loader took.

use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A kernel may have the event under one of these (`Documentation/trace/ftrace.rst`).
const FOLDERS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The kernel's trace, if it has one.
#[derive(Default)]
pub struct Trace {
    pipe: Mutex<Option<OwnedFd>>,
    /// A trace that nobody else has, to be removed.
    own: Option<PathBuf>,
}

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
        let started = FOLDERS.iter().map(Path::new).find_map(begin);
        Trace { pipe: Mutex::new(started), own: None }
    }

    /// The same in a trace of its own, beside those that others may have on.
    pub fn start_own() -> Trace {
        FOLDERS.iter().map(|f| Path::new(f).join("instances")).find_map(own).unwrap_or_default()
    }

    /// Removes what is ours alone.
    pub fn end(&self) {
        let pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(pipe);
        if let Some(own) = &self.own {
            let _ = fs::remove_dir(own);
        }
    }

    pub fn works(&self) -> bool {
        self.pipe.lock().is_ok_and(|pipe| pipe.is_some())
    }

    /// What has been formed since the last call, the latest last.
    pub fn formed(&self) -> Vec<Formed> {
        let Ok(pipe) = self.pipe.lock() else { return Vec::new() };
        let Some(pipe) = pipe.as_ref() else { return Vec::new() };
        let mut text = Vec::new();
        let mut buf = [0; 4096];
        while let Ok(n) = read(pipe, &mut buf)
            && n > 0
        {
            text.extend_from_slice(buf.get(..n).unwrap_or_default());
        }
        String::from_utf8_lossy(&text).lines().filter_map(line).collect()
    }
}

fn begin(folder: &Path) -> Option<OwnedFd> {
    fs::write(folder.join("trace_clock"), "mono").ok()?;
    fs::write(folder.join("events/module/module_load/enable"), "1").ok()?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    open(folder.join("trace_pipe"), flags, Mode::empty()).ok()
}

/// An instance (`Documentation/trace/ftrace.rst`, "Instances"), named by our process id. Those of
/// agents that were killed are removed.
fn own(instances: PathBuf) -> Option<Trace> {
    const PREFIX: &str = "komod-";
    for entry in fs::read_dir(&instances).ok()?.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
    let folder = instances.join(format!("{PREFIX}{}", std::process::id()));
    fs::create_dir(&folder).ok()?;
    // Its events are few.
    let _ = fs::write(folder.join("buffer_size_kb"), "16");
    match begin(&folder) {
        Some(pipe) => Some(Trace { pipe: Mutex::new(Some(pipe)), own: Some(folder) }),
        None => {
            let _ = fs::remove_dir(&folder);
            None
        }
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
