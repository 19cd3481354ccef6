//! The lines of a configuration file, as kmod reads them (modprobe.d(5)): `\` at the end of a line
//! joins the next one, elsewhere it goes away; `#` in the first column starts a comment.

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it ends in the file, from 1.
    pub number: usize,
    /// What stands between spaces and tabs.
    pub words: Vec<Vec<u8>>,
}

/// All lines with words.
pub fn lines(text: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut number = 1;
    let mut bytes = text.iter().copied();
    loop {
        match bytes.next() {
            Some(b'\\') => match bytes.next() {
                Some(b'\n') => number += 1,
                Some(byte) => line.push(byte),
                None => {}
            },
            Some(b'\n') => {
                take(&mut lines, &mut line, number);
                number += 1;
            }
            Some(byte) => line.push(byte),
            None => {
                take(&mut lines, &mut line, number);
                return lines;
            }
        }
    }
}

fn take(lines: &mut Vec<Line>, line: &mut Vec<u8>, number: usize) {
    let text = std::mem::take(line);
    if text.starts_with(b"#") {
        return;
    }
    let words = text.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let words: Vec<Vec<u8>> = words.map(<[u8]>::to_vec).collect();
    if !words.is_empty() {
        lines.push(Line { number, words });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_join_and_comments_go() {
        let read = lines(b"a \\\n b\n#c\\\nd\n\n e\\f\t g");
        let shown: Vec<(usize, String)> = read
            .iter()
            .map(|line| {
                (line.number, String::from_utf8_lossy(&line.words.join(&b'|')).into_owned())
            })
            .collect();
        assert_eq!(shown, [(2, "a|b".to_owned()), (6, "ef|g".to_owned())]);
    }
}
