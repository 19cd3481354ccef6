//! The types of device tables and the shape of their entries.
//!
//! Sizes and, in the functions, offsets of fields are those of `include/linux/mod_devicetable.h`
//! on x86-64; the structures are the same in Linux 6.1 and 6.12. Constants named `ANY` in the
//! functions are that file's, too.

use super::super::Dialect;
use super::{Entry, Sink, bits, guids, names, numbers, pnp, texts, usb};

/// One type of table.
pub(super) struct Kind {
    /// The type in `MODULE_DEVICE_TABLE(type, id)`.
    pub(super) name: &'static str,
    /// Size of an entry.
    pub(super) size: usize,
    /// First line of kernels that knows it.
    since: Dialect,
    /// Makes the aliases of an entry.
    pub(super) make: fn(&Entry<'_>, &mut Sink<'_>),
}

const fn kind(name: &'static str, size: usize, make: fn(&Entry<'_>, &mut Sink<'_>)) -> Kind {
    Kind { name, size, since: Dialect::Ksymtab, make }
}

const fn later(name: &'static str, size: usize, make: fn(&Entry<'_>, &mut Sink<'_>)) -> Kind {
    Kind { name, size, since: Dialect::ExportSymbol, make }
}

const KINDS: [Kind; 56] = [
    kind("acpi", 32, texts::acpi),
    kind("amba", 16, bits::amba),
    kind("ap", 16, numbers::ap),
    kind("auxiliary", 40, names::auxiliary),
    kind("bcma", 6, numbers::bcma),
    kind("ccw", 16, numbers::ccw),
    later("cdx", 20, numbers::cdx),
    later("coreboot", 16, numbers::coreboot),
    kind("cpu", 2, numbers::cpu),
    kind("css", 16, numbers::css),
    kind("dfl", 16, numbers::dfl),
    kind("dmi", 344, texts::dmi),
    kind("eisa", 16, names::eisa),
    kind("fslmc", 18, names::fslmc),
    kind("hdaudio", 32, numbers::hdaudio),
    kind("hid", 24, numbers::hid),
    kind("i2c", 32, names::i2c),
    kind("i3c", 16, numbers::i3c),
    kind("ieee1394", 32, numbers::ieee1394),
    kind("input", 200, bits::input),
    kind("ipack", 12, numbers::ipack),
    kind("isapnp", 16, pnp::isapnp),
    kind("ishtp", 24, guids::ishtp),
    kind("mdio", 8, bits::mdio),
    kind("mei", 64, guids::mei),
    kind("mhi", 40, names::mhi),
    kind("mhi_ep", 40, names::mhi_ep),
    kind("mipscdmm", 1, numbers::mipscdmm),
    kind("of", 200, texts::of),
    kind("parisc", 8, numbers::parisc),
    kind("pci", 40, numbers::pci),
    kind("pcmcia", 80, numbers::pcmcia),
    kind("platform", 32, names::platform),
    kind("pnp", 16, pnp::device),
    kind("pnp_card", 80, |_, _| ()),
    kind("rapidio", 8, numbers::rapidio),
    kind("rpmsg", 40, names::rpmsg),
    kind("sdio", 16, numbers::sdio),
    kind("sdw", 16, numbers::sdw),
    kind("serio", 4, numbers::serio),
    later("slim", 16, numbers::slim),
    kind("spi", 40, names::spi),
    kind("ssam", 16, numbers::ssam),
    kind("ssb", 6, numbers::ssb),
    kind("tbsvc", 40, names::tbsvc),
    kind("tee", 16, guids::tee),
    kind("typec", 16, numbers::typec),
    kind("ulpi", 16, numbers::ulpi),
    kind("usb", 32, usb::device),
    later("vchiq", 32, names::vchiq),
    kind("vio", 64, names::vio),
    kind("virtio", 8, numbers::virtio),
    kind("vmbus", 24, guids::vmbus),
    kind("wmi", 48, names::wmi),
    kind("x86cpu", 24, numbers::x86cpu),
    kind("zorro", 16, numbers::zorro),
];

/// The type with this name, if the line of kernels knows it.
pub(super) fn find(name: &[u8], dialect: Dialect) -> Option<&'static Kind> {
    let index = KINDS.binary_search_by(|kind| kind.name.as_bytes().cmp(name)).ok()?;
    let kind = &KINDS[index];
    (kind.since == Dialect::Ksymtab || dialect == Dialect::ExportSymbol).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        assert!(KINDS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(KINDS.iter().filter(|kind| kind.since == Dialect::Ksymtab).count(), 52);
        assert!(find(b"cdx", Dialect::Ksymtab).is_none());
        assert!(find(b"cdx", Dialect::ExportSymbol).is_some());
        assert!(find(b"tifm", Dialect::ExportSymbol).is_none());
    }
}
