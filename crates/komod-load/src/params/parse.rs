//! `parse_args()`: a whole argument string against a module's parameters.

use super::dyndbg;
use super::kind::{ParamDecl, ParamKind, Value};
use super::tokens::Tokens;
use crate::log::{ERR, NOTICE, WARNING};
use crate::{Errno, LogLine, Taint, Version};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One parameter that was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Index in the declarations.
    pub param: usize,
    /// What is stored.
    pub value: Value,
}

/// What an argument string does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Parameters set, in order; also those set before an error.
    pub stores: Vec<Store>,
    /// Log lines.
    pub dmesg: Vec<LogLine>,
    /// The error of the last bad argument; a load fails with it.
    pub error: Option<Errno>,
    /// The bad arguments: name, value, error.
    pub bad: Vec<(String, Option<String>, Errno)>,
    /// Arguments that name no parameter and are ignored with a warning.
    pub unknown: Vec<String>,
    /// Taint from parameters marked unsafe.
    pub taint: Taint,
    /// The module asked to be probed asynchronously.
    pub async_probe: bool,
}

/// What of the kernel has a say in parameters.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'s> {
    /// Version.
    pub version: Version,
    /// `CONFIG_DYNAMIC_DEBUG_CORE`.
    pub dynamic_debug: bool,
    /// If the kernel is locked down: the calling command, as it is logged.
    pub locked_down: Option<&'s str>,
}

/// Every module has the parameters `async_probe` and `dyndbg` as well.
pub fn parse_args(
    module: &str,
    args: &[u8],
    params: &[ParamDecl],
    around: &Surroundings<'_>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut tokens = Tokens::new(args);
    while let Some(token) = tokens.next() {
        if token.value.is_none() && token.name == b"--" {
            if outcome.error.is_none() {
                let rest = String::from_utf8_lossy(tokens.rest());
                let text = format!("{module}: parameters '{rest}' after `--' ignored");
                outcome.dmesg.push(LogLine { level: WARNING, text });
            }
            break;
        }
        outcome.argument(module, token.name, token.value, params, around);
    }
    outcome
}

impl Outcome {
    fn argument(
        &mut self,
        module: &str,
        name: &[u8],
        value: Option<&[u8]>,
        params: &[ParamDecl],
        around: &Surroundings<'_>,
    ) {
        let same = |param: &ParamDecl| same_name(param.name.as_bytes(), name);
        let Some(index) = params.iter().position(same) else {
            return self.unknown(module, name, value, around);
        };
        let param = &params[index];
        if value.is_none() && !param.kind.allows_no_value() {
            return self.bad(module, name, value, Errno::EINVAL);
        }
        if let (true, Some(command)) = (param.is_hardware, around.locked_down) {
            let text = format!(
                "Lockdown: {command}: unsafe module parameters is restricted; see man \
                 kernel_lockdown.7"
            );
            self.dmesg.push(LogLine { level: NOTICE, text });
            return self.bad(module, name, value, Errno::EPERM);
        }
        if param.is_unsafe {
            let text = format!("Setting dangerous option {} - tainting kernel", param.name);
            self.dmesg.push(LogLine { level: NOTICE, text });
            self.taint |= Taint::USER;
        }
        match param.kind.store(&param.name, value) {
            Ok(value) => self.stores.push(Store { param: index, value }),
            Err((errno, line)) => {
                self.dmesg.extend(line.map(|text| LogLine { level: ERR, text }));
                // Going over an array, the kernel ends the string behind the first element.
                let is_array = matches!(param.kind, ParamKind::Array { .. });
                let shown = value.map(|value| match is_array {
                    true => value.split(|byte| *byte == b',').next().unwrap_or_default(),
                    false => value,
                });
                self.bad(module, name, shown, errno);
            }
        }
    }

