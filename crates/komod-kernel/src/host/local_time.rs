//! The time of day where this machine stands.

use super::libc_calls;

/// A time in the local time zone, as `struct tm` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime {
    pub year: i64,
    /// From 0.
    pub month: i32,
    pub day: i32,
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    /// From Sunday, which is 0.
    pub weekday: i32,
    /// From 0.
    pub yearday: i32,
    /// Seconds east of Greenwich.
    pub offset: i64,
}

impl LocalTime {
    /// Of seconds since 1970.
    pub fn of(seconds: i64) -> Option<Self> {
        libc_calls::local_time(seconds)
    }

    /// Seconds since 1970; day of week and year and offset do not count. Days and hours that a month
    /// or day does not have go over into the next.
    pub fn seconds(&self) -> Option<i64> {
        libc_calls::seconds(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for seconds in [0, 1_796_129_000, 951_782_400] {
            assert_eq!(LocalTime::of(seconds).unwrap().seconds(), Some(seconds));
        }
        assert_eq!(LocalTime::of(i64::MAX), None);
    }
}
