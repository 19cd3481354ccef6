//! Command lines as kbuild's makefiles (and people) spell them: split into words where that needs no shell, and
//! with paths replaced.
//!
//! make hands every command to `/bin/sh`. Most are a program and its words, some several such
//! commands with `;` between; those are run without a shell. Whatever has more to it (pipes,
//! redirections, variables, patterns) is left to the shell.

/// The commands of a line, as words. Nothing if it takes a shell to understand it.
pub fn commands(text: &str) -> Option<Vec<Vec<String>>> {
    let mut commands = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(c),
            (Some(_), '$' | '`') => return None,
            (Some(_), '\\') => match chars.next()? {
                next @ ('$' | '`' | '"' | '\\') => word.get_or_insert_default().push(next),
                next => word.get_or_insert_default().extend(['\\', next]),
            },
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, ';') => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            (None, '#') if word.is_none() => return None,
            (None, c) if "$`|&<>(){}*?[]~!\n".contains(c) => return None,
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return None;
    }
    words.extend(word);
    commands.push(words);
    commands.retain(|words| !words.is_empty() && words != &["true"] && words != &[":"]);
    let plain = |words: &Vec<String>| {
        // Assignments before a command and the shell's own words.
        words.first().is_some_and(|w| !w.contains('=') && !SHELL_WORDS.contains(&w.as_str()))
    };
    commands.iter().all(plain).then_some(commands)
}

/// First words that are the shell's business.
const SHELL_WORDS: [&str; 14] = [
    "if", "then", "else", "fi", "for", "while", "case", "set", "exec", "cd", "test", "trap",
    "eval", "export",
];

/// `text` with the path `from` replaced by `to` wherever it stands whole.
pub fn replace_path(text: &str, from: &str, to: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, found) = rest.split_at(at);
        let (path, after) = found.split_at(from.len());
        let inside = |c: char| c.is_alphanumeric() || "._-+/".contains(c);
        let whole = !before.chars().next_back().is_some_and(inside)
            && !after.chars().next().is_some_and(inside);
        result.push_str(before);
        result.push_str(if whole { to } else { path });
        rest = after;
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<Vec<String>> {
        commands(text).unwrap()
    }

    #[test]
    fn what_kbuild_writes() {
        assert_eq!(
            split(" gcc  -DA='\"x\"' -I. -c -o /m/x.o /m/x.c   ; ./objtool --a /m/x.o"),
            [
                ["gcc", "-DA=\"x\"", "-I.", "-c", "-o", "/m/x.o", "/m/x.c"].as_slice(),
                &["./objtool", "--a", "/m/x.o"]
            ]
        );
        assert_eq!(split("ld -o a b;  true"), [["ld", "-o", "a", "b"]]);
        assert_eq!(split("a '' \"b c\" d\\ e"), [["a", "", "b c", "d e"]]);
    }

    #[test]
    fn what_takes_a_shell() {
        for text in [
            "a | b",
            "a > b",
            "a $b",
            "a `b`",
            "a && b",
            "if a; then b; fi",
            "X=1 a",
            "a *.c",
            "a 'b",
            "a \"$b\"",
            "a\nb",
            "a # b",
        ] {
            assert_eq!(commands(text), None, "{text}");
        }
    }

    #[test]
    fn whole_paths_are_replaced() {
        let text = "cc -MMD,/m/.x.o.d -o /m/x.o /m/x.other '/m/x.o' a/m/x.o";
        assert_eq!(
            replace_path(text, "/m/x.o", "/t"),
            "cc -MMD,/m/.x.o.d -o /t /m/x.other '/t' a/m/x.o"
        );
    }
}
