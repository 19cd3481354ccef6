//! The command line of `dmesg`.

use super::super::getopt::{Item, Opt, Order, Value};
use super::super::work::Work;
use super::format::TimeFormat;
use super::moment;
use super::names::{self, FACILITIES, LEVELS};
use komod_kernel::host::LogControl;
use std::ffi::OsString;
use std::path::PathBuf;

/// Long options without a short form have a capital letter that is none. The order is util-linux's:
/// messages about beginnings that are not clear have it.
const OPTIONS: [Opt<char>; 31] = [
    Opt::both('s', b's', "buffer-size", Value::Required),
    Opt::both('C', b'C', "clear", Value::No),
    Opt::both('L', b'L', "color", Value::Optional),
    Opt::both('n', b'n', "console-level", Value::Required),
    Opt::both('D', b'D', "console-off", Value::No),
    Opt::both('E', b'E', "console-on", Value::No),
    Opt::both('T', b'T', "ctime", Value::No),
    Opt::both('x', b'x', "decode", Value::No),
    Opt::both('F', b'F', "file", Value::Required),
    Opt::both('f', b'f', "facility", Value::Required),
    Opt::both('w', b'w', "follow", Value::No),
    Opt::both('W', b'W', "follow-new", Value::No),
    Opt::both('p', b'p', "force-prefix", Value::No),
    Opt::both('H', b'H', "human", Value::No),
    Opt::both('h', b'h', "help", Value::No),
    Opt::both('J', b'J', "json", Value::No),
    Opt::both('k', b'k', "kernel", Value::No),
    Opt::both('l', b'l', "level", Value::Required),
    Opt::long('A', "since", Value::Required),
    Opt::both('S', b'S', "syslog", Value::No),
    Opt::both('r', b'r', "raw", Value::No),
    Opt::both('c', b'c', "read-clear", Value::No),
    Opt::both('e', b'e', "reltime", Value::No),
    Opt::both('d', b'd', "show-delta", Value::No),
    Opt::long('N', "noescape", Value::No),
    Opt::both('t', b't', "notime", Value::No),
    Opt::both('P', b'P', "nopager", Value::No),
    Opt::long('I', "time-format", Value::Required),
    Opt::long('B', "until", Value::Required),
    Opt::both('u', b'u', "userspace", Value::No),
    Opt::both('V', b'V', "version", Value::No),
];

const OWN_OPTIONS: [Opt<char>; 2] =
    [Opt::long('M', "module", Value::Required), Opt::long('O', "fold", Value::No)];

/// Of each of these only one may be given; in the order of messages.
const EXCLUSIVE: [&str; 9] = ["CDEcnr", "Hr", "Lr", "Sw", "Tr", "dr", "er", "rx", "rt"];

/// When colours are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// What else is done than reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Read,
    ReadClear,
    Only(LogControl),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub action: Action,
    pub file: Option<PathBuf>,
    pub facilities: Option<Vec<usize>>,
    pub levels: Option<Vec<usize>>,
    pub human: bool,
    pub json: bool,
    pub color: Color,
    pub pager: bool,
    pub split: bool,
    pub raw: bool,
    pub escape: bool,
    pub syslog: bool,
    pub size: Option<u32>,
    pub follow: bool,
    pub only_new: bool,
    pub decode: bool,
    pub time: TimeFormat,
    /// Microseconds since 1970.
    pub since: Option<i64>,
    pub until: Option<i64>,
    pub module: Option<String>,
    pub fold: bool,
}

/// What a command line comes to.
pub enum Asked {
    Work(Box<Wanted>),
    Help,
    Version,
    /// It was told what is wrong.
    Bad,
}

