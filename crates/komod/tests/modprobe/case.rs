//! Case files: read, compared, written.

use std::fmt::{self, Display, Write};
use std::path::Path;

/// Stands for a space at the end of a line.
const SPACE: char = '␠';

/// A file of calls.
pub struct Case {
    pub parts: Vec<Part>,
}

pub enum Part {
    /// A remark.
    Text(String),
    /// A file of configuration.
    File(String, String),
    Call(Call),
}

/// A call, and what it said.
pub struct Call {
    /// Komod does this, kmod does not.
    pub ours_only: bool,
    pub arguments: String,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
    pub status: i32,
}

impl Call {
    /// Words; single quotes keep spaces.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for (number, part) in self.arguments.split('\'').enumerate() {
            match number % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    }

    /// Calls for komod alone show its own manner.
    pub fn komod_manner(&self) -> bool {
        self.ours_only
    }
}

impl Case {
    pub fn read(file: &Path) -> Case {
        let text = std::fs::read_to_string(file).unwrap();
        let mut parts: Vec<Part> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("--- ") {
                parts.push(Part::File(name.to_owned(), String::new()));
            } else if let Some(arguments) = line.strip_prefix("$ ") {
                let ours = arguments.strip_prefix("ours ");
                parts.push(Part::Call(Call {
                    ours_only: ours.is_some(),
                    arguments: ours.unwrap_or(arguments).to_owned(),
                    stdout: Vec::new(),
                    stderr: Vec::new(),
                    status: 0,
                }));
            } else {
                match parts.last_mut() {
                    Some(Part::Call(call)) => call.line(line),
                    Some(Part::File(_, text)) => *text += &format!("{}\n", end(line)),
                    Some(Part::Text(text)) => *text += &format!("{line}\n"),
                    None => parts.push(Part::Text(format!("{line}\n"))),
                }
            }
        }
        Case { parts }
    }
}

impl Call {
    fn line(&mut self, line: &str) {
        let line = end(line);
        if let Some(text) = line.strip_prefix("2> ") {
            self.stderr.push(text.to_owned());
        } else if let Some(status) = line.strip_prefix("? ") {
            self.status = status.parse().unwrap();
        } else {
            self.stdout.push(line);
        }
    }
}

fn end(line: &str) -> String {
    line.strip_suffix(SPACE).map_or_else(|| line.to_owned(), |rest| format!("{rest} "))
}

/// The other way round.
fn marked(line: &str) -> String {
    line.strip_suffix(' ').map_or_else(|| line.to_owned(), |rest| format!("{rest}{SPACE}"))
}

impl Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::File(name, text) => {
                    writeln!(f, "--- {name}")?;
                    text.lines().try_for_each(|line| writeln!(f, "{}", marked(line)))?;
                }
                Part::Call(call) => {
                    let ours = if call.ours_only { "ours " } else { "" };
                    writeln!(f, "$ {ours}{}", call.arguments)?;
                    call.stdout.iter().try_for_each(|line| writeln!(f, "{}", marked(line)))?;
                    call.stderr.iter().try_for_each(|line| writeln!(f, "2> {}", marked(line)))?;
                    if call.status != 0 {
                        writeln!(f, "? {}", call.status)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Debian's build of kmod tells where in its sources a message comes from; upstream's does not.
pub fn without_place(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    if let Some(at) = words.iter().position(|word| word.starts_with("../libkmod/")) {
        words.remove(at);
        // `modprobe: ERROR: ../file.c:1 function() text`, but `libkmod: ERROR ../file.c:1
        // function: text`, where upstream has `ERROR: function: text`.
        match words.get(at).is_some_and(|word| word.ends_with("()")) {
            true => drop(words.remove(at)),
            false => return words.join(" ").replacen("ERROR ", "ERROR: ", 1),
        }
    }
    words.join(" ")
}

/// The lines that only one of two texts has, in order, from the first on.
pub fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let same = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let mut out = String::new();
    let call = expected[..same].iter().rfind(|line| line.starts_with("$ "));
    let _ = writeln!(out, "  {}", call.unwrap_or(&""));
    for (sign, lines) in [('-', &expected), ('+', &found)] {
        for line in lines.iter().skip(same).take(6) {
            let _ = writeln!(out, "{sign} {line}");
        }
    }
    out
}