    fn unknown(
        &mut self,
        module: &str,
        name: &[u8],
        value: Option<&[u8]>,
        around: &Surroundings<'_>,
    ) {
        if name == b"async_probe" {
            // Anything that is not clearly "no" means yes.
            self.async_probe = super::number::boolean(value.unwrap_or_default()).unwrap_or(true);
            return;
        }
        // Dynamic debugging takes the name apart to look for `MODULE.dyndbg`, and leaves it so.
        let dot = name.iter().position(|byte| *byte == b'.').filter(|_| around.dynamic_debug);
        let (first, last) = dot.map_or((name, name), |dot| (&name[..dot], &name[dot + 1..]));
        if last != b"dyndbg" {
            let shown = String::from_utf8_lossy(first);
            let text = format!("{module}: unknown parameter '{shown}' ignored");
            self.dmesg.push(LogLine { level: WARNING, text });
            self.unknown.push(String::from_utf8_lossy(name).into_owned());
        } else if around.dynamic_debug {
            let said = dyndbg::complaints(value.unwrap_or(b"+p"), around.version);
            self.dmesg.extend(said.into_iter().map(|text| LogLine { level: ERR, text }));
        } else {
            let text = "dyndbg param is supported only in CONFIG_DYNAMIC_DEBUG builds".into();
            self.dmesg.push(LogLine { level: WARNING, text });
        }
    }

    fn bad(&mut self, module: &str, name: &[u8], value: Option<&[u8]>, errno: Errno) {
        let name = String::from_utf8_lossy(name);
        let value = value.map(|value| String::from_utf8_lossy(value).into_owned());
        let shown = value.as_deref().unwrap_or_default();
        let text = match errno {
            Errno::ENOSPC => format!("{module}: `{shown}' too large for parameter `{name}'"),
            _ => format!("{module}: `{shown}' invalid for parameter `{name}'"),
        };
        self.dmesg.push(LogLine { level: ERR, text });
        self.bad.push((name.to_string(), value, errno));
        self.error = Some(errno);
    }
}

/// Names are equal if they differ only in `-` against `_`.
fn same_name(a: &[u8], b: &[u8]) -> bool {
    let fold = |&byte: &u8| if byte == b'-' { b'_' } else { byte };
    a.iter().map(fold).eq(b.iter().map(fold))
}

#[cfg(test)]
mod tests {
    use super::super::ParamKind;
    use super::*;
    use alloc::boxed::Box;

    fn parse(args: &str) -> Outcome {
        let mut risky = ParamDecl::new("risky", ParamKind::Int);
        risky.is_unsafe = true;
        let params = [
            ParamDecl::new("int_one", ParamKind::Int),
            ParamDecl::new("flag", ParamKind::Bool),
            ParamDecl::new("name", ParamKind::CharP),
            ParamDecl::new("short", ParamKind::String(4)),
            ParamDecl::new("list", ParamKind::Array { of: Box::new(ParamKind::Byte), max: 3 }),
            risky,
        ];
        parse_args("x", args.as_bytes(), &params, &around(true, None))
    }

