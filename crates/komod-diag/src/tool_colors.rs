//! Colours for what compilers and kbuild print.
//!
//! Their output goes through komod, so they see no terminal and print plain text; that is also
//! what diagnostics keep. Colours are put on when it is shown: places bold, and severities and
//! marks under the source as gcc has them (gcc manual, `GCC_COLORS`).

use std::borrow::Cow;

const BOLD: &str = "1";
const RED: &str = "1;31";
const GREEN: &str = "1;32";
const MAGENTA: &str = "1;35";
const CYAN: &str = "1;36";

/// What stands between a message's place and its text.
const SEVERITIES: [(&str, &str); 4] =
    [(": fatal error: ", RED), (": error: ", RED), (": warning: ", MAGENTA), (": note: ", CYAN)];

/// How lines of modpost and make begin.
const BEGINNINGS: [(&str, &str); 4] = [
    ("ERROR: modpost: ", RED),
    ("FATAL: modpost: ", RED),
    ("WARNING: modpost: ", MAGENTA),
    ("make: *** ", RED),
];

/// A line of a tool's output with colours, if it is of a known form.
pub fn paint(line: &str) -> Cow<'_, str> {
    if let Some((mark, color)) = BEGINNINGS.iter().find(|(mark, _)| line.starts_with(mark)) {
        let (head, rest) = line.split_at(mark.len() - 1);
        return Cow::Owned(format!("{}{rest}", on(head, color)));
    }
    if let Some((gutter, marks)) = line.split_once('|').filter(|(gutter, _)| is_gutter(gutter)) {
        // Carets and waves under a place, or what could be put there.
        let under = gutter.trim().is_empty() && !marks.trim().is_empty();
        return if under {
            Cow::Owned(format!("{gutter}|{}", on(marks, GREEN)))
        } else {
            line.into()
        };
    }
    let severity = SEVERITIES.iter().find_map(|(mark, color)| {
        let (place, text) = line.split_once(mark)?;
        is_place(place).then(|| {
            let word = mark.trim_start_matches(": ").trim_end();
            format!("{} {} {}", on(&format!("{place}:"), BOLD), on(word, color), quoted(text))
        })
    });
    if let Some(painted) = severity {
        return Cow::Owned(painted);
    }
    match line.split_once(": In function ") {
        Some((file, function)) => Cow::Owned(format!(
            "{} In function {}",
            on(&format!("{file}:"), BOLD),
            quoted(function)
        )),
        None => line.into(),
    }
}

fn on(text: &str, code: &str) -> String {
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// `12`, spaces: what stands left of a source line.
fn is_gutter(text: &str) -> bool {
    text.starts_with(' ') && text.trim().bytes().all(|b| b.is_ascii_digit() || b == b'+')
}

/// `FILE:LINE` or `FILE:LINE:COLUMN`.
fn is_place(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.rsplit_once(':').is_some_and(|(file, last)| !file.is_empty() && number(last))
}

/// Names in single quotes are bold.
fn quoted(text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (number, part) in text.split('\'').enumerate() {
        let name = number % 2 == 1 && !part.is_empty();
        parts.push(if name { on(part, BOLD) } else { part.to_owned() });
    }
    parts.join("'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_gcc_colours_them() {
        for (line, painted) in [
            (
                "x.c:9:13: warning: 'a' defined but not used [-Wunused-function]",
                "\x1b[1mx.c:9:13:\x1b[0m \x1b[1;35mwarning:\x1b[0m '\x1b[1ma\x1b[0m' defined but \
                 not used [-Wunused-function]",
            ),
            ("x.c:1: error: no", "\x1b[1mx.c:1:\x1b[0m \x1b[1;31merror:\x1b[0m no"),
            ("x.c:1:2: note: in", "\x1b[1mx.c:1:2:\x1b[0m \x1b[1;36mnote:\x1b[0m in"),
            ("      |   ^~~", "      |\x1b[1;32m   ^~~\x1b[0m"),
            ("x.c: In function 'f':", "\x1b[1mx.c:\x1b[0m In function '\x1b[1mf\x1b[0m':"),
            ("ERROR: modpost: no", "\x1b[1;31mERROR: modpost:\x1b[0m no"),
        ] {
            assert_eq!(paint(line), painted, "{line}");
        }
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        for line in [
            "    9 | static int a(void) // note: x",
            "      |",
            "  CC [M]  /m/x.o",
            "objtool: warning: x",
            "a | b",
            "",
        ] {
            assert_eq!(paint(line), line);
        }
    }
}
