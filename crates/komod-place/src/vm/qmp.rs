//! QEMU's machine protocol: one JSON object per line (QEMU's `docs/interop/qmp-spec`, 7.2).

use super::VmError;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Answers beyond this are no answers.
const MAX_LINE: u64 = 1 << 20;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Qmp {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
    /// Names of events that came while an answer was waited for.
    events: Vec<String>,
}

impl Qmp {
    /// Takes over a connection; QEMU speaks first.
    pub fn new(stream: UnixStream) -> Result<Qmp, VmError> {
        stream.set_read_timeout(Some(PATIENCE)).map_err(VmError::Qmp)?;
        let reader = BufReader::new(stream.try_clone().map_err(VmError::Qmp)?);
        Ok(Qmp { reader, writer: stream, events: Vec::new() })
    }

    /// The greeting and the one command that must be the first.
    pub fn begin(&mut self) -> Result<(), VmError> {
        self.next()?;
        self.execute("qmp_capabilities", json!({}))?;
        Ok(())
    }

    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, VmError> {
        let line = json!({ "execute": command, "arguments": arguments }).to_string();
        self.writer.write_all(line.as_bytes()).map_err(VmError::Qmp)?;
        self.answer(command)
    }

    /// Gives QEMU a descriptor, which it knows by a name from then on.
    fn hand_over(&mut self, descriptor: BorrowedFd<'_>, name: &str) -> Result<(), VmError> {
        let line = json!({ "execute": "getfd", "arguments": { "fdname": name } }).to_string();
        let descriptors = [descriptor];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        let bytes = [IoSlice::new(line.as_bytes())];
        let sent = sendmsg(&self.writer, &bytes, &mut ancillary, SendFlags::empty());
        let sent = sent.map_err(|e| VmError::Qmp(e.into()))?;
        // A few bytes always fit; if not, the rest goes without the descriptor.
        let rest = line.as_bytes().get(sent..).unwrap_or_default();
        self.writer.write_all(rest).map_err(VmError::Qmp)?;
        self.answer("getfd")?;
        Ok(())
    }

    fn answer(&mut self, command: &str) -> Result<Value, VmError> {
        loop {
            let mut answer = self.next()?;
            if let Some(error) = answer.get("error") {
                let why = error.get("desc").and_then(Value::as_str).unwrap_or_default();
                return Err(VmError::Refused { command: command.to_owned(), why: why.to_owned() });
            }
            if let Some(answer) = answer.get_mut("return") {
                return Ok(answer.take());
            }
            self.note(&answer);
        }
    }

    /// Waits for an event, which may have come already.
    pub fn wait_for(&mut self, event: &str) -> Result<(), VmError> {
        while !self.events.iter().any(|e| e == event) {
            let answer = self.next()?;
            self.note(&answer);
        }
        Ok(())
    }

    /// Writes the state of the devices to a file; the machine stops.
    pub fn migrate_to(&mut self, file: &File) -> Result<(), VmError> {
        self.leave_ram_alone()?;
        self.hand_over(file.as_fd(), "state")?;
        self.execute("migrate", json!({ "uri": "fd:state" }))?;
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.execute("query-migrate", json!({}))?;
            match answer.get("status").and_then(Value::as_str) {
                Some("completed") => return Ok(()),
                Some("failed" | "cancelled") => {
                    let why = answer.get("error-desc").and_then(Value::as_str).unwrap_or("failed");
                    return Err(VmError::Refused { command: "migrate".into(), why: why.into() });
                }
                _ if Instant::now() > end => {
                    let why = "takes too long".into();
                    return Err(VmError::Refused { command: "migrate".into(), why });
                }
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Reads the state of the devices from a file; the machine goes on.
    pub fn migrate_from(&mut self, file: &File) -> Result<(), VmError> {
        self.leave_ram_alone()?;
        self.hand_over(file.as_fd(), "state")?;
        self.execute("migrate-incoming", json!({ "uri": "fd:state" }))?;
        self.wait_for("RESUME")
    }

    /// The memory is a file that both sides map: only where it is must be told.
    fn leave_ram_alone(&mut self) -> Result<(), VmError> {
        let shared = json!([{ "capability": "x-ignore-shared", "state": true }]);
        self.execute("migrate-set-capabilities", json!({ "capabilities": shared }))?;
        Ok(())
    }

    fn next(&mut self) -> Result<Value, VmError> {
        let mut line = String::new();
        let read = self.reader.by_ref().take(MAX_LINE).read_line(&mut line);
        match read.map_err(VmError::Qmp)? {
            0 => Err(VmError::Qmp(std::io::ErrorKind::UnexpectedEof.into())),
            _ => serde_json::from_str(&line).map_err(|e| VmError::Qmp(e.into())),
        }
    }

    fn note(&mut self, answer: &Value) {
        if let Some(event) = answer.get("event").and_then(Value::as_str) {
            self.events.push(event.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A QEMU of few words.
    fn pair(says: &'static [&'static str]) -> (Qmp, std::thread::JoinHandle<String>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qemu = std::thread::spawn(move || {
            let mut theirs = theirs;
            for line in says {
                writeln!(theirs, "{line}").unwrap();
            }
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
            let mut heard = String::new();
            theirs.read_to_string(&mut heard).unwrap();
            heard
        });
        (Qmp::new(ours).unwrap(), qemu)
    }

    #[test]
    fn events_may_come_before_the_answer() {
        let (mut qmp, qemu) = pair(&[
            r#"{"QMP": {}}"#,
            r#"{"return": {}}"#,
            r#"{"return": {}}"#,
            r#"{"return": {}}"#,
            r#"{"timestamp": {}, "event": "RESUME"}"#,
            r#"{"return": {}}"#,
        ]);
        qmp.begin().unwrap();
        qmp.migrate_from(&File::open("/dev/null").unwrap()).unwrap();
        drop(qmp);
        let heard = qemu.join().unwrap();
        assert!(heard.contains("fd:state") && heard.contains("x-ignore-shared"), "{heard}");
    }

    #[test]
    fn a_refusal_and_an_end_are_errors() {
        let (mut qmp, _) = pair(&[r#"{"error": {"class": "x", "desc": "no such thing"}}"#]);
        let e = qmp.execute("dance", json!({})).unwrap_err();
        assert!(e.to_string().contains("no such thing"), "{e}");
        assert!(matches!(qmp.execute("dance", json!({})), Err(VmError::Qmp(_))));
    }
}
