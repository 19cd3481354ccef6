//! Does a preamble use, or change, the names that kbuild gives each file?

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use super::super::folder::Folder;
use super::super::{Command, NotWarm};
use super::{DEPFILE, NAMES};

/// Ends the preamble in what the preprocessor writes.
const END: &[u8] = b"komod_end_of_preamble";

/// Has the preprocessor tell (`-dU`) which macros are expanded or asked for in the preamble, and
/// what `names` are after it; an error if one of them is used, or is not what it was.
pub fn check(
    command: &Command,
    preamble: &[u8],
    names: &[OsString],
    folder: &Folder,
    name: &str,
) -> Result<(), NotWarm> {
    let text = folder.file(name, "usage.c");
    let defined: Vec<_> = names.iter().filter_map(|word| super::name(word.to_str()?)).collect();
    let mut asking = [preamble, END, b"\n"].concat();
    defined.iter().for_each(|(name, _)| asking.extend(format!("{name}\n").bytes()));
    fs::write(&text, asking).map_err(NotWarm::io(&text))?;
    let output = preprocess(command, &text);
    let _ = fs::remove_file(&text);
    let output = output?;
    let lines: Vec<&[u8]> = output.split(|&b| b == b'\n').collect();
    let end = lines.iter().position(|&line| line == END);
    let end = end.ok_or(NotWarm::Unsuitable("the preamble does not end where it seems to"))?;
    let (used, after) = lines.split_at(end);
    let values = after.iter().skip(1).filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let told = |line: &[u8]| {
        let rest = line.strip_prefix(b"#define ").or_else(|| line.strip_prefix(b"#undef "));
        let word = rest.and_then(|rest| rest.split(|&b| b == b' ' || b == b'(').next());
        word.is_some_and(|word| NAMES.iter().any(|name| name.as_bytes() == word))
    };
    if names.is_empty() || used.iter().any(|line| told(line)) {
        return Err(NotWarm::Unsuitable("the headers use the module's name"));
    }
    if !values.copied().eq(defined.iter().map(|(_, value)| value.as_bytes())) {
        return Err(NotWarm::Unsuitable("the headers change the module's name"));
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
