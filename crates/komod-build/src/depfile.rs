//! The list of files a compiler read, as it writes it for make (`-MMD`), and the notes that kbuild
//! keeps beside an object for modpost.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The files named after the first colon of a depfile, in order.
pub fn parse(text: &str) -> Vec<PathBuf> {
    let Some((_, list)) = text.split_once(": ") else { return Vec::new() };
    let mut files = Vec::new();
    let mut name = String::new();
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(next) => name.push(next),
            },
            '$' if chars.peek() == Some(&'$') => {
                name.push('$');
                chars.next();
            }
            // A rule without prerequisites follows for each header if asked for (-MP): not read.
            '\n' => break,
            c if c.is_whitespace() => {
                if !name.is_empty() {
                    files.push(PathBuf::from(std::mem::take(&mut name)));
                }
            }
            c => name.push(c),
        }
    }
    if !name.is_empty() {
        files.push(name.into());
    }
    files
}

/// The `.x.o.cmd` beside an object: its source and headers, which modpost hashes into `srcversion`,
/// and `versions`, the `#SYMVER` lines of its exports (`scripts/mod/sumversion.c` and
/// `scripts/mod/modpost.c`, Linux 6.1, read these).
pub fn notes(object: &Path, source: &Path, read: &[PathBuf], versions: &str) -> String {
    let object = object.display();
    // First the command, which kbuild compares with its own: this one is never the same.
    let mut text = format!("cmd_{object} := komod\n\nsource_{object} := {}\n\n", source.display());
    let _ = writeln!(text, "deps_{object} := \\");
    for file in read.iter().filter(|file| *file != source) {
        let _ = writeln!(text, "  {} \\", file.display());
    }
    let _ = write!(text, "\n{object}: $(deps_{object})\n\n$(deps_{object}):\n\n{versions}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_gcc() {
        let text = "x.o: /m/x.c include/a.h \\\n /s/b\\ c.h \\\n d$$.h\n\ninclude/a.h:\n";
        let files = parse(text);
        let names: Vec<_> = files.iter().map(|f| f.to_str().unwrap()).collect();
        assert_eq!(names, ["/m/x.c", "include/a.h", "/s/b c.h", "d$.h"]);
        assert!(parse("").is_empty() && parse("x.o:").is_empty());
        assert_eq!(parse("x.o: a\\"), [PathBuf::from("a")]);
    }

    #[test]
    fn notes_have_the_lines_modpost_reads() {
        let read = ["/m/x.c".into(), "/m/x.h".into()];
        let text = notes(Path::new("/m/x.o"), Path::new("/m/x.c"), &read, "#SYMVER f 0x1\n");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[2..6],
            ["source_/m/x.o := /m/x.c", "", "deps_/m/x.o := \\", "  /m/x.h \\"]
        );
        assert_eq!(lines.last(), Some(&"#SYMVER f 0x1"));
    }
}
