//! How a file looked: the same as before means that it says the same.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// How many numbers a stamp has.
pub const NUMBERS: usize = 7;
/// File systems keep times in ticks of the clock, at most so long (4 ms with HZ=250): a file that
/// just changed may change again without a trace.
const TICK: Duration = Duration::from_millis(100);

/// Size, times, inode and device of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(pub [u64; NUMBERS]);

impl Stamp {
    /// The stamp of a file.
    pub fn of(file: &Metadata) -> Stamp {
        Stamp([
            file.size(),
            file.mtime().cast_unsigned(),
            file.mtime_nsec().cast_unsigned(),
            file.ctime().cast_unsigned(),
            file.ctime_nsec().cast_unsigned(),
            file.ino(),
            file.dev(),
        ])
    }

    /// Whether the file may change from now on without another stamp.
    pub fn is_fresh(&self) -> bool {
        let [.., seconds, nanoseconds, _, _] = self.0;
        let Some(changed) = SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(seconds))
            .and_then(|time| time.checked_add(Duration::from_nanos(nanoseconds)))
        else {
            return true;
        };
        // A time in the future is as fresh as can be.
        SystemTime::now().duration_since(changed).map_or(true, |age| age < TICK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_fresh_for_a_moment() {
        let path = std::env::temp_dir().join(format!("komod-stamp-{}", std::process::id()));
        std::fs::write(&path, "x").unwrap();
        let stamp = Stamp::of(&std::fs::metadata(&path).unwrap());
        assert!(stamp.is_fresh());
        std::thread::sleep(TICK * 2);
        assert!(!stamp.is_fresh());
        std::fs::write(&path, "xy").unwrap();
        assert_ne!(stamp, Stamp::of(&std::fs::metadata(&path).unwrap()));
        std::fs::remove_file(path).unwrap();
        assert!(Stamp([0, 0, 0, u64::MAX, 0, 0, 0]).is_fresh());
    }
}
