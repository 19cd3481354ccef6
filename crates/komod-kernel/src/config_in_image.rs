//! The configuration that a kernel carries in itself (`CONFIG_IKCONFIG`): a packed `.config` between
//! two marks in read-only data. Source: Linux 6.12 `kernel/configs.c`.

use std::io::Read;

use crate::config::KernelConfig;
use crate::prepared::Prepared;

const START: &[u8] = b"IKCFG_ST";
const END: &[u8] = b"IKCFG_ED";
/// A distribution's configuration has 300 KB unpacked.
const MAX_SIZE: u64 = 16 << 20;

impl KernelConfig {
    /// The configuration in a kernel's image, if it was built to carry it.
    pub fn in_image(image: &Prepared) -> Option<Self> {
        let data = image.section_bytes(".rodata").ok()??;
        Some(Self::parse(&String::from_utf8_lossy(&find(&data)?)))
    }
}

/// The text between the marks. A mark without gzip data behind it is only a text that looks so.
fn find(data: &[u8]) -> Option<Vec<u8>> {
    let starts = memchr::memmem::find_iter(data, START).map(|at| at + START.len());
    starts.take(16).find_map(|at| {
        let rest = data.get(at..)?;
        let packed = rest.get(..memchr::memmem::find(rest, END)?)?;
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(packed).take(MAX_SIZE).read_to_end(&mut text).ok()?;
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_text_between_the_marks() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"CONFIG_SMP=y\nCONFIG_HZ=250\n").unwrap();
        let packed = packer.finish().unwrap();
        let whole = [b"IKCFG_ST, no data IKCFG_ED".as_slice(), START, &packed, END, b"more"];
        let config =
            KernelConfig::parse(&String::from_utf8(find(&whole.concat()).unwrap()).unwrap());
        assert!(config.is_on("SMP") && config.get("HZ") == Some("250"));
        assert_eq!(find(&[START, &packed].concat()), None, "no end");
        assert_eq!(find(&[START, &packed[..packed.len() / 2], END].concat()), None, "cut");
        assert_eq!(find(b""), None);
    }
}
