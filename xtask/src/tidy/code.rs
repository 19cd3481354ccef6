//! Rust code without its comments and literals, and the rule that needs it: unsafe-fence.

use super::{Finding, SourceFile};

/// Where `unsafe` is at home (DESIGN.md, unsafe-fence).
pub const FENCE: &[&str] = &[
    "crates/komod-process/",
    "crates/komod-kernel/src/map.rs",
    "crates/komod-kernel/src/host/libc_calls.rs",
];

pub fn unsafe_only_inside_the_fence(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        if FENCE.iter().any(|inside| file.path.starts_with(inside)) {
            continue;
        }
        for (number, line) in code_only(file.text()).lines().enumerate() {
            if has_word(line, "unsafe") {
                findings.push(file.finding(number + 1, "unsafe outside the fence"));
            }
        }
    }
    findings
}

/// Is `word` in `line`, not as a part of a longer name?
pub fn has_word(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !part(line[..at].chars().next_back()) && !part(line[at + word.len()..].chars().next())
    })
}

/// The text with comments and the insides of string and character literals blanked; line breaks
/// stay where they are.
pub fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut previous = ' ';
    while let Some(c) = rest.chars().next() {
        let skip = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' | 'b' | 'c' if !(previous.is_alphanumeric() || previous == '_') => raw_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        let len = if skip == 0 { c.len_utf8() } else { skip };
        let (token, tail) = rest.split_at(len);
        if skip == 0 {
            out.push(c);
        } else {
            out.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        previous = token.chars().next_back().unwrap_or(' ');
        rest = tail;
    }
    out
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`; 0 when it is none.
fn raw_string(text: &str) -> usize {
    let after = text.trim_start_matches(['b', 'c']);
    let Some(after) = after.strip_prefix('r') else { return 0 };
    let hashes = after.bytes().take_while(|b| *b == b'#').count();
    let Some(body) = after[hashes..].strip_prefix('"') else { return 0 };
    let start = text.len() - body.len();
    let close = format!("\"{}", "#".repeat(hashes));
    body.find(&close).map_or(text.len(), |end| start + end + close.len())
}

/// `'x'`, `'\n'`, `'\u{7f}'`; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text.get(3..).and_then(|r| r.find('\'')).map_or(0, |end| end + 4),
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        for (text, code) in [
            ("a // unsafe\nb", "a          \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"f("uns\"afe", 1)"#, r#"f(          , 1)"#),
            (r###"f(r#"a"b"#, 1)"###, "f(        , 1)"),
            ("f('\"', 'a, x)", "f(   , 'a, x)"),
            (r"f('\'', b)", "f(    , b)"),
            ("let bar = r;", "let bar = r;"),
        ] {
            let got = code_only(text);
            assert_eq!(got.trim_end(), code.trim_end(), "{text}");
            assert_eq!(got.lines().count(), text.lines().count(), "{text}");
        }
    }

    #[test]
    fn the_fence() {
        let text = "fn f() {\n    unsafe { g() }\n}\n";
        let found = unsafe_only_inside_the_fence(&[file("crates/komod/src/main.rs", text)]);
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [2]);
        for inside in ["crates/komod-process/src/x.rs", "crates/komod-kernel/src/map.rs"] {
            assert!(unsafe_only_inside_the_fence(&[file(inside, text)]).is_empty());
        }
        let harmless = "#![forbid(unsafe_code)]\n// unsafe\nlet s = \"unsafe\";\n";
        assert!(unsafe_only_inside_the_fence(&[file("a.rs", harmless)]).is_empty());
    }
}
