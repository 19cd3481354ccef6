//! What tells two states of a file apart without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// Time of change in nanoseconds, size and inode number. All writers here replace files, so a new
/// content is a new inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp(i64, u64, u64);

/// Linux takes a file's times from a clock that ticks with the timer, at least every 10 ms
/// (`CONFIG_HZ=100`): two changes within a tick can have the same time.
const TICK: i64 = 10_000_000;

impl Stamp {
    /// A file that is not there.
    pub const ABSENT: Stamp = Stamp(0, 0, 0);

    /// Of the file behind a path, links followed.
    pub fn of(path: &Path) -> Stamp {
        std::fs::metadata(path).map_or(Stamp::ABSENT, |meta| Stamp::from(&meta))
    }

    /// Was the file changed at `time` or later, or so little before that it cannot be told?
    pub fn is_fresh(self, time: SystemTime) -> bool {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        self.0 >= time.saturating_sub(TICK)
    }
}

impl From<&Metadata> for Stamp {
    fn from(meta: &Metadata) -> Self {
        let time = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
        Stamp(time, meta.size(), meta.ino())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    #[test]
    fn changes_show() {
        let path = std::env::temp_dir().join(format!("komod-stamp-{}", std::process::id()));
        assert_eq!(Stamp::of(&path), Stamp::ABSENT);
        fs::write(&path, "a").unwrap();
        let first = Stamp::of(&path);
        assert!(first.is_fresh(SystemTime::now()));
        assert!(!first.is_fresh(SystemTime::now() + Duration::from_secs(1)));
        fs::write(&path, "ab").unwrap();
        assert_ne!(Stamp::of(&path), first);
        fs::remove_file(path).unwrap();
    }
}
