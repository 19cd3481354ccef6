//! The kernel's command line: `MODULE.PARAMETER=VALUE` are options, `modprobe.blacklist=A,B` a
//! blacklist (modprobe(8)).

use super::{Config, Rule};
use crate::name::{normalized, underscored};

/// kmod reads no more of it.
const LONGEST: usize = 4095;

/// Takes in a command line.
pub fn read(config: &mut Config, line: &[u8]) {
    let line = &line[..line.len().min(LONGEST)];
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    for word in words(line) {
        option(config, &word);
    }
}

/// The words; in quotes, a space does not end one. A quote before a whole word moves to its
/// value: `"a.b=c d"` is `a.b="c d"`.
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut quoted = false;
    for &byte in line {
        match byte {
            b' ' if !quoted => words.push(std::mem::take(&mut word)),
            b'"' => {
                quoted = !quoted;
                word.push(byte);
            }
            _ => word.push(byte),
        }
    }
    // What is still in quotes at the end does not count.
    if !quoted {
        words.push(word);
    }
    words
}

fn option(config: &mut Config, word: &[u8]) {
    let (whole, word) = match word.strip_prefix(b"\"") {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    if whole && word.iter().position(|byte| *byte == b'"') != word.len().checked_sub(1) {
        return;
    }
    let equals = word.iter().position(|byte| *byte == b'=');
    let (name, value) = word.split_at(equals.unwrap_or(word.len()));
    let mut parts = name.split(|byte| *byte == b'.');
    let (Some(module), Some(parameter), None) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    if name.contains(&b'"') {
        return;
    }
    if let (b"modprobe", b"blacklist", Some(names)) = (module, parameter, value.strip_prefix(b"="))
    {
        config.blacklist.extend(names.split(|byte| *byte == b',').map(underscored));
        return;
    }
    let Ok(module) = normalized(module) else { return };
    let module = module.into_owned();
    let mut text = parameter.to_vec();
    if let Some(value) = value.strip_prefix(b"=") {
        text.push(b'=');
        if whole {
            text.push(b'"');
        }
        text.extend_from_slice(value);
    }
    config.options.push(Rule { module, text });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_blacklists() {
        let mut config = Config::default();
        read(
            &mut config,
            b"quiet a-b.c=1 x.y root=a.b modprobe.blacklist=p-q,,r \"m.o=with space\" \
              n.p=\"a b\" a.b.c=1 d.e=f.g\n",
        );
        let options: Vec<_> = config
            .options
            .iter()
            .map(|rule| format!("{} {}", lossy(&rule.module), lossy(&rule.text)))
            .collect();
        assert_eq!(options, ["a_b c=1", "x y", "m o=\"with space\"", "n p=\"a b\"", "d e=f.g"]);
        assert_eq!(config.blacklist, [&b"p_q"[..], b"", b"r"]);
    }

    fn lossy(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }
}
