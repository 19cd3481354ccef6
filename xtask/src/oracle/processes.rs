//! The processes of a zygote: which there are, and ending them.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;

/// The direct children of a process (proc_pid_task(5), `children`).
pub fn children(pid: u32) -> Result<BTreeSet<u32>> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(&path).context(path)?;
    Ok(text.split_whitespace().filter_map(|word| word.parse().ok()).collect())
}

/// Ends a process that may have ended by itself.
pub fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_child_is_found_and_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        // The children of a thread are listed at that thread; the test's is not the main one.
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        let listed = std::fs::read_to_string(format!("/proc/{}/children", thread.display()));
        assert!(listed.unwrap().split_whitespace().any(|p| p == child.id().to_string()));
        kill(child.id());
        assert!(!child.wait().unwrap().success());
        assert!(children(u32::MAX).is_err());
    }
}
