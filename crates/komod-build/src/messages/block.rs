//! The compiler's messages with all that belongs to each: where the file was included from, which
//! function it is about, the source lines shown, the notes behind it.

use super::{Level, Message, parse_line};

/// A message and the lines around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The message.
    pub message: Message,
    /// The notes that follow it.
    pub notes: Vec<Message>,
    /// The text as the compiler printed it; every line ends in a newline.
    pub rendered: String,
}

/// All messages among the lines, in order.
pub fn blocks(lines: &[String]) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    // Lines that may belong to the next message; whether the last message can go on.
    let mut lead: Vec<&str> = Vec::new();
    let mut open = false;
    for line in lines {
        if let Some(message) = parse_line(line) {
            let mut text: String = lead.drain(..).map(|line| format!("{line}\n")).collect();
            text.push_str(line);
            text.push('\n');
            match found.last_mut() {
                Some(block) if open && message.level == Level::Note => {
                    block.rendered.push_str(&text);
                    block.notes.push(message);
                }
                _ => found.push(Block { message, notes: Vec::new(), rendered: text }),
            }
            open = true;
        } else if is_lead(line) {
            lead.push(line);
        } else if is_source(line) {
            if let Some(block) = found.last_mut().filter(|_| open) {
                block.rendered.push_str(line);
                block.rendered.push('\n');
            }
        } else {
            lead.clear();
            open = false;
        }
    }
    found
}

/// Said before a message.
fn is_lead(line: &str) -> bool {
    line.starts_with("In file included from ")
        || line.starts_with("                 from ")
        || line.contains(": In function ")
        || line.ends_with(": At top level:")
}

/// `    5 | text`, `      |   ^~~`, `  +++ |+#include <x.h>`.
fn is_source(line: &str) -> bool {
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'+');
    line.split_once('|').is_some_and(|(gutter, _)| gutter.starts_with(' ') && number(gutter.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_belong_to_their_messages() {
        let text = "\
  CC [M]  /m/x.o
In file included from x.c:1:
x.c: In function 'f':
h.h:2:3: warning: odd [-Wodd]
    2 | odd
      | ^~~
x.c:5:1: note: in expansion of macro 'ODD'
    5 | ODD;
x.c: At top level:
x.c:7:2: error: no
    7 | #error no
cc1: some warnings being treated as errors
x.c:9:1: note: alone
";
        let lines: Vec<String> = text.lines().map(String::from).collect();
        let blocks = blocks(&lines);
        let rendered: Vec<String> = blocks.iter().map(|b| b.rendered.clone()).collect();
        let of = |range: std::ops::Range<usize>| {
            lines[range].iter().map(|line| format!("{line}\n")).collect::<String>()
        };
        assert_eq!(rendered, [of(1..8), of(8..11), of(12..13)]);
        let notes: Vec<usize> = blocks.iter().map(|b| b.notes.len()).collect();
        assert_eq!(notes, [1, 0, 0]);
    }
}
