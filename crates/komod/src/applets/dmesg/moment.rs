//! A moment as `--since` and `--until` take it: `12:30`, `2026-12-01 12:30:00`, `yesterday`,
//! `-90min`, `1 hour ago` (dmesg(1)).

use komod_kernel::host::LocalTime;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Units of a span, by all their names, in microseconds.
const UNITS: [(&[&str], i64); 9] = [
    (&["usec", "us"], 1),
    (&["msec", "ms"], 1000),
    (&["seconds", "second", "sec", "s", ""], SECOND),
    (&["minutes", "minute", "min", "m"], 60 * SECOND),
    (&["hours", "hour", "hr", "h"], 3600 * SECOND),
    (&["days", "day", "d"], DAY),
    (&["weeks", "week", "w"], 7 * DAY),
    (&["months", "month"], 2_629_800 * SECOND),
    (&["years", "year", "y"], 31_557_600 * SECOND),
];

const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Microseconds since 1970, or nothing when it is no moment. `now` is one, too.
pub fn parse(text: &str, now: i64) -> Option<i64> {
    let today = LocalTime::of(now.div_euclid(SECOND))?;
    let midnight = |days: i32| {
        let (hour, minute, second) = (0, 0, 0);
        let day = LocalTime { day: today.day + days, hour, minute, second, ..today.clone() };
        day.seconds()?.checked_mul(SECOND)
    };
    match text {
        "now" => return Some(now),
        "today" => return midnight(0),
        "yesterday" => return midnight(-1),
        "tomorrow" => return midnight(1),
        _ => {}
    }
    if let Some(later) = text.strip_prefix('+') {
        return now.checked_add(span(later)?);
    }
    if let Some(before) = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago")) {
        return now.checked_sub(span(before)?);
    }
    let (weekday, rest) = match weekday(text) {
        Some((weekday, rest)) => (Some(weekday), rest),
        None => (None, text),
    };
    let seconds = date_and_time(rest, &today)?.seconds()?;
    if weekday.is_some_and(|weekday| LocalTime::of(seconds).map(|t| t.weekday) != Some(weekday)) {
        return None;
    }
    seconds.checked_mul(SECOND)
}

fn weekday(text: &str) -> Option<(i32, &str)> {
    let (word, rest) = text.split_once(' ')?;
    let at = WEEKDAYS.iter().position(|day| {
        day.eq_ignore_ascii_case(word) || day.get(..3).is_some_and(|d| d.eq_ignore_ascii_case(word))
    })?;
    Some((i32::try_from(at).ok()?, rest.trim_start()))
}

/// `1h 30min`.
fn span(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?.trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let word = rest.get(..letters)?;
        let (_, unit) = UNITS.iter().find(|(names, _)| names.contains(&word))?;
        sum = sum.checked_add(number.checked_mul(*unit)?)?;
        rest = rest.get(letters..)?.trim_start();
    }
    Some(sum)
}

/// `2026-12-01 12:30:00`, and what may be left out of it; `20261201123000`.
fn date_and_time(text: &str, today: &LocalTime) -> Option<LocalTime> {
    if text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let part = |from: usize, to: usize| text.get(from..to)?.parse::<i32>().ok();
        return time(
            date(&[part(0, 4)?, part(4, 6)?, part(6, 8)?], 4, today)?,
            &[part(8, 10)?, part(10, 12)?, part(12, 14)?],
        );
    }
    let (day, clock) = match text.split_once([' ', 'T']) {
        Some((day, clock)) => (Some(day), Some(clock)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    let day = match day {
        Some(day) => {
            let year = day.split('-').next().unwrap_or_default().len();
            date(&numbers(day, '-')?, year, today)?
        }
        None => today.clone(),
    };
    time(day, &clock.map_or(Some(vec![0, 0]), |clock| numbers(clock, ':'))?)
}

fn numbers(text: &str, between: char) -> Option<Vec<i32>> {
    let number = |part: &str| {
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    text.split(between).map(number).collect()
}

fn date(parts: &[i32], year_digits: usize, today: &LocalTime) -> Option<LocalTime> {
    let [year, month @ 1..=12, day @ 1..=31] = parts else { return None };
    let year = match (year_digits, *year) {
        (4, year) => year,
        (2, year) => year + if year < 69 { 2000 } else { 1900 },
        _ => return None,
    };
    Some(LocalTime { year: year.into(), month: month - 1, day: *day, ..today.clone() })
}

fn time(day: LocalTime, parts: &[i32]) -> Option<LocalTime> {
    let (hour, minute, second) = match parts {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let good = hour < 24 && minute < 60 && second <= 60;
    good.then_some(LocalTime { hour, minute, second, ..day })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_796_129_000_000_000;

    #[test]
    fn spans() {
        for (text, seconds) in [
            ("now", 0),
            ("-1h", -3600),
            ("+1h30min", 5400),
            ("90min ago", -5400),
            ("5 min ago", -300),
            ("-5", -5),
            ("1d ago", -86_400),
        ] {
            assert_eq!(parse(text, NOW), Some(NOW + seconds * SECOND), "{text}");
        }
    }

    #[test]
    fn dates() {
        let local = |text: &str| {
            let t = LocalTime::of(parse(text, NOW)? / SECOND)?;
            Some((t.year, t.month + 1, t.day, t.hour, t.minute, t.second))
        };
        let noon = Some((2026, 12, 2, 12, 30, 5));
        for text in ["2026-12-02 12:30:05", "2026-12-02T12:30:05", "20261202123005"] {
            assert_eq!(local(text), noon, "{text}");
        }
        assert_eq!(local("Wed 26-12-02 12:30:05"), noon);
        assert_eq!(local("2026-12-02"), Some((2026, 12, 2, 0, 0, 0)));
        let today = LocalTime::of(NOW / SECOND).unwrap();
        assert_eq!(local("12:30"), Some((2026, today.month + 1, today.day, 12, 30, 0)));
        assert!(parse("yesterday", NOW) < parse("today", NOW));
    }

    #[test]
    fn what_is_no_moment() {
        for bad in [
            "",
            "foo",
            "2h",
            "@17",
            "12-01",
            "25:00",
            "2026-13-01",
            "-",
            "-1x",
            "Mon 2026-12-02",
            "1:2:3:4",
        ] {
            assert_eq!(parse(bad, NOW), None, "{bad}");
        }
    }
}
