//! Output through a pager, on a terminal.

use super::super::work::{Ended, Work};
use std::io::{BufWriter, ErrorKind, Write};
use std::process::{Command, Stdio};

/// Runs a tool's work with its output through `$PAGER`, or less(1). Without one, it writes itself.
pub fn through(work: &mut Work<'_>, tool: impl FnOnce(&mut Work<'_>) -> Ended) -> Ended {
    let pager = std::env::var("PAGER").ok().filter(|pager| !pager.is_empty());
    let mut command = Command::new("sh");
    command.arg("-c").arg(pager.as_deref().unwrap_or("less")).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRSX");
    }
    let Ok(mut child) = command.spawn() else { return tool(work) };
    let ended = match child.stdin.take() {
        Some(input) => {
            let mut out = BufWriter::new(input);
            let log = work.log.clone();
            let limits = std::mem::take(&mut work.limits);
            let mut inner = Work { call: work.call, host: work.host, log, out: &mut out, limits };
            let ended = tool(&mut inner);
            ended.and_then(|good| out.flush().map(|()| good))
        }
        None => Ok(false),
    };
    child.wait()?;
    match ended {
        // Its reader has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        ended => ended,
    }
}

/// Whether the machine's owner wants no colours of dmesg (terminal-colors.d(5)).
pub fn colors_disabled() -> bool {
    ["/etc/terminal-colors.d/dmesg.disable", "/etc/terminal-colors.d/disable"]
        .iter()
        .any(|file| std::path::Path::new(file).exists())
}
