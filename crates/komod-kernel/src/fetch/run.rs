//! Running the machine's tools and understanding what they say.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::FetchError;

/// At most this much of a tool's complaint is passed on.
const MAX_STDERR: usize = 4000;

/// Runs a command and gives its output; a failure becomes an error with what it said.
pub(super) fn output(command: &mut Command) -> Result<String, FetchError> {
    let text = format!("{command:?}");
    let name = program(command);
    let output =
        command.stdin(Stdio::null()).output().map_err(FetchError::io("run", Path::new(&name)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failure(text, output.status, &String::from_utf8_lossy(&output.stderr)))
}

/// Runs a command that takes long: its output goes to `log`, and `tick` is called several times a
/// second meanwhile.
pub(super) fn with_ticks(
    command: &mut Command,
    log: &Path,
    tick: &mut dyn FnMut(),
) -> Result<String, FetchError> {
    let text = format!("{command:?}");
    let name = program(command);
    let file = File::create(log).map_err(FetchError::io("create", log))?;
    let copy = file.try_clone().map_err(FetchError::io("create", log))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(copy)
        .spawn()
        .map_err(FetchError::io("run", Path::new(&name)))?;
    let status = loop {
        let waited = child.try_wait().map_err(FetchError::io("wait for", Path::new(&name)))?;
        if let Some(status) = waited {
            break status;
        }
        tick();
        std::thread::sleep(Duration::from_millis(100));
    };
    tick();
    let said = std::fs::read(log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    if status.success() { Ok(said) } else { Err(failure(text, status, &said)) }
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn failure(command: String, status: std::process::ExitStatus, said: &str) -> FetchError {
    // Errors and warnings tell; progress does not.
    let telling: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("Get:") && !line.starts_with("Hit:"))
        .collect();
    let mut text = telling.join("\n");
    if let Some((at, _)) = text.char_indices().rev().nth(MAX_STDERR) {
        text.drain(..at);
    }
    if let Some(detail) = offline(&text) {
        return FetchError::Offline { detail: detail.to_owned() };
    }
    FetchError::Command { command, status: status.to_string(), stderr: text }
}

/// The line that says that the network is at fault, in the words of apt's methods (apt 2.6
/// `methods/connect.cc`, `methods/http.cc`).
pub(super) fn offline(said: &str) -> Option<&str> {
    const SIGNS: [&str; 9] = [
        "Temporary failure resolving",
        "Could not resolve",
        "Could not connect",
        "Unable to connect",
        "Cannot initiate the connection",
        "Connection timed out",
        "Connection failed",
        "Network is unreachable",
        "Something wicked happened resolving",
    ];
    said.lines().map(str::trim).find(|line| SIGNS.iter().any(|sign| line.contains(sign)))
}

/// Whether the servers no longer have what the lists name.
pub(super) fn is_stale(said: &str) -> bool {
    said.contains("404 ") || said.contains("Hash Sum mismatch") || said.contains("unexpected size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_says_what_is_wrong() {
        let said = "E: Failed to fetch http://x/y.deb  Could not connect to x:80 (::1).";
        assert!(offline(said).is_some_and(|line| line.starts_with("E: Failed")));
        assert_eq!(offline("E: Unable to locate package linux-image-9"), None);
        assert!(is_stale("E: Failed to fetch http://x/y.deb  404  Not Found [IP: 1.2.3.4 80]"));
    }

    #[test]
    fn a_failure_carries_the_command_and_its_words() {
        let error = output(Command::new("sh").args(["-c", "echo oops >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("oops") && text.contains('3') && text.contains("sh"), "{text}");
    }
}
