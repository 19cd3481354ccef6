//! What goes to a shell's tools and comes from them, between text and data.

use komod_process::protocol::Entry;

/// Parameters as insmod wants them: a word each. Blanks in double quotes are none
/// (`next_arg` in `lib/cmdline.c`, Linux 6.1).
pub fn split(params: &str) -> Vec<String> {
    let (mut words, mut word, mut inside) = (Vec::new(), String::new(), false);
    for c in params.chars() {
        inside ^= c == '"';
        match c.is_whitespace() && !inside {
            true if word.is_empty() => {}
            true => words.push(std::mem::take(&mut word)),
            false => word.push(c),
        }
    }
    words.extend(Some(word).filter(|w| !w.is_empty()));
    words
}

/// For printf's `%b`: three digits behind a zero.
pub fn octal(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("\\0{b:03o}")).collect()
}

/// `INODE NAME` lines, `//`, then those of `ls -l`.
pub fn entries(text: &str) -> Vec<Entry> {
    let Some((names, modes)) = text.split_once("//\n") else { return Vec::new() };
    let kinds = modes.lines().filter(|l| !l.starts_with("total ")).map(|line| {
        // `DT_*` of readdir(3).
        match line.chars().next() {
            Some('p') => 1,
            Some('c') => 2,
            Some('d') => 4,
            Some('b') => 6,
            Some('-') => 8,
            Some('l') => 10,
            Some('s') => 12,
            _ => 0,
        }
    });
    let names = names.lines().filter_map(|line| line.trim_start().split_once(' '));
    let both = names.zip(kinds);
    both.filter_map(|((inode, name), kind)| {
        Some(Entry { name: name.to_owned(), inode: inode.parse().ok()?, kind })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::quoting::quoted;
    use super::*;
    use std::process::Command;

    #[test]
    fn parameters_are_words() {
        assert_eq!(split("a=1  b=\"x y\" c"), ["a=1", "b=\"x y\"", "c"]);
        assert_eq!(split(""), [""; 0]);
    }

    #[test]
    fn a_shell_prints_any_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        let script = format!("printf %b {}", quoted(&octal(&bytes)));
        let out = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(out.stdout, bytes);
    }

    #[test]
    fn a_folder_is_listed_with_kinds() {
        let text = "  7 .\n 12 a b\n 13 null\n//\ntotal 4\ndrwxr-xr-x 2 0 0 40 Jan 1 .\n\
                    -rw-r--r-- 1 0 0 1 Jan 1 a b\ncrw-rw-rw- 1 0 0 1, 3 Jan 1 null\n";
        let entries = entries(text);
        let got: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.inode, e.kind)).collect();
        assert_eq!(got, [(".", 7, 4), ("a b", 12, 8), ("null", 13, 2)]);
    }
}
