//! When a record was written: the kernel's clock begins at 0 when it boots.

use komod_kernel::host::LocalTime;
use rustix::time::{ClockId, clock_gettime};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// What is added to a record's time to get that of the day, in seconds since 1970. The kernel's
/// clock stands still while the machine sleeps, so that this is exact since the last sleep only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot(pub i64);

impl Boot {
    pub fn now() -> Self {
        let us = |id| {
            let time = clock_gettime(id);
            time.tv_sec * 1_000_000 + time.tv_nsec / 1000
        };
        let up = us(ClockId::Boottime);
        let boot = (us(ClockId::Realtime) - up).div_euclid(1_000_000);
        let slept = (up - us(ClockId::Monotonic)).max(0);
        // Two readings one after the other differ a little.
        Boot(boot + if slept > 500_000 { slept / 1_000_000 } else { 0 })
    }

    pub fn seconds(self, us: i64) -> i64 {
        self.0.saturating_add(us.div_euclid(1_000_000))
    }

    pub fn local(self, us: i64) -> Option<LocalTime> {
        LocalTime::of(self.seconds(us))
    }
}

fn name<'n>(names: &[&'n str], number: i32) -> &'n str {
    usize::try_from(number).ok().and_then(|n| names.get(n)).copied().unwrap_or("?")
}

/// As ctime(3).
pub fn ctime(t: &LocalTime) -> String {
    let (weekday, month) = (name(&DAYS, t.weekday), name(&MONTHS, t.month));
    let LocalTime { day, hour, minute, second, year, .. } = t;
    format!("{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}")
}

/// `Dec 1 12:54`.
pub fn minute(t: &LocalTime) -> String {
    format!("{}{:2} {:02}:{:02}", name(&MONTHS, t.month), t.day, t.hour, t.minute)
}

/// `2026-12-01T12:25:22,000001+00:00`.
pub fn iso(t: &LocalTime, us: i64) -> String {
    let LocalTime { year, day, hour, minute, second, offset, .. } = t;
    let sign = if *offset < 0 { '-' } else { '+' };
    let (east, us) = (offset.abs() / 60, us.rem_euclid(1_000_000));
    format!(
        "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02},{us:06}{sign}{:02}:{:02}",
        t.month + 1,
        east / 60,
        east % 60
    )
}

/// Whether a minute has begun between two records.
pub fn same_minute(a: &LocalTime, b: &LocalTime) -> bool {
    (a.yearday, a.hour, a.minute) == (b.yearday, b.hour, b.minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks() {
        let t = LocalTime {
            year: 2026,
            month: 11,
            day: 1,
            hour: 9,
            minute: 5,
            second: 7,
            weekday: 2,
            yearday: 334,
            offset: -5400,
        };
        assert_eq!(ctime(&t), "Tue Dec  1 09:05:07 2026");
        assert_eq!(minute(&t), "Dec 1 09:05");
        assert_eq!(iso(&t, 3_000_012), "2026-12-01T09:05:07,000012-01:30");
        assert!(same_minute(&t, &LocalTime { second: 59, ..t.clone() }));
        assert!(!same_minute(&t, &LocalTime { hour: 8, ..t.clone() }));
    }
}
