//! Options as GNU `getopt_long` reads them (getopt(3)): operands and options in any order, long
//! options by any beginning that is clear, short ones together, `--` ends them.
//!
//! Options and operands may be any bytes. The texts of mistakes are glibc's, as scripts look for
//! them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Whether an option has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    No,
    Required,
    /// `--long=VALUE`, `-sVALUE`.
    Optional,
}

/// An option of a program. Options with the same `id` are the same; `id` is the short form, where
/// there is one.
#[derive(Clone, Copy, Debug)]
pub struct Opt<I> {
    pub id: I,
    pub short: Option<u8>,
    pub long: Option<&'static str>,
    pub value: Value,
}

impl<I> Opt<I> {
    /// `-s`, `--long`.
    pub const fn both(id: I, short: u8, long: &'static str, value: Value) -> Self {
        Opt { id, short: Some(short), long: Some(long), value }
    }

    /// `--long` only.
    pub const fn long(id: I, long: &'static str, value: Value) -> Self {
        Opt { id, short: None, long: Some(long), value }
    }
}

/// One step of a command line. Operands are gathered in [`Parsed::operands`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<I> {
    /// An option, with its value if it has one.
    Option(I, Option<OsString>),
    /// What is no option; the text says why, for stderr. Reading goes on behind it.
    Mistake(String),
}

/// A command line that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<I> {
    /// Options and mistakes, in order.
    pub items: Vec<Item<I>>,
    /// The rest, in order.
    pub operands: Vec<OsString>,
}

/// Where options may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Also behind operands.
    Any,
    /// Before the first operand (`+` in getopt's string).
    OptionsFirst,
}

/// Reads `arguments` (without the program's name, which is `program` in mistakes).
pub fn parse<I: Copy + PartialEq>(
    program: &OsStr,
    options: &[Opt<I>],
    order: Order,
    arguments: &[OsString],
) -> Parsed<I> {
    let order = match std::env::var_os("POSIXLY_CORRECT") {
        Some(_) => Order::OptionsFirst,
        None => order,
    };
    let mut reader =
        Reader { program: program.to_string_lossy().into_owned(), options, items: Vec::new() };
    let mut operands = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let bytes = argument.as_bytes();
        if bytes == b"--" {
            operands.extend(rest.by_ref().cloned());
        } else if let Some(long) = bytes.strip_prefix(b"--") {
            reader.long(long, &mut rest);
        } else if let Some(shorts) = bytes.strip_prefix(b"-").filter(|shorts| !shorts.is_empty()) {
            reader.shorts(shorts, &mut rest);
        } else {
            operands.push(argument.clone());
            if order == Order::OptionsFirst {
                operands.extend(rest.by_ref().cloned());
            }
        }
    }
    Parsed { items: reader.items, operands }
}

struct Reader<'o, I> {
    program: String,
    options: &'o [Opt<I>],
    items: Vec<Item<I>>,
}

