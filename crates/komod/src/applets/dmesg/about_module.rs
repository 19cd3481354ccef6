//! Which records are a module's.

use super::record::Record;
use komod_kernel::host::Host;
use std::path::Path;

/// What tells a module's records.
#[derive(Debug)]
pub struct AboutModule {
    /// Its name and those of its drivers, with `_` for `-`.
    names: Vec<Vec<u8>>,
    /// Devices of its drivers as records name them: `DEVICE=+pci:0000:00:1f.6`
    /// (`Documentation/ABI/testing/dev-kmsg`, Linux 6.12).
    devices: Vec<Vec<u8>>,
    /// `[name]`, as reports of faults have it behind a symbol.
    mark: Vec<u8>,
}

fn alike(name: &[u8]) -> Vec<u8> {
    name.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect()
}

impl AboutModule {
    /// Its drivers are those that `/sys/module/NAME/drivers` lists while it is loaded.
    pub fn new(host: &dyn Host, name: &str) -> Self {
        let name = name.replace('-', "_");
        let mut about = AboutModule {
            names: vec![name.clone().into_bytes()],
            devices: Vec::new(),
            mark: format!("[{name}]").into_bytes(),
        };
        let folder = Path::new("/sys/module").join(name.replace('/', "!")).join("drivers");
        for driver in host.list(&folder).unwrap_or_default() {
            let shown = driver.to_string_lossy().into_owned();
            let Some((bus, driver_name)) = shown.split_once(':') else { continue };
            about.names.push(alike(driver_name.as_bytes()));
            for device in host.list(&folder.join(&driver)).unwrap_or_default() {
                let device = device.to_string_lossy().into_owned();
                about.devices.push(format!("DEVICE=+{bus}:{device}").into_bytes());
            }
        }
        about
    }

    pub fn has(&self, record: &Record) -> bool {
        let text = alike(&record.text);
        self.names.iter().any(|name| begins(&text, name))
            || record.dict.iter().any(|entry| self.devices.contains(entry))
            || text.windows(self.mark.len()).any(|window| window == self.mark)
    }
}

/// `name:`, or `name device:`.
fn begins(text: &[u8], name: &[u8]) -> bool {
    match text.strip_prefix(name) {
        Some([b':', ..]) => true,
        Some([b' ', rest @ ..]) => rest.windows(2).any(|pair| pair == b": "),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_kernel::host::FakeHost;

    fn record(text: &str, dict: &[&str]) -> Record {
        let dict = dict.iter().map(|entry| entry.as_bytes().to_vec()).collect();
        Record { text: text.into(), dict, ..Record::default() }
    }

    #[test]
    fn a_modules_records() {
        let mut host = FakeHost::default();
        let bound = "/sys/module/my_net/drivers/pci:my-drv/0000:00:03.0/x";
        host.files.insert(bound.into(), Vec::new());
        let about = AboutModule::new(&host, "my-net");
        for (text, dict) in [
            ("my_net: hello", &[][..]),
            ("my-net: hello", &[]),
            ("my_net 0000:00:03.0: up", &[]),
            ("my-drv 0000:00:03.0: up", &[]),
            ("link is up", &["SUBSYSTEM=pci", "DEVICE=+pci:0000:00:03.0"]),
            ("RIP: 0010:f+0x1/0x2 [my_net]", &[]),
        ] {
            assert!(about.has(&record(text, dict)), "{text}");
        }
        for (text, dict) in [
            ("my_net2: hello", &[][..]),
            ("my_net is a name", &[]),
            ("about my_net: x", &[]),
            ("x", &["DEVICE=+pci:0000:00:04.0"]),
            ("", &[]),
        ] {
            assert!(!about.has(&record(text, dict)), "{text}");
        }
    }
}
