//! Why the kernel refused a module: one line more, for people.
//!
//! The tools say what kmod's say: the error number in words. The reason itself stands in the
//! kernel's log. On a terminal, or with `KOMOD_HINTS=1`, the line in question follows as a `hint:`,
//! with the code under which `komod explain` says more; `KOMOD_HINTS=0` switches it off.

use super::log::Log;
use komod_kernel::host::{Host, InsertError, KernelLog};
use komod_load::logged::{self, Reason};
use std::io::IsTerminal;

/// The log since before a load.
pub struct Hints(Option<Wanted>);

struct Wanted {
    /// `None`: it may not be read.
    log: Option<Box<dyn KernelLog>>,
}

impl Hints {
    /// Begins to listen, if hints are wanted. To be called before the load.
    pub fn begin(host: &dyn Host, log: &Log) -> Self {
        let wanted = match std::env::var_os("KOMOD_HINTS") {
            Some(value) => value == "1",
            None => !log.syslog && std::io::stderr().is_terminal(),
        };
        Hints::when(wanted, host)
    }

    pub fn when(wanted: bool, host: &dyn Host) -> Self {
        Hints(wanted.then(|| Wanted { log: host.kernel_log().ok() }))
    }

    /// Tells the reason of a load that failed.
    pub fn tell(self, log: &Log, error: &InsertError) {
        let Some(wanted) = self.0 else { return };
        if !error.is_refusal() {
            // Nobody asked the kernel; the error has the file and what is wrong in it.
            return log.line(format_args!("hint: {error}"));
        }
        let lines = wanted.log.map(|mut log| log.lines()).unwrap_or_default();
        log.line(format_args!("hint: {}", hint(&lines, error.errno())));
    }
}

/// The line that decided, with its code; else what the error number alone says.
fn hint(lines: &[String], errno: i32) -> String {
    let found = logged::reason(lines.iter().map(String::as_str));
    match (found, logged::by_errno(errno)) {
        (Some(Reason { line, code: Some(code) }), _) => {
            format!("the kernel says \"{line}\"; `komod explain {code}` says more")
        }
        (Some(Reason { line, code: None }), _) => format!("the kernel says \"{line}\""),
        (None, Some(code)) => format!("`komod explain {code}` says what that means"),
        (None, None) => "the kernel's log does not say why; an error of the module's own init \
            function? `komod check` looks at everything else"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Folder;
    use komod_kernel::host::FakeHost;
    use komod_kernel::host::insert::{Force, insert};

    /// What is told when a fake kernel refuses a module with an error number and log lines.
    fn told(errno: i32, lines: &[&str]) -> Vec<String> {
        let mut host = FakeHost::default();
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        host.refusals.insert("hinted".into(), (errno, lines));
        let folder = Folder::new("hint");
        let path = folder.file("hinted.ko", b"\x7fELF, nearly");
        let log = Log::new("insmod");
        let hints = Hints::when(true, &host);
        let error = insert(&host, &path, c"", Force::default()).unwrap_err();
        hints.tell(&log, &error);
        log.kept.take()
    }

    #[test]
    fn the_line_that_decided() {
        assert_eq!(
            told(
                22,
                &[
                    "hinted: loading out-of-tree module taints kernel.",
                    "hinted: disagrees about version of symbol usb_register",
                    "hinted: Unknown symbol usb_register (err -22)",
                ]
            ),
            ["hint: the kernel says \"hinted: disagrees about version of symbol usb_register\"; \
              `komod explain L-08` says more"]
        );
        assert_eq!(
            told(2, &["hinted: Unknown symbol nothing (err -2)"]),
            ["hint: the kernel says \"hinted: Unknown symbol nothing (err -2)\"; \
              `komod explain L-10` says more"]
        );
        assert_eq!(told(17, &[]), ["hint: `komod explain L-24` says what that means"]);
        assert!(told(5, &[])[0].starts_with("hint: the kernel's log does not say why"));
    }

    #[test]
    fn files_that_are_no_modules_are_named() {
        let log = Log::new("insmod");
        let host = FakeHost::default();
        let error = insert(&host, "/dev/null".as_ref(), c"", Force::default()).unwrap_err();
        Hints::when(true, &host).tell(&log, &error);
        assert!(log.kept.borrow()[0].starts_with("hint: /dev/null: "), "{:?}", log.kept);
        Hints::when(false, &host).tell(&log, &error);
        assert_eq!(log.kept.borrow().len(), 1);
    }
}
