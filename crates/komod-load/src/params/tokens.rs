//! Taking an argument string apart.

/// One argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What stands before the `=`.
    pub name: &'a [u8],
    /// What stands behind it; `None` without `=`.
    pub value: Option<&'a [u8]>,
}

/// The arguments of a string: separated by white space, double quotes hold white space together.
///
/// Quotes around a whole value or a whole argument are removed, others stay. The string ends at
/// its first NUL.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: &'a [u8],
}

/// White space as the kernel's `isspace()` knows it; 0xa0 is the Latin-1 hard space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0xa0)
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&byte| !is_space(byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

impl<'a> Tokens<'a> {
    /// Starts at the first argument.
    pub fn new(args: &'a [u8]) -> Self {
        let end = args.iter().position(|&byte| byte == 0).unwrap_or(args.len());
        Tokens { rest: skip_spaces(&args[..end]) }
    }

    /// What has not been taken apart yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let (quoted, args) = match self.rest {
            [] => return None,
            [b'"', args @ ..] => (true, args),
            args => (false, args),
        };
        let mut in_quote = quoted;
        // An `=` in first place is no separator: the kernel takes index 0 for "none".
        let mut equals = 0;
        let mut end = args.len();
        for (index, &byte) in args.iter().enumerate() {
            if is_space(byte) && !in_quote {
                end = index;
                break;
            }
            if equals == 0 && byte == b'=' {
                equals = index;
            }
            in_quote ^= byte == b'"';
        }
        let argument = &args[..end];
        self.rest = skip_spaces(args.get(end..).unwrap_or_default());
        let unquoted_tail = |bytes: &'a [u8]| bytes.strip_suffix(b"\"").unwrap_or(bytes);
        if equals == 0 {
            let name = if quoted { unquoted_tail(argument) } else { argument };
            return Some(Token { name, value: None });
        }
        let (name, value) = (&argument[..equals], &argument[equals + 1..]);
        let value = match value {
            [b'"', inner @ ..] => unquoted_tail(inner),
            _ if quoted => unquoted_tail(value),
            _ => value,
        };
        Some(Token { name, value: Some(value) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    fn split(args: &str) -> Vec<(String, Option<String>)> {
        let text = |bytes: &[u8]| core::str::from_utf8(bytes).unwrap().to_string();
        Tokens::new(args.as_bytes()).map(|t| (text(t.name), t.value.map(text))).collect()
    }

    type Split<'s> = &'s [(&'s str, Option<&'s str>)];

    #[test]
    fn splits_as_the_kernel_does() {
        let cases: &[(&str, Split<'_>)] = &[
            ("", &[]),
            ("   ", &[]),
            ("a=1 b=2", &[("a", Some("1")), ("b", Some("2"))]),
            ("  a  ", &[("a", None)]),
            ("a=", &[("a", Some(""))]),
            ("a==b", &[("a", Some("=b"))]),
            ("=x", &[("=x", None)]),
            ("=x=y", &[("=x", Some("y"))]),
            ("a=\"b c\" d", &[("a", Some("b c")), ("d", None)]),
            ("\"a=b c\" d", &[("a", Some("b c")), ("d", None)]),
            ("\"a b\"", &[("a b", None)]),
            ("a=\"", &[("a", Some(""))]),
            ("a=\"open end", &[("a", Some("open end"))]),
            ("a=b\"c d\"e", &[("a", Some("b\"c d\"e"))]),
            ("a=x\ty=z", &[("a", Some("x")), ("y", Some("z"))]),
            ("a=1\0b=2", &[("a", Some("1"))]),
        ];
        for (args, wanted) in cases {
            let found = split(args);
            let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_deref())).collect();
            assert_eq!(found, *wanted, "{args:?}");
        }
    }

    #[test]
    fn rest_begins_behind_the_token() {
        let mut tokens = Tokens::new(b"-- more  here");
        tokens.next();
        assert_eq!(tokens.rest(), b"more  here");
    }
}
