//! Where the include preamble of a C file ends.
//!
//! The place only decides how much a warm compiler has done in advance, never what it produces: the
//! compiler stops at this byte wherever it is, be it in a comment or between `#if` and `#endif`.

use memchr::memmem::find;

/// The end of the last line with an `#include` before the first line of code: what follows that
/// line begins there. `None` without such a line, or with nothing after it.
pub fn end(text: &[u8]) -> Option<usize> {
    let mut last = None;
    let mut at = 0;
    let mut in_comment = false;
    let mut continued = false;
    for line in text.split_inclusive(|&b| b == b'\n') {
        at += line.len();
        if !line.ends_with(b"\n") {
            break; // the last line of a file is not finished before its end
        }
        let (kind, open) =
            if continued { (Kind::Directive, in_comment) } else { kind(line, in_comment) };
        in_comment = open;
        continued = kind != Kind::Nothing && is_continued(line);
        match kind {
            Kind::Code => break,
            Kind::Include if !continued && !open => last = Some(at),
            _ => {}
        }
    }
    last.filter(|&end| end < text.len())
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Nothing,
    Include,
    Directive,
    Code,
}

/// What a line is, and whether a comment is open at its end.
fn kind(line: &[u8], mut in_comment: bool) -> (Kind, bool) {
    let mut rest = line;
    let mut kind = Kind::Nothing;
    loop {
        if in_comment {
            let Some(end) = find(rest, b"*/") else { return (kind, true) };
            rest = &rest[end + 2..];
        }
        rest = rest.trim_ascii_start();
        if kind == Kind::Nothing {
            kind = match rest {
                [] | [b'/', b'/', ..] => return (Kind::Nothing, false),
                [b'/', b'*', ..] => Kind::Nothing,
                [b'#', word @ ..] if word.trim_ascii_start().starts_with(b"include") => {
                    Kind::Include
                }
                [b'#', ..] => Kind::Directive,
                _ => return (Kind::Code, false),
            };
        }
        // The path of an include may hold `//` or `/*`; then the line is long, and so what.
        let Some(start) = find(rest, b"/*") else { return (kind, false) };
        if find(rest, b"//").is_some_and(|line_comment| line_comment < start) {
            return (kind, false);
        }
        rest = &rest[start + 2..];
        in_comment = true;
    }
}

fn is_continued(line: &[u8]) -> bool {
    line.trim_ascii_end().ends_with(b"\\")
}

#[cfg(test)]
mod tests {
    use super::end;

    /// The text before the end.
    fn before(text: &str) -> Option<&str> {
        end(text.as_bytes()).map(|at| &text[..at])
    }

    #[test]
    fn ends_after_the_last_include() {
        let head = "// a\n/* b\n * #include <no.h>\n */\n#include <a.h>\n\n#define X 1\n# include \"b.h\" /* c */\n";
        assert_eq!(
            before(&format!("{head}\n#define Y\nint x;\n#include <late.h>\nint y;\n")),
            Some(head)
        );
    }

    #[test]
    fn code_ends_the_search() {
        assert_eq!(before("int x;\n#include <a.h>\nint y;\n"), None);
        assert_eq!(
            before("#include <a.h>\n/* c */ int x;\n#include <b.h>\n;"),
            Some("#include <a.h>\n")
        );
        assert_eq!(
            before("#define F() \\\n  int x\n#include <a.h>\n;"),
            Some("#define F() \\\n  int x\n#include <a.h>\n")
        );
    }

    #[test]
    fn conditions_and_dos_lines_do_not_matter() {
        let head = "#ifdef A\r\n#include <a.h>\r\n";
        assert_eq!(before(&format!("{head}#endif\r\nint x;\r\n")), Some(head));
    }

    #[test]
    fn nothing_without_an_include_or_after_it() {
        for text in
            ["", "\n", "int x;\n", "#include <a.h>\n", "#include <a.h>", "/* #include <a.h>\n"]
        {
            assert_eq!(before(text), None, "{text:?}");
        }
    }

    #[test]
    fn any_bytes() {
        for text in
            [&b"#include <a.h>\n\xff\xfe"[..], b"/*/\n#include <a.h>\n", b"\\\n#\n", b"#include"]
        {
            let _ = end(text);
        }
        assert_eq!(end(b"#include <a.h> /* open\n*/\nint x;\n"), None);
    }
}
