//! Just enough C to edit a function safely: comments and strings out of the way, a function's
//! declarations, its body, its `return` statements.
//!
//! This is no parser. It works on text the compiler has already read, and where it does not
//! understand it finds nothing, so that no fix is offered.

use std::ops::Range;

/// The source with comments, strings and character constants blanked, byte for byte as long.
pub fn mask(source: &str) -> String {
    let mut masked = Vec::with_capacity(source.len());
    let mut state = State::Code;
    let mut bytes = source.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let next = bytes.peek().copied();
        let (shown, new) = match (state, byte) {
            (State::Code, b'/') if next == Some(b'/') => (b' ', State::Line),
            (State::Code, b'/') if next == Some(b'*') => {
                bytes.next();
                masked.push(b' ');
                (b' ', State::Block)
            }
            (State::Code, b'"' | b'\'') => (byte, State::Quote(byte)),
            (State::Code, _) => (byte, State::Code),
            (State::Line, b'\n') => (byte, State::Code),
            (State::Block, b'*') if next == Some(b'/') => {
                bytes.next();
                masked.push(b' ');
                (b' ', State::Code)
            }
            (State::Quote(quote), _) if byte == quote || byte == b'\n' => (byte, State::Code),
            (State::Quote(_), b'\\') if next.is_some_and(|b| b != b'\n') => {
                bytes.next();
                masked.push(b' ');
                (b' ', state)
            }
            (_, b'\n') => (byte, state),
            _ => (b' ', state),
        };
        masked.push(shown);
        state = new;
    }
    // Blanked stretches hold whole characters, so this is UTF-8 as the source was.
    String::from_utf8(masked).unwrap_or_default()
}

#[derive(Clone, Copy)]
enum State {
    Code,
    Line,
    Block,
    Quote(u8),
}

/// A declaration or definition of a function returning `int` or `void`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The word of the return type.
    pub result: Range<usize>,
    /// The name.
    pub name: Range<usize>,
    /// From `{` to behind `}`; nothing for a prototype.
    pub body: Option<Range<usize>>,
}

/// A `return` statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// From `return` to behind the semicolon.
    pub statement: Range<usize>,
    /// What is returned.
    pub value: Range<usize>,
}

/// Finds the whole word `word` from `from` on.
pub fn find_word(text: &str, word: &str, from: usize) -> Option<Range<usize>> {
    let mut at = from;
    loop {
        let start = at + text.get(at..)?.find(word)?;
        let end = start + word.len();
        let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        let before = text.get(..start)?.chars().next_back();
        if !part(before) && !part(text.get(end..)?.chars().next()) {
            return Some(start..end);
        }
        at = end;
    }
}

/// All declarations of `name` whose result is of type `result` (`int` or `void`). `masked` comes
/// from [`mask`].
pub fn functions(masked: &str, name: &str, result: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(word) = find_word(masked, name, at) {
        at = word.end;
        found.extend(function_at(masked, word, result));
    }
    found
}

fn function_at(masked: &str, name: Range<usize>, result: &str) -> Option<Function> {
    let head = masked.get(..name.start)?;
    let from = head.rfind([';', '{', '}']).map_or(0, |at| at + 1);
    // A preprocessor line above does not belong to the declaration.
    let from = match masked.get(from..name.start)?.rfind('#') {
        Some(hash) => from + hash + masked.get(from + hash..name.start)?.find('\n')?,
        None => from,
    };
    if masked.get(from..name.start)?.contains('=') {
        return None;
    }
    let mut word = None;
    let mut at = from;
    while let Some(next) = find_word(masked.get(..name.start)?, result, at) {
        at = next.end;
        word = Some(next);
    }
    let open = skip_space(masked, name.end);
    if masked.as_bytes().get(open) != Some(&b'(') {
        return None;
    }
    let after = matching(masked, open, b'(', b')')?;
    let rest = masked.get(after..)?;
    let mark = after + rest.find(['{', ';', '=', '(', ')', ','])?;
    let body = match masked.as_bytes().get(mark)? {
        b'{' => Some(mark..matching(masked, mark, b'{', b'}')?),
        b';' => None,
        _ => return None,
    };
    Some(Function { result: word?, name, body })
}

/// The position behind the bracket that closes the one at `open`.
fn matching(text: &str, open: usize, opening: u8, closing: u8) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().skip(open) {
        if byte == opening {
            depth += 1;
        } else if byte == closing {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}

/// The position of the first byte from `at` on that is not white.
pub fn skip_space(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + (rest.len() - rest.trim_start().len())
}

/// The `return` statements in a body.
pub fn returns(masked: &str, body: Range<usize>) -> Vec<Return> {
    let mut found = Vec::new();
    let mut at = body.start;
    while let Some(word) = find_word(masked, "return", at) {
        if word.end > body.end {
            break;
        }
        at = word.end;
        if let Some(length) = masked.get(word.end..body.end).and_then(|rest| rest.find(';')) {
            let end = word.end + length;
            let value = skip_space(masked, word.end).min(end)..end;
            found.push(Return { statement: word.start..end + 1, value });
            at = end;
        }
    }
    found
}

/// Does evaluating this do nothing but yield a value? Numbers, names and signs do.
pub fn is_plain_value(expression: &str) -> bool {
    let simple = |c: char| c.is_ascii_alphanumeric() || "_-+~() \t".contains(c);
    let call = expression
        .match_indices('(')
        .filter_map(|(at, _)| expression.get(..at)?.trim_end().chars().next_back())
        .any(|before| before.is_ascii_alphanumeric() || before == '_');
    expression.chars().all(simple)
        && !call
        && !expression.contains("++")
        && !expression.contains("--")
}

/// Line number (from 1) and column (from 1) of a byte.
pub fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1) + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_keeps_every_byte_in_place() {
        let source = "a /* ü { */ b \"x\\\"{\" '{' // y\nc 'it\n";
        let masked = mask(source);
        assert_eq!(masked.len(), source.len());
        assert_eq!(
            masked.split_whitespace().collect::<Vec<_>>(),
            ["a", "b", "\"", "\"", "'", "'", "c", "'"]
        );
        assert_eq!(masked.lines().count(), 2);
        assert!(!masked.contains('{'));
    }

    #[test]
    fn declarations_and_calls_are_told_apart() {
        let text = "#include <x.h>\nint f(void);\nstatic int __exit f(void)\n{\n\tif (f()) { return 1; }\n\
                    \treturn (0);\n}\nint g(void) { return f(); }\nint x = f(1);\n";
        let found = functions(text, "f", "int");
        assert_eq!(found.len(), 2);
        let definition = found.iter().find(|f| f.body.is_some()).unwrap();
        assert_eq!(&text[definition.result.clone()], "int");
        let returns = returns(text, definition.body.clone().unwrap());
        let values: Vec<_> = returns.iter().map(|r| &text[r.value.clone()]).collect();
        assert_eq!(values, ["1", "(0)"]);
    }

    #[test]
    fn plain_values() {
        for plain in ["0", "-1", "(0)", "-EINVAL", "ret", "- (1)"] {
            assert!(is_plain_value(plain), "{plain}");
        }
        for busy in ["f()", "i++", "--i", "a = 1", "do_it (1)", "*p"] {
            assert!(!is_plain_value(busy), "{busy}");
        }
    }

    #[test]
    fn unfinished_text_finds_nothing() {
        for text in ["int f(", "int f(void) {", "f", "int f(void)", "/*", "'", "\"\\"] {
            let masked = mask(text);
            assert_eq!(functions(&masked, "f", "int"), [], "{text}");
        }
    }
}
