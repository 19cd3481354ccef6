//! How much memory is left.

use super::NotWarm;

/// Is that much memory available? Where that cannot be known, it is.
pub fn check(wanted: u64) -> Result<(), NotWarm> {
    match std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text)) {
        Some(available) if available < wanted => Err(NotWarm::LowMemory { available, wanted }),
        _ => Ok(()),
    }
}

/// `MemAvailable` of `/proc/meminfo` (proc(5)) in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_meminfo() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:   17 kB\n"), Some(17 * 1024));
        for bad in
            ["", "MemAvailable: x kB", "MemAvailable: 99999999999999999999 kB", "MemAvailable: 1"]
        {
            assert_eq!(available(bad), None, "{bad}");
        }
        assert!(check(0).is_ok());
        assert!(matches!(check(u64::MAX), Err(NotWarm::LowMemory { .. })));
    }
}