/// Reads it. `now` is in microseconds since 1970.
pub fn read(work: &Work<'_>, now: i64) -> Asked {
    let table: Vec<Opt<char>> = OPTIONS.iter().chain(&OWN_OPTIONS).copied().collect();
    let parsed = work.options(&table, Order::Any);
    let mut reader = Reader { work, now, wanted: Wanted::default(), delta: false };
    let mut chosen: [Option<char>; EXCLUSIVE.len()] = [None; EXCLUSIVE.len()];
    for item in parsed.items {
        let (id, value) = match item {
            Item::Option(id, value) => (id, value),
            Item::Mistake(text) => {
                work.log.line(text);
                return reader.usage();
            }
        };
        for (group, chosen) in EXCLUSIVE.iter().zip(&mut chosen) {
            if group.contains(id) && *chosen.get_or_insert(id) != id {
                let long = |id: char| OPTIONS.iter().find(|o| o.id == id).and_then(|o| o.long);
                let names: String =
                    group.chars().filter_map(long).map(|long| format!(" --{long}")).collect();
                reader.say(&format!("mutually exclusive arguments:{names}"));
                return Asked::Bad;
            }
        }
        if let Some(end) = reader.option(id, value) {
            return end;
        }
    }
    if !parsed.operands.is_empty() {
        reader.say("bad usage");
        return reader.usage();
    }
    reader.end()
}

impl Default for Wanted {
    fn default() -> Self {
        Wanted {
            action: Action::Read,
            file: None,
            facilities: None,
            levels: None,
            human: false,
            json: false,
            color: Color::Auto,
            pager: false,
            split: false,
            raw: false,
            escape: true,
            syslog: false,
            size: None,
            follow: false,
            only_new: false,
            decode: false,
            time: TimeFormat::Time,
            since: None,
            until: None,
            module: None,
            fold: false,
        }
    }
}

struct Reader<'a, 'w> {
    work: &'a Work<'w>,
    now: i64,
    wanted: Wanted,
    delta: bool,
}

impl Reader<'_, '_> {
    fn say(&self, text: &str) {
        self.work.log.line(format_args!("{}: {text}", self.work.call.name()));
    }

    fn usage(&self) -> Asked {
        let name = self.work.call.name();
        self.work.log.line(format_args!("Try '{name} --help' for more information."));
        Asked::Bad
    }

    fn bad(&self, text: &str) -> Option<Asked> {
        self.say(text);
        Some(Asked::Bad)
    }

    /// Takes an option; gives an end if it is one.
    fn option(&mut self, id: char, value: Option<OsString>) -> Option<Asked> {
        let given = value.is_some();
        let path = value.clone().map(PathBuf::from);
        let value = value.unwrap_or_default().to_string_lossy().into_owned();
        let wanted = &mut self.wanted;
        match id {
            'C' => wanted.action = Action::Only(LogControl::Clear),
            'c' => wanted.action = Action::ReadClear,
            'D' => wanted.action = Action::Only(LogControl::ConsoleOff),
            'E' => wanted.action = Action::Only(LogControl::ConsoleOn),
            'F' => wanted.file = path,
            'f' => return self.list(&value, "facility"),
            'H' => (wanted.human, wanted.pager, wanted.time) = (true, true, TimeFormat::Reltime),
            'J' => wanted.json = true,
            'k' => wanted.facilities.get_or_insert_default().push(0),
            'L' => match value.strip_prefix('=').unwrap_or(&value) {
                "" if !given => wanted.color = Color::Auto,
                "auto" => wanted.color = Color::Auto,
                "always" => wanted.color = Color::Always,
                "never" => wanted.color = Color::Never,
                other => return self.bad(&format!("unsupported color mode: '{other}'")),
            },
            'l' => return self.list(&value, "level"),
            'n' => match console_level(&value) {
                Some(level) => wanted.action = Action::Only(LogControl::ConsoleLevel(level)),
                None => return self.bad(&format!("unknown level '{value}'")),
            },
            'P' => wanted.pager = false,
            'p' => wanted.split = true,
            'r' => wanted.raw = true,
            'N' => wanted.escape = false,
            'S' => wanted.syslog = true,
            's' => return self.size(&value),
            'u' => wanted.facilities.get_or_insert_default().extend(1..FACILITIES.len()),
            'w' => wanted.follow = true,
            'W' => (wanted.follow, wanted.only_new) = (true, true),
            'x' => wanted.decode = true,
            'd' => self.delta = true,
            'e' => wanted.time = TimeFormat::Reltime,
            'T' => wanted.time = TimeFormat::Ctime,
            't' => wanted.time = TimeFormat::None,
            'I' => match value.as_str() {
                "delta" => (wanted.time, self.delta) = (TimeFormat::Delta, true),
                "reltime" => wanted.time = TimeFormat::Reltime,
                "ctime" => wanted.time = TimeFormat::Ctime,
                "notime" => wanted.time = TimeFormat::None,
                "iso" => wanted.time = TimeFormat::Iso,
                _ => return self.bad(&format!("unknown time format: {value}")),
            },
            'A' | 'B' => match moment::parse(&value, self.now) {
                Some(moment) if id == 'A' => wanted.since = Some(moment),
                Some(moment) => wanted.until = Some(moment),
                None => return self.bad(&format!("invalid time value \"{value}\"")),
            },
            'M' => wanted.module = Some(value),
            'O' => wanted.fold = true,
            'h' => return Some(Asked::Help),
            _ => return Some(Asked::Version),
        }
        None
    }

