//! The `.modinfo` section: `key=value` strings, one after the other, each ended by NUL.
//!
//! `MODULE_INFO()` and its relatives put them there (`include/linux/moduleparam.h`); the padding
//! between strings may be several NULs (`kernel/module/main.c`, Linux 6.1).

use crate::Text;

/// The strings of a `.modinfo` section, in file order.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModInfo<'a> {
    data: &'a [u8],
}

impl<'a> ModInfo<'a> {
    /// Reads the contents of a `.modinfo` section.
    pub fn new(data: &'a [u8]) -> Self {
        ModInfo { data }
    }

    /// The raw strings, also those without `=`.
    pub fn strings(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        self.data.split(|&byte| byte == 0).filter(|s| !s.is_empty()).map(Text::new)
    }

    /// Keys and values in file order.
    pub fn entries(&self) -> impl Iterator<Item = (Text<'a>, Text<'a>)> + use<'a> {
        self.strings().filter_map(|string| {
            let bytes = string.as_bytes();
            let equals = bytes.iter().position(|&byte| byte == b'=')?;
            Some((Text::new(&bytes[..equals]), Text::new(&bytes[equals + 1..])))
        })
    }

    /// The first value of `key`.
    pub fn get(&self, key: &str) -> Option<Text<'a>> {
        self.all(key).next()
    }

    /// All values of `key`.
    pub fn all<'k>(&self, key: &'k str) -> impl Iterator<Item = Text<'a>> + use<'a, 'k> {
        self.entries().filter(move |(k, _)| *k == *key).map(|(_, value)| value)
    }

    /// Names in the `depends` value.
    pub fn depends(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        let list = self.get("depends").unwrap_or_default().as_bytes();
        list.split(|&byte| byte == b',').filter(|name| !name.is_empty()).map(Text::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn reads_entries_in_order_and_skips_padding() {
        let info = ModInfo::new(b"license=GPL\0\0\0depends=a,b\0alias=x=y\0odd\0alias=z");
        let keys: Vec<_> = info.entries().map(|(k, _)| k.to_string_lossy()).collect();
        assert_eq!(keys, ["license", "depends", "alias", "alias"]);
        assert_eq!(info.get("alias").unwrap(), "x=y");
        assert_eq!(info.all("alias").count(), 2);
        assert_eq!(info.depends().collect::<Vec<_>>(), [Text::from("a"), Text::from("b")]);
        assert_eq!(info.get("lic"), None);
        assert_eq!(info.strings().count(), 5);
    }

    #[test]
    fn empty_depends_names_nothing() {
        assert_eq!(ModInfo::new(b"depends=\0").depends().count(), 0);
        assert_eq!(ModInfo::new(b"").depends().count(), 0);
    }
}