    fn around(dynamic_debug: bool, locked_down: Option<&str>) -> Surroundings<'_> {
        Surroundings { version: Version::new(6, 1, 0), dynamic_debug, locked_down }
    }

    fn lines(outcome: &Outcome) -> Vec<&str> {
        outcome.dmesg.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn good_arguments() {
        let outcome = parse("int-one=7 flag name=\"two words\" list=1,2");
        assert_eq!(outcome.error, None);
        let values: Vec<_> = outcome.stores.iter().map(|s| (s.param, s.value.clone())).collect();
        let list = Value::Array(Vec::from([Value::Unsigned(1), Value::Unsigned(2)]));
        assert_eq!(
            values,
            [
                (0, Value::Signed(7)),
                (1, Value::Bool(true)),
                (2, Value::Text(b"two words".to_vec())),
                (4, list)
            ]
        );
        assert!(outcome.dmesg.is_empty());
    }

    #[test]
    fn refusals_have_the_kernels_words() {
        for (args, errno, text) in [
            ("int_one=abc", Errno::EINVAL, "x: `abc' invalid for parameter `int_one'"),
            ("int_one", Errno::EINVAL, "x: `' invalid for parameter `int_one'"),
            (
                "int_one=99999999999",
                Errno::ERANGE,
                "x: `99999999999' invalid for parameter `int_one'",
            ),
            ("short=abcd", Errno::ENOSPC, "x: `abcd' too large for parameter `short'"),
            ("list=1,2,3,4", Errno::EINVAL, "x: `1' invalid for parameter `list'"),
            ("list=12,x", Errno::EINVAL, "x: `12' invalid for parameter `list'"),
        ] {
            let outcome = parse(args);
            assert_eq!(outcome.error, Some(errno), "{args}");
            assert_eq!(lines(&outcome).last(), Some(&text), "{args}");
        }
        assert_eq!(lines(&parse("list=1,2,3,4"))[0], "list: can only take 3 arguments");
    }

    #[test]
    fn parsing_goes_on_behind_an_error() {
        let outcome = parse("int_one=x short=toolong flag=1");
        assert_eq!(outcome.error, Some(Errno::ENOSPC), "the last error counts");
        assert_eq!(outcome.bad.len(), 2);
        assert_eq!(outcome.stores.len(), 1);
    }

    #[test]
    fn unknown_and_special_parameters() {
        let outcome = parse("what=1 dyndbg=+p async_probe");
        assert_eq!(outcome.error, None);
        assert_eq!(lines(&outcome), ["x: unknown parameter 'what' ignored"]);
        assert!(outcome.async_probe);
        assert!(!parse("async_probe=0").async_probe);
        let without = parse_args("x", b"dyndbg x.y", &[], &around(false, None));
        let words = "dyndbg param is supported only in CONFIG_DYNAMIC_DEBUG builds";
        assert_eq!(lines(&without), [words, "x: unknown parameter 'x.y' ignored"]);
    }

    #[test]
    fn names_with_a_dot_are_taken_apart() {
        assert_eq!(lines(&parse("x.dyndbg=+p other.dyndbg")), [""; 0]);
        assert_eq!(lines(&parse("x.int_one=3")), ["x: unknown parameter 'x' ignored"]);
        let bad = ["dyndbg: bad flag-op n, at start of nonsense", "dyndbg: flags parse failed"];
        assert_eq!(lines(&parse("dyndbg=nonsense")), bad);
    }

    #[test]
    fn lockdown_keeps_hardware_parameters() {
        let mut port = ParamDecl::new("port", ParamKind::Int);
        (port.is_hardware, port.is_unsafe) = (true, true);
        let params = [port, ParamDecl::new("count", ParamKind::Int)];
        let locked = parse_args("x", b"count=1 port=0x300", &params, &around(true, Some("insmod")));
        let what = "Lockdown: insmod: unsafe module parameters is restricted; see man \
                    kernel_lockdown.7";
        assert_eq!(lines(&locked), [what, "x: `0x300' invalid for parameter `port'"]);
        assert_eq!((locked.error, locked.stores.len()), (Some(Errno::EPERM), 1));
        assert_eq!(locked.taint, Taint::default());
        let free = parse_args("x", b"port=0x300", &params, &around(true, None));
        assert_eq!((free.error, free.taint), (None, Taint::USER));
    }

    #[test]
    fn two_dashes_end_the_arguments() {
        let outcome = parse("int_one=1 -- flag what");
        assert_eq!(outcome.stores.len(), 1);
        assert_eq!(lines(&outcome), ["x: parameters 'flag what' after `--' ignored"]);
    }

    #[test]
    fn unsafe_parameters_taint() {
        let outcome = parse("risky=1");
        assert_eq!(outcome.taint, Taint::USER);
        assert_eq!(lines(&outcome), ["Setting dangerous option risky - tainting kernel"]);
    }
}
