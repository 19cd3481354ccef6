//! An Oops as the kernel prints it (`arch/x86/kernel/dumpstack.c` and `process_64.c`, Linux 6.1),
//! with the source lines the kernel cannot know.

use super::log::printable;
use super::source::Sources;
use crate::console::{Paint, paint};
use komod_process::protocol::{Location, Oops};
use std::fmt::Write;

/// The registers that have a line of their own, after `RIP`.
const FIRST_LINE: [&str; 2] = ["RSP", "EFLAGS"];

pub fn oops(oops: &Oops, release: &str, sources: &mut Sources, color: bool) -> String {
    let mut text = String::new();
    let reason = printable(&oops.reason);
    let _ = writeln!(text, "{}", paint(&reason, Paint::BoldRed, color));
    let _ = writeln!(text, "CPU: 0 PID: {} Comm: {} {release}", oops.pid, printable(&oops.comm));
    let _ = writeln!(text, "RIP: 0010:{}", location(&oops.rip, sources, 0));
    if !oops.code.is_empty() {
        let _ = writeln!(text, "Code: {}", oops.code);
    }
    registers(&mut text, &oops.registers);
    if !oops.trace.is_empty() {
        text.push_str("Call Trace:\n <TASK>\n");
        for same in oops.trace.chunk_by(|a, b| a == b) {
            let Some(frame) = same.first() else { continue };
            let mark = if frame.sure { "" } else { "? " };
            // Return addresses point behind the call.
            let line = location(&frame.at, sources, 1);
            let _ = match same.len() {
                1 => writeln!(text, " {mark}{line}"),
                // A recursion fills pages.
                n => writeln!(text, " {mark}{line}, {n} times"),
            };
        }
        text.push_str(" </TASK>\n");
    }
    if let Some(snippet) = fault_line(oops, sources, color) {
        text.push_str(&snippet);
    }
    text.truncate(text.trim_end().len());
    text
}

/// Only what the kernel's own text lacks: the lines of source.
pub fn sources(oops: &Oops, sources: &mut Sources, color: bool) -> Option<String> {
    let mut text = String::new();
    let places = std::iter::once((&oops.rip, 0)).chain(oops.trace.iter().map(|f| (&f.at, 1)));
    let mut told = Vec::new();
    for (at, back) in places {
        if let Some(line) = sources.line(at, back)
            && !told.contains(&at)
        {
            let _ = writeln!(text, "{at} is {line}");
            told.push(at);
        }
    }
    if let Some(snippet) = fault_line(oops, sources, color) {
        text.push_str(&snippet);
    }
    text.truncate(text.trim_end().len());
    (!text.is_empty()).then_some(text)
}

/// `symbol+0x1/0x2 [module] (file.c:3)`; `back` bytes before the address for the line.
fn location(at: &Location, sources: &mut Sources, back: u64) -> String {
    let mut text = at.to_string();
    if let Some(line) = sources.line(at, back) {
        let _ = write!(text, " ({line})");
    }
    text
}

fn registers(text: &mut String, registers: &[(String, u64)]) {
    let find = |name: &str| registers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
    if let (Some((_, rsp)), Some((_, flags))) = (find("RSP"), find("EFLAGS")) {
        let _ = writeln!(text, "RSP: 0018:{rsp:016x} EFLAGS: {flags:08x}");
    }
    let rest: Vec<_> = registers
        .iter()
        .filter(|(n, _)| {
            !n.eq_ignore_ascii_case("RIP") && !FIRST_LINE.iter().any(|f| n.eq_ignore_ascii_case(f))
        })
        .collect();
    for row in rest.chunks(3) {
        let cells: Vec<_> = row.iter().map(|(n, v)| format!("{}: {v:016x}", register(n))).collect();
        let _ = writeln!(text, "{}", cells.join(" "));
    }
}

/// The kernel writes `R08`.
fn register(name: &str) -> String {
    let name = name.to_uppercase();
    match name.as_bytes() {
        [b'R', digit @ b'0'..=b'9'] => format!("R0{}", char::from(*digit)),
        _ => name,
    }
}

/// The line of source that faulted: that of the instruction, if it is the module's, else the
/// line of the module that called the kernel.
fn fault_line(oops: &Oops, sources: &mut Sources, color: bool) -> Option<String> {
    let own = sources.line(&oops.rip, 0);
    let (line, word) = match own {
        Some(line) => (line, "here"),
        None => {
            let frames = oops.trace.iter();
            let sure = frames.clone().filter(|f| f.sure);
            let lines = sure.chain(frames.filter(|f| !f.sure));
            (lines.filter_map(|f| sources.line(&f.at, 1)).next()?, "in the call here")
        }
    };
    let source = line.text()?;
    let indent = source.len() - source.trim_start().len();
    let number = line.line.to_string();
    let gutter = " ".repeat(number.len());
    let arrows = "^".repeat(source.trim().chars().count().max(1));
    let lead: String = source.chars().take(indent).collect();
    Some(format!(
        "{gutter}--> {line}\n{gutter} |\n{number} | {source}\n{gutter} | {lead}{} {word}\n",
        paint(&arrows, Paint::BoldRed, color),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_process::protocol::Frame;

    fn at(symbol: &str, module: Option<&str>) -> Location {
        Location {
            address: 0x2000_0010,
            symbol: Some(symbol.into()),
            offset: 0x10,
            size: 0x30,
            module: module.map(str::to_owned),
            section: None,
        }
    }

    #[test]
    fn looks_like_the_kernels() {
        let o = Oops {
            reason: "BUG: kernel NULL pointer dereference, address: 0000000000000000".into(),
            comm: "insmod".into(),
            pid: 1,
            rip: at("bad_init", Some("bad")),
            code: "<c7> 04 25".into(),
            registers: [("RSP", 1), ("EFLAGS", 2), ("RAX", 3), ("RBX", 4), ("RCX", 5), ("R8", 6)]
                .map(|(n, v)| (n.to_owned(), v))
                .to_vec(),
            trace: vec![
                Frame { at: at("do_one_initcall", None), sure: true },
                Frame { at: at("stale", None), sure: false },
                Frame { at: at("stale", None), sure: false },
            ],
        };
        let text = oops(&o, "6.1.0", &mut Sources::default(), false);
        assert_eq!(
            text,
            "BUG: kernel NULL pointer dereference, address: 0000000000000000\n\
             CPU: 0 PID: 1 Comm: insmod 6.1.0\n\
             RIP: 0010:bad_init+0x10/0x30 [bad]\n\
             Code: <c7> 04 25\n\
             RSP: 0018:0000000000000001 EFLAGS: 00000002\n\
             RAX: 0000000000000003 RBX: 0000000000000004 RCX: 0000000000000005\n\
             R08: 0000000000000006\n\
             Call Trace:\n <TASK>\n do_one_initcall+0x10/0x30\n ? stale+0x10/0x30, 2 times\n </TASK>"
        );
    }
}
