//! The words after `run` and `load`: what to load, and with which parameters.
//!
//! A word is a parameter if it looks like `name=value` and no file is called like that, or if it
//! stands after `--` (there `name` alone will do); `module.name=value` belongs to that module,
//! else it belongs to the last one.

use crate::explained::Explained;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A word that names something to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A `.ko` file, compressed or not.
    File(PathBuf),
    /// A folder or C file to build.
    Sources(PathBuf),
    /// A module of the kernel's own directory, by name.
    Named(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    pub targets: Vec<Target>,
    /// `(module, name=value)`.
    pub params: Vec<(Option<String>, String)>,
}

impl Words {
    /// `params` are the words after `--`.
    pub fn parse(words: &[OsString], params: &[String]) -> Result<Words, Explained> {
        let mut sorted = Words::default();
        for word in words {
            match word.to_str().filter(|_| !Path::new(word).exists()).and_then(parameter) {
                Some(param) => sorted.params.push(param),
                None => sorted.targets.push(target(word)?),
            }
        }
        for word in params {
            sorted.params.push(named(word).ok_or_else(|| not_a_parameter(word))?);
        }
        Ok(sorted)
    }

    /// Parameters by module name, each as one line of words; `modules` are the names of what was
    /// given, in order.
    pub fn by_module(&self, modules: &[String]) -> Result<BTreeMap<String, String>, Explained> {
        let mut lines: BTreeMap<String, String> = BTreeMap::new();
        for (module, param) in self.assigned(modules)? {
            let line = lines.entry(module.to_owned()).or_default();
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&param);
        }
        Ok(lines)
    }

    /// Parameters as words of the kernel's command line, where built-in code finds its own:
    /// `module.name=value`.
    pub fn command_line(&self, modules: &[String]) -> Result<String, Explained> {
        let words: Vec<String> = self
            .assigned(modules)?
            .into_iter()
            .map(|(module, param)| format!("{module}.{param}"))
            .collect();
        Ok(words.join(" "))
    }

    /// Each parameter with its module, quoted where it must be.
    fn assigned<'a>(&'a self, modules: &'a [String]) -> Result<Vec<(&'a str, String)>, Explained> {
        let assign = |(module, param): &'a (Option<String>, String)| {
            let module = match module {
                Some(name) => modules
                    .iter()
                    .find(|m| **m == name.replace('-', "_"))
                    .ok_or_else(|| unknown_module(name, param, modules))?,
                None => modules.last().ok_or_else(|| {
                    Explained::usage(format!("there is no module for the parameter `{param}`"))
                })?,
            };
            Ok((module.as_str(), quoted(param)))
        };
        self.params.iter().map(assign).collect()
    }
}

fn unknown_module(name: &str, param: &str, modules: &[String]) -> Explained {
    Explained::usage(format!("there is no module `{name}` for the parameter `{name}.{param}`"))
        .hint(format!("the modules are: {}", modules.join(", ")))
}

/// The kernel splits at blanks outside double quotes (`next_arg` in `lib/cmdline.c`, Linux 6.1).
/// What has quotes already is the user's own doing, as with `insmod`.
fn quoted(param: &str) -> String {
    if !param.contains(char::is_whitespace) || param.contains('"') {
        return param.to_owned();
    }
    match param.split_once('=') {
        Some((name, value)) => format!("{name}=\"{value}\""),
        None => format!("\"{param}\""),
    }
}

/// `name=value`, of a module that may be named before a dot.
fn parameter(word: &str) -> Option<(Option<String>, String)> {
    word.contains('=').then(|| named(word))?
}

fn not_a_parameter(word: &str) -> Explained {
    Explained::usage(format!("`{word}` is no parameter"))
        .hint("after `--` want NAME, NAME=VALUE, MODULE.NAME or MODULE.NAME=VALUE")
}

