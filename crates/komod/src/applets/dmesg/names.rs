//! The names of facilities and levels (syslog(3)), in the order of their numbers.

/// A name and what stands for it in the help.
type Named = (&'static str, &'static str);

pub const LEVELS: [Named; 8] = [
    ("emerg", "system is unusable"),
    ("alert", "action must be taken immediately"),
    ("crit", "critical conditions"),
    ("err", "error conditions"),
    ("warn", "warning conditions"),
    ("notice", "normal but significant condition"),
    ("info", "informational"),
    ("debug", "debug-level messages"),
];

pub const FACILITIES: [Named; 12] = [
    ("kern", "kernel messages"),
    ("user", "random user-level messages"),
    ("mail", "mail system"),
    ("daemon", "system daemons"),
    ("auth", "security/authorization messages"),
    ("syslog", "messages generated internally by syslogd"),
    ("lpr", "line printer subsystem"),
    ("news", "network news subsystem"),
    ("uucp", "UUCP subsystem"),
    ("cron", "clock daemon"),
    ("authpriv", "security/authorization messages (private)"),
    ("ftp", "FTP daemon"),
];

/// The name of a number; none for one that has no name.
pub fn name(names: &[Named], number: usize) -> &'static str {
    names.get(number).map_or("", |(name, _)| name)
}

/// What stands before a decoded record: `kern  :warn  : `.
pub fn decoded(facility: usize, level: usize) -> String {
    format!("{:<6}:{:<6}: ", name(&FACILITIES, facility), name(&LEVELS, level))
}

/// A number by its name, in any case, or by itself.
pub fn number(names: &[Named], text: &str) -> Option<usize> {
    let named = names.iter().position(|(name, _)| name.eq_ignore_ascii_case(text));
    let numbered = || {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|n| *n < names.len())
    };
    named.or_else(numbered)
}

/// The numbers in a list with commas, or the item that is none.
pub fn numbers(names: &[Named], list: &str) -> Result<Vec<usize>, String> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    // A comma at the end belongs to the last item, in messages as in meaning.
    let (body, end) = match list.strip_suffix(',') {
        Some(body) => (body, ","),
        None => (list, ""),
    };
    let count = body.split(',').count();
    let item = |(at, item): (usize, &str)| {
        let item = if at + 1 == count { format!("{item}{end}") } else { item.to_owned() };
        number(names, &item).ok_or(item)
    };
    body.split(',').enumerate().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names() {
        assert_eq!(decoded(3, 4), "daemon:warn  : ");
        assert_eq!((name(&LEVELS, 8), name(&FACILITIES, 9)), ("", "cron"));
    }

    #[test]
    fn lists() {
        assert_eq!(numbers(&LEVELS, "err,WARN,7"), Ok(vec![3, 4, 7]));
        assert_eq!(numbers(&LEVELS, "err,8"), Err("8".into()));
        assert_eq!(numbers(&LEVELS, "err,"), Err("err,".into()));
        assert_eq!(numbers(&FACILITIES, "ftp,kern"), Ok(vec![11, 0]));
        assert_eq!(number(&LEVELS, "+3"), None);
        assert_eq!(numbers(&LEVELS, ""), Ok(vec![]));
    }
}
