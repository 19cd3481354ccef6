//! The compiler's messages, taken apart.

mod block;

use std::path::PathBuf;

pub use block::{Block, blocks};

/// How a compiler rates a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `error:` or `fatal error:`.
    Error,
    /// `warning:`.
    Warning,
    /// `note:`, which belongs to the message before it.
    Note,
}

/// One message: `FILE:LINE:COLUMN: LEVEL: TEXT`, the form gcc and clang share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The file, as printed.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1; 0 if none was given.
    pub column: u32,
    /// The rating.
    pub level: Level,
    /// What it says, with plain quotes and without the option's name.
    pub text: String,
    /// The option that controls it: `-Werror=incompatible-pointer-types`.
    pub option: Option<String>,
}

/// All messages among the lines.
pub fn parse(lines: &[String]) -> Vec<Message> {
    lines.iter().filter_map(|line| parse_line(line)).collect()
}

fn parse_line(line: &str) -> Option<Message> {
    let levels = [
        (": fatal error: ", Level::Error),
        (": error: ", Level::Error),
        (": warning: ", Level::Warning),
        (": note: ", Level::Note),
    ];
    let (place, level, rest) = levels.iter().find_map(|(mark, level)| {
        let (place, rest) = line.split_once(mark)?;
        Some((place, *level, rest))
    })?;
    let (head, last) = place.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    let (path, line, column) = match head.rsplit_once(':').map(|(path, n)| (path, n.parse())) {
        Some((path, Ok(line))) => (path, line, last),
        _ => (head, last, 0),
    };
    let (text, option) = match rest.rsplit_once(" [-W") {
        Some((text, option)) => (text, Some(format!("-W{}", option.trim_end_matches(']')))),
        None => (rest, None),
    };
    Some(Message {
        path: path.into(),
        line,
        column,
        level,
        text: text.replace(['\u{2018}', '\u{2019}'], "'"),
        option,
    })
}

impl Message {
    /// The text in the first pair of single quotes.
    pub fn quoted(&self) -> Option<&str> {
        self.text.split('\'').nth(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcc_lines() {
        let lines: Vec<String> = [
            "/p/test.c: In function '__exittest':",
            "/p/test.c:5:13: error: returning 'int (*)(void)' from a function with incompatible \
             return type 'exitcall_t' {aka 'void (*)(void)'} [-Werror=incompatible-pointer-types]",
            "    5 | module_exit(test_exit);",
            "/p/a:b.c:7: warning: odd",
            "x.c:1:10: fatal error: stdio.h: No such file or directory",
            "make[1]: *** [x: y] Error 1",
        ]
        .map(String::from)
        .to_vec();
        let messages = parse(&lines);
        assert_eq!(messages.len(), 3);
        let first = messages.first().unwrap();
        assert_eq!((first.line, first.column, first.level), (5, 13, Level::Error));
        assert_eq!(first.option.as_deref(), Some("-Werror=incompatible-pointer-types"));
        assert_eq!(first.quoted(), Some("int (*)(void)"));
        assert!(first.text.ends_with("{aka 'void (*)(void)'}"));
        let second = messages.get(1).unwrap();
        assert_eq!((second.path.to_str().unwrap(), second.line, second.column), ("/p/a:b.c", 7, 0));
        assert_eq!(messages.get(2).unwrap().text, "stdio.h: No such file or directory");
    }
}