    fn list(&mut self, value: &str, what: &str) -> Option<Asked> {
        let names = if what == "level" { &LEVELS[..] } else { &FACILITIES[..] };
        match names::numbers(names, value) {
            Ok(numbers) => {
                let wanted = &mut self.wanted;
                let list =
                    if what == "level" { &mut wanted.levels } else { &mut wanted.facilities };
                list.get_or_insert_default().extend(numbers);
                None
            }
            // An empty item has no message.
            Err(item) if item.is_empty() => Some(Asked::Bad),
            Err(item) => self.bad(&format!("unknown {what} '{item}'")),
        }
    }

    fn size(&mut self, value: &str) -> Option<Asked> {
        let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
        let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match value.parse::<u32>() {
            Ok(size) => self.wanted.size = Some(size.max(4096)),
            Err(_) => {
                let range = if number { ": Numerical result out of range" } else { "" };
                return self.bad(&format!("invalid buffer size argument: '{value}'{range}"));
            }
        }
        None
    }

    fn end(mut self) -> Asked {
        if self.delta {
            self.wanted.time = match self.wanted.time {
                TimeFormat::Time | TimeFormat::TimeDelta => TimeFormat::TimeDelta,
                TimeFormat::Ctime | TimeFormat::CtimeDelta => TimeFormat::CtimeDelta,
                TimeFormat::Iso => {
                    self.say("--show-delta is ignored when used together with iso8601 time format");
                    TimeFormat::Iso
                }
                TimeFormat::None | TimeFormat::Delta | TimeFormat::Reltime => TimeFormat::Delta,
            };
        }
        let wanted = &self.wanted;
        let filtered = wanted.levels.is_some() || wanted.facilities.is_some();
        if wanted.raw && filtered && (wanted.syslog || wanted.file.is_some()) {
            self.say(
                "--raw can be used together with --level or --facility only when reading messages \
                 from /dev/kmsg",
            );
            return Asked::Bad;
        }
        let own = wanted.module.is_some() || wanted.fold;
        if wanted.raw && own && (wanted.syslog || wanted.file.is_some()) {
            self.say(
                "--raw with --file or --syslog shows the buffer as it is: no --module, no --fold",
            );
            return Asked::Bad;
        }
        if wanted.fold && wanted.follow {
            self.say("--fold must know what follows: not with --follow");
            return Asked::Bad;
        }
        Asked::Work(Box::new(self.wanted))
    }
}

/// A name, or a number from 1 to 8: records of smaller levels go to the console.
fn console_level(value: &str) -> Option<u8> {
    let number = match LEVELS.iter().position(|(name, _)| name.eq_ignore_ascii_case(value)) {
        Some(level) => level + 1,
        None => value.parse().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()))?,
    };
    u8::try_from(number).ok().filter(|level| (1..=8).contains(level))
}
