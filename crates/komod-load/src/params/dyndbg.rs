//! The value of `dyndbg`: queries that switch debug messages on and off. A bad one is only
//! complained about; the load goes on.
//!
//! Source: `ddebug_exec_queries()` and what it calls, `lib/dynamic_debug.c`, Linux 6.1 and 6.12;
//! Documentation/admin-guide/dynamic-debug-howto.rst.

use crate::Version;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// More words than this in a query are too many.
const WORDS: usize = 9;
/// What a query may select by, once each.
const KEYWORDS: [&str; 5] = ["func", "file", "module", "format", "class"];
/// What is switched; `s` came with 6.3.
const FLAGS: &str = "pmflt_";

/// What the kernel complains about, line by line.
pub(super) fn complaints(value: &[u8], version: Version) -> Vec<String> {
    let mut lines = Vec::new();
    for query in value.split(|byte| matches!(byte, b';' | b'\n')) {
        let query = String::from_utf8_lossy(query);
        let query = query.trim_start_matches(is_space);
        if query.is_empty() || query.starts_with('#') {
            continue;
        }
        if let Err(said) = judge(query, version) {
            lines.extend(said.into_iter().map(|text| format!("dyndbg: {text}")));
        }
    }
    lines
}

fn judge(query: &str, version: Version) -> Result<(), Vec<String>> {
    let failed = |why: String, what: &str| Vec::from([why, format!("{what} failed")]);
    let words = words(query).map_err(|why| failed(why, "tokenize"))?;
    let Some((flags, pairs)) = words.split_last() else { return Ok(()) };
    self::flags(flags, version).map_err(|why| failed(why, "flags parse"))?;
    self::pairs(pairs).map_err(|why| failed(why, "query parse"))
}

/// `isspace()` without the non-breaking space.
fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t'..='\r')
}

fn words(query: &str) -> Result<Vec<&str>, String> {
    let mut words = Vec::new();
    let mut rest = query;
    loop {
        rest = rest.trim_start_matches(is_space);
        let Some(first) = rest.chars().next().filter(|first| *first != '#') else {
            return Ok(words);
        };
        let (word, tail) = if matches!(first, '"' | '\'') {
            let inside = &rest[1..];
            inside.split_once(first).ok_or_else(|| format!("unclosed quote: {inside}"))?
        } else {
            rest.split_once(is_space).unwrap_or((rest, ""))
        };
        if words.len() == WORDS {
            return Err(format!("too many words, legal max <={WORDS}"));
        }
        words.push(word);
        rest = tail;
    }
}

fn flags(word: &str, version: Version) -> Result<(), String> {
    let Some(flags) = word.strip_prefix(['+', '-', '=']) else {
        let first = word.chars().next().unwrap_or_default();
        return Err(format!("bad flag-op {first}, at start of {word}"));
    };
    let known =
        |flag: char| FLAGS.contains(flag) || flag == 's' && version >= Version::new(6, 3, 0);
    match flags.chars().find(|flag| !known(*flag)) {
        Some(flag) => Err(format!("unknown flag '{flag}'")),
        None => Ok(()),
    }
}

#[derive(Default)]
struct Query<'q> {
    set: Vec<(&'q str, &'q str)>,
    lines: Option<(u32, u32)>,
}

fn pairs(words: &[&str]) -> Result<(), String> {
    if !words.len().is_multiple_of(2) {
        return Err("expecting pairs of match-spec <value>".to_string());
    }
    let mut query = Query::default();
    for pair in words.chunks_exact(2) {
        let (keyword, value) = (pair[0], pair[1]);
        match keyword {
            "line" => query.lines(value)?,
            "file" => {
                let (file, inside) = value.split_once(':').unzip();
                query.set("file", file.unwrap_or(value))?;
                match inside {
                    Some(inside)
                        if inside
                            .starts_with(|c: char| c.is_ascii_alphabetic() || "*?".contains(c)) =>
                    {
                        query.set("func", inside)?;
                    }
                    Some(inside) => query.lines(inside)?,
                    None => {}
                }
            }
            known if KEYWORDS.contains(&known) => query.set(known, value)?,
            unknown => return Err(format!("unknown keyword \"{unknown}\"")),
        }
    }
    Ok(())
}

impl<'q> Query<'q> {
    fn set(&mut self, keyword: &'q str, value: &'q str) -> Result<(), String> {
        if let Some((_, before)) = self.set.iter().find(|(set, _)| *set == keyword) {
            return Err(format!("match-spec:{keyword} val:{before} overridden by {value}"));
        }
        self.set.push((keyword, value));
        Ok(())
    }

    fn lines(&mut self, value: &str) -> Result<(), String> {
        if self.lines.is_some_and(|lines| lines != (0, 0)) {
            return Err("match-spec: line used 2x".to_string());
        }
        let (first, last) = value.split_once('-').unzip();
        let first = number(first.unwrap_or(value))?;
        let last = match last {
            Some(last) => number(last)?,
            None => first,
        };
        let last = if last == 0 && value.contains('-') { u32::MAX } else { last };
        if last < first {
            return Err(format!("last-line:{} < 1st-line:{}", last as i32, first as i32));
        }
        self.lines = Some((first, last));
        Ok(())
    }
}

fn number(text: &str) -> Result<u32, String> {
    match text {
        "" => Ok(0),
        text => text.parse().map_err(|_| format!("bad line-number: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_queries_are_not_talked_about() {
        for value in [
            "+p",
            "=pmf",
            "-p",
            "file x.c line 1-20 +p",
            "func f* +p; format 'a b' =_",
            "  # nothing ",
            "",
            "file x.c:f +p",
            "file x.c:7- +p",
            "+",
            "line 4 +p # why",
        ] {
            assert_eq!(complaints(value.as_bytes(), Version::new(6, 1, 0)), [""; 0], "{value}");
        }
    }

    #[test]
    fn each_bad_query_is_told_with_its_step() {
        for (value, first, last) in [
            ("bogus", "bad flag-op b, at start of bogus", "flags parse failed"),
            ("+px", "unknown flag 'x'", "flags parse failed"),
            ("func +p", "expecting pairs of match-spec <value>", "query parse failed"),
            ("colour red +p", "unknown keyword \"colour\"", "query parse failed"),
            ("func a func b +p", "match-spec:func val:a overridden by b", "query parse failed"),
            ("line 9-3 +p", "last-line:3 < 1st-line:9", "query parse failed"),
            ("line x +p", "bad line-number: x", "query parse failed"),
            ("line 1 line 2 +p", "match-spec: line used 2x", "query parse failed"),
            ("format \"a +p", "unclosed quote: a +p", "tokenize failed"),
            ("a a a a a a a a a +p", "too many words, legal max <=9", "tokenize failed"),
        ] {
            let wanted = [format!("dyndbg: {first}"), format!("dyndbg: {last}")];
            assert_eq!(complaints(value.as_bytes(), Version::new(6, 1, 0)), wanted, "{value}");
        }
        assert_eq!(complaints(b"+ps", Version::new(6, 12, 0)), [""; 0]);
        assert_eq!(complaints(b"+ps;bad;x", Version::new(6, 1, 0)).len(), 6);
    }
}
