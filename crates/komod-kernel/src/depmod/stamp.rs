//! How a file looked: the same as before means that it says the same.

use rustc_hash::FxHasher;
use rustix::fs::{AtFlags, FileType, Stat, statat};
use std::hash::Hasher;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

/// How many numbers a stamp has.
pub const NUMBERS: usize = 7;
/// File systems keep times in ticks of the clock, at most so long (4 ms with HZ=250): a file that
/// just changed may change again without a trace.
const TICK: Duration = Duration::from_millis(100);
/// The size of a stamp in a cache: its numbers, and a checksum of them.
pub const RECORD: usize = 8 * (NUMBERS + 1);
/// In place of the stamp of a file that has to be looked into: no file has it.
pub const UNKNOWN: [u8; RECORD] = [0; RECORD];

/// Size, times, inode and device of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(pub [u64; NUMBERS]);

impl Stamp {
    /// The stamp of a file.
    #[allow(clippy::useless_conversion, reason = "the types depend on the machine")]
    pub fn of(file: &Stat) -> Stamp {
        let number = |number: i64| number.cast_unsigned();
        // Nanoseconds are below 10⁹.
        let part = |nanoseconds| u64::try_from(nanoseconds).unwrap_or_default();
        Stamp([
            number(file.st_size),
            number(file.st_mtime),
            part(file.st_mtime_nsec),
            number(file.st_ctime),
            part(file.st_ctime_nsec),
            file.st_ino,
            file.st_dev,
        ])
    }

    /// The stamp of the regular file at a path, seen from a folder, if there is one.
    pub fn of_path(folder: impl AsFd, path: &[u8]) -> Option<Stamp> {
        let file = statat(folder, path, AtFlags::empty()).ok()?;
        FileType::from_raw_mode(file.st_mode).is_file().then(|| Stamp::of(&file))
    }

    /// Whether a file that was read at this time or later may change, or have changed since, without
    /// another stamp.
    pub fn is_fresh(&self, read: SystemTime) -> bool {
        let [.., seconds, nanoseconds, _, _] = self.0;
        let Some(changed) = SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(seconds))
            .and_then(|time| time.checked_add(Duration::from_nanos(nanoseconds)))
        else {
            return true;
        };
        // A time in the future is as fresh as can be.
        read.duration_since(changed).map_or(true, |age| age < TICK)
    }

    /// As a cache has it, of a file that was read at this time or later.
    pub fn record(&self, read: SystemTime) -> [u8; RECORD] {
        let mut record = UNKNOWN;
        if !self.is_fresh(read) {
            let (fields, _) = record.as_chunks_mut();
            for (field, number) in fields.iter_mut().zip(self.0.into_iter().chain([self.sum()])) {
                *field = number.to_le_bytes();
            }
        }
        record
    }

    /// The stamp in a record, unless that is damaged or only partly written.
    pub fn of_record(record: &[u8; RECORD]) -> Option<Stamp> {
        let (fields, _) = record.as_chunks();
        let mut stamp = Stamp([0; NUMBERS]);
        for (number, field) in stamp.0.iter_mut().zip(fields) {
            *number = u64::from_le_bytes(*field);
        }
        let sum = fields.last().map(|field| u64::from_le_bytes(*field));
        (*record != UNKNOWN && sum == Some(stamp.sum())).then_some(stamp)
    }

    fn sum(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.0.into_iter().for_each(|number| hasher.write_u64(number));
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Folder;
    use rustix::fs::CWD;

    #[test]
    fn a_new_file_is_fresh_for_a_moment() {
        let folder = Folder::new("stamp");
        let path = folder.file("x", "x");
        let stamp = Stamp::of(&rustix::fs::stat(&path).unwrap());
        let now = SystemTime::now();
        assert!(stamp.is_fresh(now));
        assert_eq!(stamp.record(now), UNKNOWN);
        assert!(!stamp.is_fresh(now + TICK));
        folder.file("x", "xy");
        assert_ne!(stamp, Stamp::of(&rustix::fs::stat(&path).unwrap()));
        assert!(Stamp([0, 0, 0, u64::MAX, 0, 0, 0]).is_fresh(now));
    }

    #[test]
    fn regular_files_have_stamps() {
        let folder = Folder::new("stamp");
        let path = folder.file("x", "x");
        let stamp = Stamp::of(&rustix::fs::stat(&path).unwrap());
        let open = std::fs::File::open(&*folder).unwrap();
        assert_eq!(Stamp::of_path(&open, b"x"), Some(stamp));
        assert_eq!(Stamp::of_path(CWD, path.as_os_str().as_encoded_bytes()), Some(stamp));
        assert_eq!(Stamp::of_path(&open, b"y"), None);
        assert_eq!(Stamp::of_path(&open, b"x\0"), None);
        assert_eq!(Stamp::of_path(&open, b"."), None);
    }

    #[test]
    fn only_a_whole_record_counts() {
        let stamp = Stamp([1, 2, 3, 4, 5, 6, 7]);
        let record = stamp.record(SystemTime::now());
        assert_eq!(Stamp::of_record(&record), Some(stamp));
        assert_eq!(Stamp::of_record(&UNKNOWN), None);
        for at in 0..RECORD {
            let mut damaged = record;
            damaged[at] ^= 1;
            assert_eq!(Stamp::of_record(&damaged), None, "{at}");
            // Half of it written, half as it was.
            let other = Stamp([1, 2, 30, 4, 50, 6, 7]).record(SystemTime::now());
            damaged = record;
            damaged[..at].copy_from_slice(&other[..at]);
            let read = Stamp::of_record(&damaged);
            assert!(read.is_none() || damaged == record, "{at}");
        }
    }
}
