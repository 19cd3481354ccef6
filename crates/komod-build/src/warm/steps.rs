//! What the compiler's driver would run: `gcc … -###`, taken apart.
//!
//! Warm compiling replaces the first of exactly two steps, `cc1` and `as`. Whatever has other steps,
//! or asks `cc1` for more than assembly, is not for a warm compiler.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};

use super::{Command, NotWarm};

/// The two steps of one compilation.
#[derive(Debug, PartialEq)]
pub struct Steps {
    /// `cc1` and its arguments.
    pub cc1: Vec<OsString>,
    /// Where in `cc1` the name of the assembly file stands.
    pub assembly: usize,
    /// `as` and its arguments, the last of which is the assembly file.
    pub assembler: Vec<OsString>,
}

/// Arguments that make `cc1` do more than write assembly and the depfile, or do it by other means.
const UNSUITABLE: [&str; 14] = [
    "-flto",
    "-fplugin",
    "-fprofile",
    "-fdump",
    "-fstack-usage",
    "-fcallgraph-info",
    "-fopt-info",
    "-fsave-optimization-record",
    "-ftest-coverage",
    "-ftime-report",
    "-fmem-report",
    "-fpreprocessed",
    "-aux-info",
    "-finput-charset",
];

impl Steps {
    /// Asks the driver.
    pub fn ask(command: &Command) -> Result<Steps, NotWarm> {
        let mut process = Process::new(command.program()?);
        process.args(&command.argv[1..]).arg("-###").stdin(Stdio::null());
        command.place(&mut process);
        let output = process.output().map_err(NotWarm::io(&command.argv[0]))?;
        if !output.status.success() {
            return Err(NotWarm::Unsuitable("the compiler does not tell its steps"));
        }
        Steps::read(&output.stderr, command)
    }

    fn read(text: &[u8], command: &Command) -> Result<Steps, NotWarm> {
        let mut steps = text.split(|&b| b == b'\n').filter(|line| line.starts_with(b" "));
        let unsuitable = |why| Err(NotWarm::Unsuitable(why));
        let (Some(cc1), Some(assembler), None) = (steps.next(), steps.next(), steps.next()) else {
            return unsuitable("the compilation has not two steps");
        };
        let (cc1, assembler) = (words(cc1), words(assembler));
        let is = |argv: &[OsString], name: &str| {
            argv.first().is_some_and(|p| PathBuf::from(p).file_name() == Some(OsStr::new(name)))
        };
        if !is(&cc1, "cc1") || !is(&assembler, "as") {
            return unsuitable("the steps are not cc1 and as");
        }
        if let Some(assembly) = output(&cc1)
            && output(&assembler).map(|at| &assembler[at])
                == Some(command.output.as_os_str().into()).as_ref()
            && assembler.last() == Some(&cc1[assembly])
            && cc1[assembly] != "-"
        {
            if cc1.iter().filter(|arg| *arg == command.source.as_os_str()).count() != 1 {
                return unsuitable("the source is not what cc1 reads");
            }
            let extra = |arg: &OsString| {
                UNSUITABLE.iter().any(|prefix| arg.as_bytes().starts_with(prefix.as_bytes()))
            };
            if cc1.iter().any(extra) {
                return unsuitable("cc1 writes more than assembly");
            }
            return Ok(Steps { cc1, assembly, assembler });
        }
        unsuitable("the steps are not joined by one assembly file")
    }
}

/// The place of the value of `-o`.
fn output(argv: &[OsString]) -> Option<usize> {
    let at = argv.iter().position(|arg| arg == "-o")? + 1;
    (at < argv.len()).then_some(at)
}

/// Takes a line of `-###` apart: words, or words in quotes with `\` before special characters.
fn words(line: &[u8]) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            b'\\' => word.get_or_insert_default().extend(bytes.next()),
            b' ' if !quoted => words.extend(word.take().map(OsString::from_vec)),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word.map(OsString::from_vec));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        Command {
            argv: ["gcc", "-c", "-o", "x.o", "x.c"].map(OsString::from).to_vec(),
            cwd: "/".into(),
            env: Vec::new(),
            source: "x.c".into(),
            output: "x.o".into(),
        }
    }

    const GOOD: &str = "Target: x\nCOLLECT=1\n /lib/cc1 -quiet -D \"N=\\\"a b\\\"\" x.c \"-mtune=generic\" -o /tmp/c.s\nCOLLECT=1\n as -v --64 -o x.o /tmp/c.s\nLIBRARY_PATH=/x\n";

    #[test]
    fn two_steps() {
        let steps = Steps::read(GOOD.as_bytes(), &command()).unwrap();
        assert_eq!(
            steps.cc1,
            ["/lib/cc1", "-quiet", "-D", "N=\"a b\"", "x.c", "-mtune=generic", "-o", "/tmp/c.s"]
        );
        assert_eq!(steps.cc1[steps.assembly], "/tmp/c.s");
        assert_eq!(steps.assembler, ["as", "-v", "--64", "-o", "x.o", "/tmp/c.s"]);
    }

    #[test]
    fn everything_else_is_refused() {
        for (from, to) in [
            (" as ", " collect2 "),
            ("/lib/cc1", "/lib/clang"),
            ("x.o /tmp/c.s", "y.o /tmp/c.s"),
            ("x.o /tmp/c.s", "x.o /tmp/d.s"),
            ("-o /tmp/c.s\nC", "-o - |\nC"),
            ("x.c", "y.c"),
            ("-quiet", "-fplugin=x.so"),
            ("-quiet", "-fstack-usage"),
            ("LIBRARY", " objcopy LIBRARY"),
            (" as -v", "as -v"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let read = Steps::read(text.as_bytes(), &command());
            assert!(matches!(read, Err(NotWarm::Unsuitable(_))), "{from} {to}: {read:?}");
        }
        assert!(Steps::read(b"", &command()).is_err());
        assert!(Steps::read(b" \\\n \"", &command()).is_err());
    }
}
