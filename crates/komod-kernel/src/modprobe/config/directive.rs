//! The words a line can start with.

use super::lines::{lines, split, words};
use super::{Alias, Complaint, Config, Limit, Place, Rule, Softdep, Source, Weakdep};
use crate::name::normalized;

/// Takes in a file.
pub fn read(config: &mut Config, source: &Source, text: &[u8]) {
    for line in lines(text) {
        if line.text.starts_with(b"#") {
            continue;
        }
        let Some((word, rest)) = split(&line.text) else { continue };
        let place = || Place { file: source.path.clone(), line: line.number };
        let known = match word {
            b"include" | b"config" if source.only.is_none() => {
                let complaint = Complaint::Deprecated(source.path.clone(), word.to_vec());
                config.complaints.push(complaint);
                continue;
            }
            // A module's text ends up in these files: it must not become another directive.
            _ if source.only.is_some_and(|only| only.as_bytes() != word) => None,
            b"forbid" => limits(&mut config.forbidden, rest, place),
            b"allow-only" => limits(&mut config.allowed, rest, place),
            _ => directive(config, word, rest),
        };
        if known.is_none() {
            config.complaints.push(Complaint::BadLine(place(), word.to_vec()));
        }
    }
}

/// Takes in a line of kmod's; `None` if it is none.
fn directive(config: &mut Config, word: &[u8], rest: &[u8]) -> Option<()> {
    let (first, rest) = split(rest)?;
    let module = normalized(first).ok()?.into_owned();
    match word {
        b"alias" => {
            let (target, _) = split(rest)?;
            config
                .aliases
                .push(Alias { pattern: module, module: normalized(target).ok()?.into_owned() });
        }
        b"blacklist" => config.blacklist.push(module),
        b"options" => {
            let (_, _) = split(rest)?;
            let text = rest.iter().map(|b| if *b == b'\t' { b' ' } else { *b }).collect();
            config.options.push(Rule { module, text });
        }
        b"install" | b"remove" => {
            let (_, _) = split(rest)?;
            let rules = if word == b"install" { &mut config.installs } else { &mut config.removes };
            rules.push(Rule { module, text: rest.to_vec() });
        }
        b"softdep" => {
            let (_, _) = split(rest)?;
            config.softdeps.push(softdep(module, rest));
        }
        b"weakdep" => {
            let (_, _) = split(rest)?;
            let modules = words(rest).map(<[u8]>::to_vec).collect();
            config.weakdeps.push(Weakdep { module, modules });
        }
        _ => return None,
    }
    Some(())
}

/// Modules behind `pre:` and `post:`; what stands before both does not count.
fn softdep(module: Vec<u8>, text: &[u8]) -> Softdep {
    let mut softdep = Softdep { module, pre: Vec::new(), post: Vec::new() };
    let mut list: Option<bool> = None;
    for word in words(text) {
        match (word, list) {
            (b"pre:", _) => list = Some(true),
            (b"post:", _) => list = Some(false),
            (_, Some(true)) => softdep.pre.push(word.to_vec()),
            (_, Some(false)) => softdep.post.push(word.to_vec()),
            (_, None) => {}
        }
    }
    softdep
}

/// `forbid` and `allow-only`: patterns of names.
fn limits(list: &mut Vec<Limit>, rest: &[u8], place: impl Fn() -> Place) -> Option<()> {
    let patterns: Option<Vec<_>> =
        words(rest).map(|name| Some(normalized(name).ok()?.into_owned())).collect();
    let patterns = patterns.filter(|patterns| !patterns.is_empty())?;
    list.extend(patterns.into_iter().map(|pattern| Limit { pattern, place: place() }));
    Some(())
}
