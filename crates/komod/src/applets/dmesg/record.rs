//! A record as `dmesg` shows it, of `/dev/kmsg` or of a buffer of `syslog(2)`.

use super::names::{self, FACILITIES, LEVELS};
use komod_kernel::host::KernelRecord;

/// A record of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Facility and level, if both have names.
    pub priority: Option<Priority>,
    /// Microseconds of the kernel's clock.
    pub us: i64,
    pub text: Vec<u8>,
    /// `KEY=value`; a buffer has none.
    pub dict: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    pub facility: usize,
    pub level: usize,
}

impl Priority {
    fn of(prefix: u32) -> Option<Self> {
        let (facility, level) = ((prefix >> 3) as usize, (prefix & 7) as usize);
        (facility < FACILITIES.len()).then_some(Priority { facility, level })
    }

    pub fn facility_name(self) -> &'static str {
        names::name(&FACILITIES, self.facility)
    }

    pub fn level_name(self) -> &'static str {
        names::name(&LEVELS, self.level)
    }

    /// As util-linux 2.38 puts the two together again: it does not move the facility to its place,
    /// so that `daemon.info` is 7.
    pub fn number(self) -> usize {
        self.facility | self.level
    }
}

impl Record {
    pub fn of_kmsg(bytes: &[u8]) -> Option<Self> {
        let KernelRecord { prefix, us, text, dict, .. } = KernelRecord::parse(bytes)?;
        let us = i64::try_from(us).ok()?;
        Some(Record { priority: Priority::of(prefix), us, text, dict })
    }

    /// The records of a buffer: `<6>[    1.234567] text`, one a line. A line without `<` belongs to
    /// the record before it.
    pub fn of_buffer(buffer: &[u8]) -> Vec<Self> {
        let mut records: Vec<Record> = Vec::new();
        let body = buffer.strip_suffix(b"\n").unwrap_or(buffer);
        if buffer.is_empty() {
            return records;
        }
        for line in body.split(|byte| *byte == b'\n') {
            match records.last_mut() {
                Some(record) if !line.starts_with(b"<") => {
                    record.text.push(b'\n');
                    record.text.extend_from_slice(line);
                }
                _ => records.push(Record::of_line(line)),
            }
        }
        records
    }

    fn of_line(line: &[u8]) -> Self {
        let (priority, rest) = match prefix(line) {
            Some((number, rest)) => (Priority::of(number), rest),
            None => (None, line),
        };
        let (us, rest) = stamp(rest).unwrap_or((0, rest));
        Record { priority, us, text: rest.to_vec(), dict: Vec::new() }
    }
}

/// `<6>`.
fn prefix(line: &[u8]) -> Option<(u32, &[u8])> {
    let rest = line.strip_prefix(b"<")?;
    let end = rest.iter().position(|byte| *byte == b'>')?;
    let number = std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()?;
    Some((number, rest.get(end + 1..)?))
}

/// `[    1.234567] `: what stands behind the dot are microseconds, however many digits it has.
fn stamp(line: &[u8]) -> Option<(i64, &[u8])> {
    let rest = line.strip_prefix(b"[")?;
    let end = rest.iter().position(|byte| *byte == b']')?;
    let (seconds, us) = std::str::from_utf8(rest.get(..end)?).ok()?.split_once('.')?;
    let number = |text: &str| text.parse::<u32>().ok().map(i64::from);
    let us = number(seconds.trim_start())? * 1_000_000 + number(us)?;
    let rest = rest.get(end + 1..)?;
    Some((us, rest.strip_prefix(b" ").unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer() {
        let buffer = b"<6>[    1.000002] a\nmore\n\n<11>[    0.5]b\n<200>c\n<3>[x] d\n";
        let records = Record::of_buffer(buffer);
        let shown: Vec<_> = records
            .iter()
            .map(|r| {
                let priority = r.priority.map(|p| (p.facility_name(), p.level_name(), p.number()));
                (priority, r.us, String::from_utf8_lossy(&r.text).into_owned())
            })
            .collect();
        assert_eq!(
            shown,
            [
                (Some(("kern", "info", 6)), 1_000_002, "a\nmore\n".into()),
                (Some(("user", "err", 3)), 5, "b".into()),
                (None, 0, "c".into()),
                (Some(("kern", "err", 3)), 0, "[x] d".into()),
            ]
        );
        assert!(Record::of_buffer(b"").is_empty());
        assert_eq!(Record::of_buffer(b"plain")[0].text, b"plain");
    }

    #[test]
    fn a_record_of_kmsg() {
        let record = Record::of_kmsg(b"30,1,7,-;a\n DEVICE=x\n").unwrap();
        assert_eq!(record.priority, Some(Priority { facility: 3, level: 6 }));
        assert_eq!((record.us, record.dict.len()), (7, 1));
    }
}
