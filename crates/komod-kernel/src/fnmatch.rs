//! Shell patterns as fnmatch(3) matches them without flags, in the C locale: `*`, `?`, `[…]` with
//! ranges, `!` or `^` and classes, `\` before a byte that stands for itself. No byte is special in
//! the text, `/` and a leading `.` neither.

use std::collections::BTreeSet;

/// Does all of `text` match `pattern`? Takes at most the product of both lengths.
pub fn fnmatch(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern_at, mut text_at) = (0, 0);
    let mut open = Open::default();
    // Behind the last `*`: where the pattern goes on, and how much of the text it may start at.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(pattern_at), text.get(text_at)) {
            (Some(b'*'), _) => {
                pattern_at += 1;
                star = Some((pattern_at, text_at));
                continue;
            }
            (None, None) => return true,
            (None, Some(_)) => None,
            (Some(_), None) => return false,
            (Some(_), Some(&byte)) => one(pattern, pattern_at, byte, &mut open),
        };
        match (step, &mut star) {
            (Some(length), _) => {
                pattern_at += length;
                text_at += 1;
            }
            (None, Some((behind, start))) => {
                *start += 1;
                (pattern_at, text_at) = (*behind, *start);
            }
            (None, None) => return false,
        }
    }
}

/// Where brackets begin that have no end: each is looked through only once, however often a `*` has
/// it tried.
#[derive(Default)]
struct Open(BTreeSet<usize>);

/// The length of what stands at a place of a pattern for one byte, if that byte matches it.
fn one(pattern: &[u8], at: usize, byte: u8, open: &mut Open) -> Option<usize> {
    let (length, matches) = match pattern[at..] {
        [b'?', ..] => (1, true),
        [b'\\', escaped, ..] => (2, escaped == byte),
        // A lone backslash at the end matches nothing.
        [b'\\'] => return None,
        [b'[', ref rest @ ..] if !open.0.contains(&at) => match bracket(rest, byte) {
            Some((length, matches)) => (1 + length, matches),
            // Without its end it stands for itself.
            None => {
                open.0.insert(at);
                (1, byte == b'[')
            }
        },
        [literal, ..] => (1, literal == byte),
        [] => return None,
    };
    matches.then_some(length)
}

/// What follows a `[`: its length with the `]`, and whether the byte is in it. `None` if it has no
/// end.
fn bracket(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let mut at = start;
    let mut found = false;
    loop {
        let rest = pattern.get(at..)?;
        if at > start && rest.first() == Some(&b']') {
            return Some((at + 1, found != negated));
        }
        if let Some((length, class)) = class(rest) {
            found |= class(&byte);
            at += length;
            continue;
        }
        let (low, length) = member(rest)?;
        at += length;
        match pattern.get(at..)? {
            // A `-` before the end stands for itself.
            [b'-', next, ..] if *next != b']' => {
                let (high, length) = member(&pattern[at + 1..])?;
                found |= (low..=high).contains(&byte);
                at += 1 + length;
            }
            _ => found |= low == byte,
        }
    }
}

/// A byte of a bracket, maybe escaped, and its length.
fn member(pattern: &[u8]) -> Option<(u8, usize)> {
    match pattern {
        [b'\\', escaped, ..] => Some((*escaped, 2)),
        [byte, ..] => Some((*byte, 1)),
        [] => None,
    }
}

type Class = fn(&u8) -> bool;

/// The classes by name (POSIX).
const CLASSES: [(&[u8], Class); 12] = [
    (b"[:alnum:]", u8::is_ascii_alphanumeric),
    (b"[:alpha:]", u8::is_ascii_alphabetic),
    (b"[:blank:]", |byte| matches!(byte, b' ' | b'\t')),
    (b"[:cntrl:]", u8::is_ascii_control),
    (b"[:digit:]", u8::is_ascii_digit),
    (b"[:graph:]", u8::is_ascii_graphic),
    (b"[:lower:]", u8::is_ascii_lowercase),
    (b"[:print:]", |byte| matches!(byte, b' '..=b'~')),
    (b"[:punct:]", u8::is_ascii_punctuation),
    (b"[:space:]", |byte| matches!(byte, b' ' | b'\t'..=b'\r')),
    (b"[:upper:]", u8::is_ascii_uppercase),
    (b"[:xdigit:]", u8::is_ascii_hexdigit),
];

/// The class at the start of a part of a bracket, and its length.
fn class(pattern: &[u8]) -> Option<(usize, Class)> {
    if !pattern.starts_with(b"[:") {
        return None;
    }
    let here = |(name, _): &&(&[u8], Class)| pattern.starts_with(name);
    CLASSES.iter().find(here).map(|(name, class)| (name.len(), *class))
}

#[cfg(test)]
mod tests {
    use super::fnmatch;

    /// As glibc 2.36 answers.
    #[test]
    fn patterns_match_as_in_the_c_library() {
        let cases: &[(&str, &str, bool)] = &[
            ("", "", true),
            ("*", "", true),
            ("a*", "a/.b", true),
            ("*a*b", "xaybzb", true),
            ("*a*b", "xayc", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[]a]", "]", true),
            ("[!]a]", "b", true),
            ("[a-]", "-", true),
            ("[c-a]", "b", false),
            ("[a", "[a", true),
            ("[a", "a", false),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"a\", r"a\", false),
            (r"[\]]", "]", true),
            ("[[:digit:]x]", "7", true),
            ("[[:digit:]x]", "a", false),
        ];
        for (pattern, text, expected) in cases {
            let found = fnmatch(pattern.as_bytes(), text.as_bytes());
            assert_eq!(found, *expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = "*a".repeat(2000);
        let text = "a".repeat(20_000) + "b";
        assert!(!fnmatch(pattern.as_bytes(), text.as_bytes()));
    }

    /// Each of them could end at the end of the pattern, and is tried at each byte of the text.
    #[test]
    fn many_open_brackets_take_no_time() {
        let pattern = format!("*{}b", "[".repeat(3000));
        let text = "[".repeat(4000);
        assert!(!fnmatch(pattern.as_bytes(), text.as_bytes()));
        assert!(fnmatch(pattern.as_bytes(), format!("{text}b").as_bytes()));
    }
}
