//! The beginning that files can have in common: includes and plain definitions, comments aside.

use memchr::memmem::find;

/// A file's beginning.
#[derive(Debug, PartialEq)]
pub struct Preamble {
    /// Its directives, one per line, without comments and empty lines.
    pub text: Vec<u8>,
    /// Where the rest of the file begins.
    pub end: usize,
    /// The number of that line, from 1.
    pub line: usize,
}

/// The beginning up to the last include before anything but includes, `#define` in one line,
/// comments of whole lines and empty lines. `None` without an include, or with nothing after it.
pub fn read(text: &[u8]) -> Option<Preamble> {
    let mut directives = Vec::new();
    let mut found = None;
    let mut end = 0;
    let mut in_comment = false;
    for (number, line) in text.split_inclusive(|&b| b == b'\n').enumerate() {
        let Some(content) = line.strip_suffix(b"\n") else { break };
        end += line.len();
        let content = content.trim_ascii();
        if content.ends_with(b"\\") || line.contains(&b'\r') || find(content, b"??").is_some() {
            break;
        }
        if turns(content) {
            break;
        }
        if in_comment || content.starts_with(b"/*") {
            let rest = if in_comment { content } else { content.get(2..).unwrap_or_default() };
            // GCC warns of a comment in a comment.
            if find(rest, b"/*").is_some() {
                break;
            }
            match find(rest, b"*/") {
                Some(at) if at + 2 == rest.len() => in_comment = false,
                Some(_) => break,
                None => in_comment = true,
            }
            continue;
        }
        if content.is_empty() || content.starts_with(b"//") {
            continue;
        }
        match directive(content) {
            Some(Directive::Include) => {
                directives.extend_from_slice(content);
                directives.push(b'\n');
                found = Some((directives.len(), end, number + 2));
            }
            Some(Directive::Define) => {
                directives.extend_from_slice(content);
                directives.push(b'\n');
            }
            None => break,
        }
    }
    let (len, end, line) = found.filter(|&(_, end, _)| end < text.len())?;
    directives.truncate(len);
    Some(Preamble { text: directives, end, line })
}

enum Directive {
    Include,
    Define,
}

/// A directive that is the same wherever it stands.
fn directive(line: &[u8]) -> Option<Directive> {
    let word = line.strip_prefix(b"#")?.trim_ascii_start();
    if find(line, b"/*").is_some() || find(line, b"//").is_some() {
        return None;
    }
    if let Some(rest) = word.strip_prefix(b"include") {
        let rest = rest.trim_ascii();
        let good = match rest {
            [b'<', inner @ .., b'>'] => !inner.contains(&b'>'),
            [b'"', inner @ .., b'"'] => !inner.contains(&b'"'),
            _ => false,
        };
        return good.then_some(Directive::Include);
    }
    word.strip_prefix(b"define").filter(|rest| rest.starts_with(b" ")).map(|_| Directive::Define)
}

/// Characters that change the direction of writing, in UTF-8: GCC warns of them, also in comments
/// (`-Wbidi-chars`).
fn turns(line: &[u8]) -> bool {
    line.windows(3).any(|three| {
        matches!(three, [0xe2, 0x80, 0x8e | 0x8f | 0xaa..=0xae] | [0xe2, 0x81, 0xa6..=0xa9])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directives(text: &str) -> Option<String> {
        read(text.as_bytes()).map(|p| String::from_utf8(p.text).unwrap())
    }

    #[test]
    fn comments_make_no_difference() {
        let file = "// SPDX\n/*\n * me\n */\n\n#define pr_fmt(f) \"x\" f\n#include <a.h>\n/* b */\n#include \"b.h\"\n\nint x;\n";
        let preamble = read(file.as_bytes()).unwrap();
        assert_eq!(preamble.text, b"#define pr_fmt(f) \"x\" f\n#include <a.h>\n#include \"b.h\"\n");
        assert_eq!(preamble.line, 10);
        assert_eq!(&file.as_bytes()[preamble.end..], b"\nint x;\n");
        assert_eq!(
            directives("#include <a.h>\n#define X 1\nint x;\n").unwrap(),
            "#include <a.h>\n"
        );
    }

    #[test]
    fn the_unusual_ends_it() {
        for stop in [
            "#if 1\n",
            "#include A\n",
            "#include <a.h> /* why */\n",
            "#define A \\\n 1\n",
            "#define A /* b\n */\n",
            "#define A // b\n",
            "/* a */ int x;\n",
            "/* a */ /* b\n */\n",
            "#pragma once\n",
            "#include <a.h>\r\n",
            "#include <a.h> x>\n",
            "// a \\\n#include <no.h>\n",
            "// a \\ \n#include <no.h>\n",
            "#define A \\\t\n 1\n",
            "/* a /* b */\n",
            "/*\n * a /* b\n */\n",
            "// a \u{202e}\n",
            "/*\n * a \u{2066}\n */\n",
            "#define A ??/\n",
            "#undef A\n",
        ] {
            let text = format!("#include <1.h>\n{stop}#include <2.h>\nint x;\n");
            assert_eq!(directives(&text).as_deref(), Some("#include <1.h>\n"), "{stop}");
        }
        for none in ["", "int x;\n", "#include <a.h>\n", "#include <a.h>", "/* #include <a.h>\n"] {
            assert_eq!(directives(none), None, "{none}");
        }
    }
}
