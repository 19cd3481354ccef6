//! The terminal: results go to stdout, everything for people to stderr.
//!
//! A reader that goes away (`komod log | head`) ends komod without a word, with the status a
//! shell reports for a program that a pipe has ended. Colour is decoration only: it is there on a
//! terminal, unless `NO_COLOR` is set.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

/// 128 + `SIGPIPE`.
const BROKEN_PIPE: i32 = 141;

/// Writes results.
pub fn data(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(e) = out.write_all(bytes).and_then(|()| out.flush()) {
        if e.kind() != io::ErrorKind::BrokenPipe {
            people(&format!("error: cannot write to stdout: {e}"));
            std::process::exit(1);
        }
        std::process::exit(BROKEN_PIPE);
    }
}

/// Writes a line, or lines, of results.
pub fn line(text: &str) {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(b'\n');
    data(&bytes);
}

/// Bytes of somebody else for people, as they are.
pub fn error_data(bytes: &[u8]) {
    let _ = std::io::stderr().lock().write_all(bytes);
}

/// Writes a line, or lines, for people.
pub fn people(text: &str) {
    // There is nobody left to tell that stderr is gone.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Tells people the way out.
pub fn hint(text: &str) {
    let head = paint("hint:", Paint::Cyan, color_on_stderr());
    people(&format!("{head} {text}"));
}

pub fn warning(text: &str) {
    let head = paint("warning:", Paint::Yellow, color_on_stderr());
    people(&format!("{head} {text}"));
}

pub fn note(text: &str) {
    people(&format!("note: {text}"));
}

pub fn color_on_stdout() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| io::stdout().is_terminal() && color_wanted())
}

pub fn color_on_stderr() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| io::stderr().is_terminal() && color_wanted())
}

fn color_wanted() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// How to render diagnostics on stderr.
pub fn diagnostics() -> komod_diag::terminal::Options {
    use komod_diag::terminal::Options;
    let base = if color_on_stderr() { Options::colored() } else { Options::plain() };
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col >= 40 => Options { width: size.ws_col.into(), ..base },
        _ => base,
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Paint {
    Bold,
    Dim,
    Red,
    BoldRed,
    Green,
    Yellow,
    Cyan,
}

pub fn paint(text: &str, paint: Paint, on: bool) -> String {
    if !on || text.is_empty() {
        return text.to_owned();
    }
    let code = match paint {
        Paint::Bold => "1",
        Paint::Dim => "2",
        Paint::Red => "31",
        Paint::BoldRed => "1;31",
        Paint::Green => "32",
        Paint::Yellow => "33",
        Paint::Cyan => "36",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paint_is_only_decoration() {
        assert_eq!(paint("x", Paint::Red, false), "x");
        assert_eq!(paint("x", Paint::Red, true), "\x1b[31mx\x1b[0m");
        assert_eq!(paint("", Paint::Red, true), "");
    }
}
