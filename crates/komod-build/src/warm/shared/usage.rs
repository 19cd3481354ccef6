//! Does a preamble use the names that kbuild gives each file?

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use super::super::folder::Folder;
use super::super::{Command, NotWarm};
use super::{DEPFILE, NAMES};

/// Has the preprocessor tell (`-dU`) which macros are expanded or asked for in the preamble;
/// an error if one of `names` is among them.
pub fn check(
    command: &Command,
    preamble: &[u8],
    names: &[OsString],
    folder: &Folder,
    name: &str,
) -> Result<(), NotWarm> {
    let text = folder.file(name, "usage.c");
    fs::write(&text, preamble).map_err(NotWarm::io(&text))?;
    let output = preprocess(command, &text);
    let _ = fs::remove_file(&text);
    let used = output?;
    let told = |line: &[u8]| {
        let rest = line.strip_prefix(b"#define ").or_else(|| line.strip_prefix(b"#undef "));
        let word = rest.and_then(|rest| rest.split(|&b| b == b' ' || b == b'(').next());
        word.is_some_and(|word| NAMES.iter().any(|name| name.as_bytes() == word))
    };
    if names.is_empty() || used.split(|&b| b == b'\n').any(told) {
        return Err(NotWarm::Unsuitable("the headers use the module's name"));
    }
    Ok(())
}

fn preprocess(command: &Command, text: &Path) -> Result<Vec<u8>, NotWarm> {
    let mut process = Process::new(command.program()?);
    command.place(&mut process);
    let beside = command.source.parent().unwrap_or(Path::new("."));
    let mut words = command.argv.iter().skip(1);
    while let Some(word) = words.next() {
        let depfile = word.to_str().is_some_and(|word| word.starts_with(DEPFILE));
        if word == "-o" {
            words.next();
        } else if word != "-c" && word != command.source.as_os_str() && !depfile {
            process.arg(word);
        }
    }
    // Quoted includes are looked for beside the source first.
    process.arg("-iquote").arg(beside).args(["-E", "-dU", "-o", "-"]).arg(text);
    let output = process.stdin(Stdio::null()).output().map_err(NotWarm::io(text))?;
    if !output.status.success() || !output.stderr.is_empty() {
        return Err(NotWarm::Unsuitable("the preamble has messages"));
    }
    Ok(output.stdout)
}
