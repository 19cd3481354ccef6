//! Words for a POSIX shell (POSIX.1-2017, "Shell Command Language", 2.2.2).

/// One word, whatever is in it.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_shell_gives_words_back() {
        for word in ["", "plain", "it's", "$HOME `x` \\ \"", "a\nb", "'", "-n"] {
            let script = format!("printf %s {}", quoted(word));
            let out = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&out.stdout), word, "{script}");
        }
    }
}
