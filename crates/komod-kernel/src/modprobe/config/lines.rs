//! Lines of a configuration file: a `\` at the end of one joins the next, elsewhere it is dropped;
//! what starts with `#` is a comment.

/// A line with the number of the last line it was put together from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub number: u32,
    pub text: Vec<u8>,
}

/// All lines of a text.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Line> {
    let mut rest = text;
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut line = Vec::new();
        number += 1;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            match (byte, behind.split_first()) {
                (b'\n', _) => break,
                (b'\\', Some((&escaped, behind))) => {
                    rest = behind;
                    match escaped {
                        b'\n' => number += 1,
                        _ => line.push(escaped),
                    }
                }
                _ => line.push(byte),
            }
        }
        Some(Line { number, text: line })
    })
}

/// What separates words.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The words of a text.
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| is_space(*byte)).filter(|word| !word.is_empty())
}

/// The first word, and what stands behind the one space that ends it.
pub fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = text.iter().position(|byte| !is_space(*byte))?;
    let text = &text[start..];
    let end = text.iter().position(|byte| is_space(*byte)).unwrap_or(text.len());
    Some((&text[..end], text.get(end + 1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_join_lines() {
        let all: Vec<_> = lines(b"a \\\nb\n\n# c\\\nd\nx\\ty\\\\\nend\\").collect();
        let shown: Vec<_> = all
            .iter()
            .map(|line| format!("{} {}", line.number, String::from_utf8_lossy(&line.text)))
            .collect();
        assert_eq!(shown, ["2 a b", "3 ", "5 # cd", "6 xty\\", "7 end\\"]);
        assert_eq!(lines(b"").count(), 0);
    }

    #[test]
    fn words_are_taken_one_by_one() {
        assert_eq!(split(b" \ta  b\tc "), Some((&b"a"[..], &b" b\tc "[..])));
        assert_eq!(split(b"a"), Some((&b"a"[..], &b""[..])));
        assert_eq!(split(b" \t"), None);
        assert_eq!(words(b" a\t b ").collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