impl<I: Copy + PartialEq> Reader<'_, I> {
    fn mistake(&mut self, what: &str) {
        self.items.push(Item::Mistake(format!("{}: {what}", self.program)));
    }

    fn long<'a>(&mut self, text: &[u8], rest: &mut impl Iterator<Item = &'a OsString>) {
        let equals = text.iter().position(|byte| *byte == b'=');
        let name = &text[..equals.unwrap_or(text.len())];
        let value = equals.map(|at| OsString::from_vec(text[at + 1..].to_vec()));
        let shown = String::from_utf8_lossy(text).into_owned();
        let Some((option, long)) = self.find(name, &shown) else { return };
        let value = match (option.value, value) {
            (Value::No | Value::Optional, None) => None,
            (Value::No, Some(_)) => {
                return self.mistake(&format!("option '--{long}' doesn't allow an argument"));
            }
            (Value::Required | Value::Optional, Some(value)) => Some(value),
            (Value::Required, None) => match rest.next() {
                Some(value) => Some(value.clone()),
                None => {
                    return self.mistake(&format!("option '--{long}' requires an argument"));
                }
            },
        };
        self.items.push(Item::Option(option.id, value));
    }

    /// The long option of this name or the only one that begins so.
    fn find(&mut self, name: &[u8], shown: &str) -> Option<(Opt<I>, &'static str)> {
        let named = |option: &Opt<I>| Some((*option, option.long?));
        let all = || self.options.iter().filter_map(named);
        if let Some(exact) = all().find(|(_, long)| long.as_bytes() == name) {
            return Some(exact);
        }
        let begin: Vec<_> = all().filter(|(_, long)| long.as_bytes().starts_with(name)).collect();
        match begin.split_first() {
            None => self.mistake(&format!("unrecognized option '--{shown}'")),
            Some((first, others)) if others.iter().all(|(option, _)| option.id == first.0.id) => {
                return Some(*first);
            }
            Some(((first, name), others)) => {
                let others = others.iter().filter(|(option, _)| option.id != first.id);
                let names = std::iter::once(name).chain(others.map(|(_, long)| long));
                let names: String = names.map(|long| format!(" '--{long}'")).collect();
                self.mistake(&format!("option '--{shown}' is ambiguous; possibilities:{names}"));
            }
        }
        None
    }

    fn shorts<'a>(&mut self, mut text: &[u8], rest: &mut impl Iterator<Item = &'a OsString>) {
        while let Some((&short, others)) = text.split_first() {
            text = others;
            let shown = char::from(short);
            match self.options.iter().find(|option| option.short == Some(short)).copied() {
                None => self.mistake(&format!("invalid option -- '{shown}'")),
                Some(Opt { id, value: Value::No, .. }) => {
                    self.items.push(Item::Option(id, None));
                }
                Some(Opt { id, value: Value::Optional, .. }) => {
                    let value = (!others.is_empty()).then(|| OsString::from_vec(others.to_vec()));
                    self.items.push(Item::Option(id, value));
                    return;
                }
                Some(Opt { id, value: Value::Required, .. }) => {
                    let value = match others.is_empty() {
                        false => Some(OsString::from_vec(others.to_vec())),
                        true => rest.next().cloned(),
                    };
                    match value {
                        Some(value) => self.items.push(Item::Option(id, Some(value))),
                        None => self.mistake(&format!("option requires an argument -- '{shown}'")),
                    }
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [Opt<char>; 7] = [
        Opt::both('L', b'L', "look", Value::Optional),
        Opt::both('a', b'a', "all", Value::No),
        Opt::both('C', b'C', "config", Value::Required),
        Opt::long('c', "show-config", Value::No),
        Opt::long('c', "showconfig", Value::No),
        Opt::long('D', "show-depends", Value::No),
        Opt { id: 'w', short: Some(b'w'), long: None, value: Value::Required },
    ];

    fn read(order: Order, arguments: &[&str]) -> (Vec<String>, Vec<String>) {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let parsed = parse(OsStr::new("/sbin/x"), &OPTIONS, order, &arguments);
        let items = parsed.items.into_iter().map(|item| match item {
            Item::Option(id, None) => id.to_string(),
            Item::Option(id, Some(value)) => format!("{id}={}", value.to_string_lossy()),
            Item::Mistake(text) => text,
        });
        let operands = parsed.operands.into_iter().map(|o| o.to_string_lossy().into_owned());
        (items.collect(), operands.collect())
    }

    fn options(arguments: &[&str]) -> Vec<String> {
        read(Order::Any, arguments).0
    }

    #[test]
    fn options_and_operands_mix() {
        let (items, operands) = read(Order::Any, &["x", "-aC", "y", "-", "--all", "--", "-a"]);
        assert_eq!(items, ["a", "C=y", "a"]);
        assert_eq!(operands, ["x", "-", "-a"]);
        let (items, operands) = read(Order::OptionsFirst, &["-a", "x", "-a"]);
        assert_eq!((items, operands), (vec!["a".into()], vec!["x".into(), "-a".into()]));
    }

    #[test]
    fn values_that_may_be_left_out() {
        assert_eq!(
            options(&["-L", "x", "--look", "-aLx", "--look=y"]),
            ["L", "L", "a", "L=x", "L=y"]
        );
    }

    #[test]
    fn beginnings_of_long_options() {
        assert_eq!(options(&["--conf=x", "--co", "y", "--al"]), ["C=x", "C=y", "a"]);
        assert_eq!(options(&["--show-c", "--showc"]), ["c", "c"]);
        assert_eq!(
            options(&["--show"]),
            ["/sbin/x: option '--show' is ambiguous; possibilities: '--show-config' \
              '--show-depends'"]
        );
    }

    #[test]
    fn mistakes_have_the_usual_texts() {
        assert_eq!(options(&["--foo=1"]), ["/sbin/x: unrecognized option '--foo=1'"]);
        assert_eq!(options(&["-xa"]), ["/sbin/x: invalid option -- 'x'", "a"]);
        assert_eq!(options(&["--all=1"]), ["/sbin/x: option '--all' doesn't allow an argument"]);
        assert_eq!(options(&["--conf"]), ["/sbin/x: option '--config' requires an argument"]);
        assert_eq!(options(&["-w"]), ["/sbin/x: option requires an argument -- 'w'"]);
    }
}
