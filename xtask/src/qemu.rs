//! A guest under QEMU: an unmodified distribution kernel, our init, a debug console to listen to.
//!
//! The machine is emulated (TCG), so it runs anywhere and its processor is the same everywhere.
//! The kernel is started as an ELF file by the PVH entry, which spares the guest the slow part of
//! a boot under emulation: unpacking itself.

use anyhow::{Context, Result};
use guest_init::Report;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The machine. Part of the key under which recorded results are kept.
const MACHINE: &[&str] =
    &["-M", "pc,hpet=off", "-accel", "tcg", "-cpu", "max", "-m", "2048", "-smp", "1"];
/// No default devices, no screen, no network; a reboot (`panic=-1`) ends QEMU.
const PLAIN: &[&str] = &["-nodefaults", "-display", "none", "-no-reboot", "-net", "none"];
/// Quiet on the serial line (a character costs much there), an oops ends the guest.
const KERNEL_LINE: &str = "console=ttyS0 quiet loglevel=4 panic=-1 oops=panic nokaslr \
                           tsc=reliable no_timer_check";

/// A short text that changes whenever results from before are no longer comparable.
pub fn fingerprint() -> String {
    format!("{} {KERNEL_LINE}; guest {}", MACHINE.join(" "), guest_init::VERSION)
}

pub struct Guest {
    child: Child,
    lines: Receiver<String>,
    serial: PathBuf,
}

/// What comes from the guest.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Report(Report),
    /// A line that is no report: torn by a crash.
    Torn(String),
    /// Nothing for the time given.
    Silence,
    /// QEMU has ended.
    End,
}

impl Guest {
    /// Starts a guest; `kernel` is a `vmlinux` (fast) or a `vmlinuz`, `scratch` is a directory for its serial output.
    pub fn start(kernel: &Path, initramfs: &[u8], scratch: &Path) -> Result<Guest> {
        Guest::start_with(kernel, initramfs, scratch, "")
    }

    /// The same with more boot parameters.
    pub fn start_with(
        kernel: &Path,
        initramfs: &[u8],
        scratch: &Path,
        parameters: &str,
    ) -> Result<Guest> {
        let initrd = scratch.join("initramfs.cpio");
        std::fs::write(&initrd, initramfs).with_context(|| format!("{}", initrd.display()))?;
        let serial = scratch.join("serial");
        let mut child = Command::new("qemu-system-x86_64")
            .args(MACHINE)
            .args(PLAIN)
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(&initrd)
            .args(["-append", format!("{KERNEL_LINE} {parameters}").trim_end()])
            .arg("-serial")
            .arg(format!("file:{}", serial.display()))
            .args(["-chardev", "stdio,id=debug,signal=off"])
            .args(["-device", "isa-debugcon,iobase=0xe9,chardev=debug"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(scratch.join("qemu.err"))?)
            .spawn()
            .context("qemu-system-x86_64 (ci/setup installs it)")?;
        let out = child.stdout.take().context("no pipe from QEMU")?;
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = Vec::new();
            while matches!(out.read_until(b'\n', &mut line), Ok(n) if n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                if tell.send(text).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok(Guest { child, lines, serial })
    }

    pub fn listen(&mut self, patience: Duration) -> Heard {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Report::parse(&line).map_or(Heard::Torn(line), Heard::Report),
            Err(RecvTimeoutError::Timeout) => Heard::Silence,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }

    /// The end of what the kernel printed on its console: the place to look after a crash.
    pub fn last_words(&self) -> String {
        let text = std::fs::read(&self.serial).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.len().saturating_sub(40);
        lines.get(start..).unwrap_or_default().join("\n")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