/// The same, and without a value.
fn named(word: &str) -> Option<(Option<String>, String)> {
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    let is_name = |s: &str| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    match name.split_once('.') {
        None if is_name(name) => Some((None, word.to_owned())),
        // A parameter's own name may have dots: `module.group.name=value`.
        Some((module, rest)) if is_name(module) && !rest.is_empty() && !rest.contains('/') => {
            Some((Some(module.to_owned()), word.get(module.len() + 1..)?.to_owned()))
        }
        _ => None,
    }
}

fn target(word: &OsStr) -> Result<Target, Explained> {
    let path = PathBuf::from(word);
    if path.is_dir() || path.extension().is_some_and(|e| e == "c") {
        return Ok(Target::Sources(path));
    }
    if path.exists() {
        return Ok(Target::File(path));
    }
    let is_name = |name: &&str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    match word.to_str().filter(is_name) {
        Some(name) => Ok(Target::Named(name.replace('-', "_"))),
        None => Err(no_such_file(word)),
    }
}

fn no_such_file(word: &OsStr) -> Explained {
    Explained::new(format!("{}: no such file or folder", word.display()))
        .hint("give a folder with sources, a C file, a .ko file, or a stock module's name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<S: for<'a> From<&'a str>>(list: &[&str]) -> Vec<S> {
        list.iter().map(|s| S::from(s)).collect()
    }

    #[test]
    fn parameters_and_targets_are_told_apart() {
        let w = Words::parse(&words(&["/", "x.c", "a=1", "m.b=2 3", "snd-pcm"]), &[]).unwrap();
        assert_eq!(
            w.targets,
            [
                Target::Sources("/".into()),
                Target::Sources("x.c".into()),
                Target::Named("snd_pcm".into())
            ]
        );
        assert_eq!(
            w.params,
            [(None, "a=1".to_owned()), (Some("m".to_owned()), "b=2 3".to_owned())]
        );
    }

    #[test]
    fn parameters_go_to_the_last_module_or_the_one_named() {
        let w = Words::parse(&words(&["x=1", "first.y=a b", "first.z=2"]), &[]).unwrap();
        let lines = w.by_module(&words(&["first", "last"])).unwrap();
        assert_eq!(lines["last"], "x=1");
        assert_eq!(lines["first"], "y=\"a b\" z=2");
        let line = w.command_line(&words(&["first", "last"])).unwrap();
        assert_eq!(line, "last.x=1 first.y=\"a b\" first.z=2");
        let unknown = w.by_module(&words(&["last"])).unwrap_err();
        assert!(unknown.usage && unknown.message.contains("`first`"), "{unknown:?}");
    }

    #[test]
    fn after_the_dashes_there_are_parameters_only() {
        let w = Words::parse(&words(&["m.c"]), &words(&["debug", "m.quiet", "n=1"])).unwrap();
        let param = |module: Option<&str>, p: &str| (module.map(str::to_owned), p.to_owned());
        assert_eq!(w.params, [param(None, "debug"), param(Some("m"), "quiet"), param(None, "n=1")]);
        assert_eq!(w.by_module(&words(&["m"])).unwrap()["m"], "debug quiet n=1");
        assert!(Words::parse(&[], &words(&["./x"])).unwrap_err().usage);
    }

    #[test]
    fn names_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt;
        let name = |bytes: &[u8]| vec![OsStr::from_bytes(bytes).to_owned()];
        let w = Words::parse(&name(b"n\xff.c"), &[]).unwrap();
        assert!(matches!(&w.targets[..], [Target::Sources(_)]), "{w:?}");
        assert!(Words::parse(&name(b"\xff"), &[]).unwrap_err().message.contains("no such file"));
    }

    #[test]
    fn files_that_are_not_there_are_errors() {
        for word in ["./no.ko", "no.ko", "/no/where", "a b"] {
            let e = Words::parse(&words(&[word]), &[]).unwrap_err();
            assert!(e.message.starts_with(word), "{e:?}");
        }
    }
}
