//! Buses that identify devices by numbers.

use super::super::message::Level;
use super::pattern::{Pattern, unless, when};
use super::{Entry, Sink};

pub(super) fn ap(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    sink.alias(Pattern::new("ap:t").hex("", 2, Some(entry.u8(2))).open());
}

pub(super) fn bcma(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("bcma:")
        .hex("m", 4, unless(entry.u16(0), 0xffff))
        .hex("id", 4, unless(entry.u16(2), 0xffff))
        .hex("rev", 2, unless(entry.u8(4), 0xff))
        .hex("cl", 2, unless(entry.u8(5), 0xff));
    sink.alias(pattern.open());
}

pub(super) fn ccw(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let flags = entry.u16(0);
    let pattern = Pattern::new("ccw:")
        .hex("t", 4, when(flags & 1 != 0, entry.u16(2)))
        .hex("m", 2, when(flags & 2 != 0, entry.u8(6)))
        .hex("dt", 4, when(flags & 4 != 0, entry.u16(4)))
        .hex("dm", 2, when(flags & 8 != 0, entry.u8(7)));
    sink.alias(pattern.open());
}

pub(super) fn cdx(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    const ANY: u32 = 0xffff;
    let prefix = match entry.u32(16) {
        0 => "cdx:",
        1 => "vfio_cdx:",
        other => {
            sink.say(Level::Warning, format!("Unknown CDX driver_override alias {other:08X}"));
            return;
        }
    };
    let pattern = Pattern::new(prefix)
        .hex("v", 4, unless(entry.u16(0), ANY))
        .hex("d", 4, unless(entry.u16(2), ANY))
        .hex("sv", 4, unless(entry.u16(4), ANY))
        .hex("sd", 4, unless(entry.u16(6), ANY))
        .hex("c", 8, when(entry.u32(12) == 0x00ff_ffff, entry.u32(8)));
    sink.alias(pattern.closed());
}

pub(super) fn coreboot(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    sink.alias(Pattern::new("coreboot:").hex("t", 8, Some(entry.u32(0))).closed());
}

pub(super) fn cpu(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    sink.alias(Pattern::new("cpu:type:*:feature:*").hex("", 4, Some(entry.u16(0))).open());
}

pub(super) fn css(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    sink.alias(Pattern::new("css:t").hex("", 1, Some(entry.u8(1))).closed());
}

pub(super) fn dfl(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("dfl:").hex("t", 4, Some(entry.u16(0)));
    sink.alias(pattern.hex("f", 4, Some(entry.u16(2))).open());
}

pub(super) fn hdaudio(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("hdaudio:")
        .hex("v", 8, unless(entry.u32(0), 0))
        .hex("r", 8, unless(entry.u32(4), 0))
        .hex("a", 2, unless(entry.u8(8), 0));
    sink.alias(pattern.open());
}

pub(super) fn hid(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("hid:")
        .hex("b", 4, unless(entry.u16(0), 0xffff))
        .hex("g", 4, unless(entry.u16(2), 0))
        .hex("v", 8, unless(entry.u32(4), u32::MAX))
        .hex("p", 8, unless(entry.u32(8), u32::MAX));
    sink.alias(pattern.closed());
}

pub(super) fn i3c(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let flags = entry.u8(0);
    let pattern = Pattern::new("i3c:")
        .hex("dcr", 2, when(flags & 1 != 0, entry.u8(1)))
        .hex("manuf", 4, when(flags & 2 != 0, entry.u16(2)))
        .hex("part", 4, when(flags & 4 != 0, entry.u16(4)))
        .hex("ext", 4, when(flags & 8 != 0, entry.u16(6)));
    sink.alias(pattern.closed());
}

pub(super) fn ieee1394(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let flags = entry.u32(0);
    let pattern = Pattern::new("ieee1394:")
        .hex("ven", 8, when(flags & 1 != 0, entry.u32(4)))
        .hex("mo", 8, when(flags & 2 != 0, entry.u32(8)))
        .hex("sp", 8, when(flags & 4 != 0, entry.u32(12)))
        .hex("ver", 8, when(flags & 8 != 0, entry.u32(16)));
    sink.alias(pattern.open());
}

pub(super) fn ipack(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("ipack:")
        .hex("f", 2, unless(entry.u8(0), 0xff))
        .hex("v", 8, unless(entry.u32(4), u32::MAX))
        .hex("d", 8, unless(entry.u32(8), u32::MAX));
    sink.alias(pattern.open());
}

pub(super) fn mipscdmm(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    sink.alias(Pattern::new("mipscdmm:t").hex("", 2, Some(entry.u8(0))).open());
}

pub(super) fn parisc(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("parisc:")
        .hex("t", 2, unless(entry.u8(0), 0xff))
        .hex("hv", 4, unless(entry.u16(2), 0xffff))
        .hex("rev", 2, unless(entry.u8(1), 0xff))
        .hex("sv", 8, unless(entry.u32(4), u32::MAX));
    sink.alias(pattern.open());
}

pub(super) fn pci(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    const ANY: u32 = u32::MAX;
    let prefix = match entry.u32(32) {
        0 => "pci:",
        1 => "vfio_pci:",
        other => {
            sink.say(Level::Warning, format!("Unknown PCI driver_override alias {other:08X}"));
            return;
        }
    };
    let (class, mask) = (entry.u32(16), entry.u32(20));
    // Class, subclass and interface: each counts as a whole or not at all.
    let parts = [16, 8, 0].map(|shift| (class >> shift & 0xff, mask >> shift & 0xff));
    if parts.iter().any(|(_, mask)| !matches!(mask, 0 | 0xff)) {
        let text = format!("Can't handle masks in {}:{mask:04X}", sink.path);
        sink.say(Level::Warning, text);
        return;
    }
    let part = |index: usize| when(parts[index].1 == 0xff, parts[index].0);
    let pattern = Pattern::new(prefix)
        .hex("v", 8, unless(entry.u32(0), ANY))
        .hex("d", 8, unless(entry.u32(4), ANY))
        .hex("sv", 8, unless(entry.u32(8), ANY))
        .hex("sd", 8, unless(entry.u32(12), ANY))
        .hex("bc", 2, part(0))
        .hex("sc", 2, part(1))
        .hex("i", 2, part(2));
    sink.alias(pattern.open());
}

pub(super) fn pcmcia(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let flags = entry.u16(0);
    let mut pattern = Pattern::new("pcmcia:")
        .hex("m", 4, when(flags & 0x1 != 0, entry.u16(2)))
        .hex("c", 4, when(flags & 0x2 != 0, entry.u16(4)))
        .hex("f", 2, when(flags & 0x4 != 0, entry.u8(6)))
        .hex("fn", 2, when(flags & 0x8 != 0, entry.u8(7)))
        .hex("pfn", 2, when(flags & 0x100 != 0, entry.u8(8)));
    for (index, key) in ["pa", "pb", "pc", "pd"].into_iter().enumerate() {
        let hash = entry.u32(12 + 4 * index);
        pattern = pattern.hex(key, 8, when(flags & (0x10 << index) != 0, hash));
    }
    sink.alias(pattern.open());
}

pub(super) fn rapidio(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    const ANY: u32 = 0xffff;
    let pattern = Pattern::new("rapidio:")
        .hex("v", 4, unless(entry.u16(2), ANY))
        .hex("d", 4, unless(entry.u16(0), ANY))
        .hex("av", 4, unless(entry.u16(6), ANY))
        .hex("ad", 4, unless(entry.u16(4), ANY));
    sink.alias(pattern.open());
}

pub(super) fn sdio(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("sdio:")
        .hex("c", 2, unless(entry.u8(0), 0xff))
        .hex("v", 4, unless(entry.u16(2), 0xffff))
        .hex("d", 4, unless(entry.u16(4), 0xffff));
    sink.alias(pattern.open());
}

pub(super) fn sdw(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("sdw:")
        .hex("m", 4, unless(entry.u16(0), 0))
        .hex("p", 4, unless(entry.u16(2), 0))
        .hex("v", 2, unless(entry.u8(4), 0))
        .hex("c", 2, unless(entry.u8(5), 0));
    sink.alias(pattern.open());
}

pub(super) fn serio(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    const ANY: u32 = 0xff;
    let pattern = Pattern::new("serio:")
        .hex("ty", 2, unless(entry.u8(0), ANY))
        .hex("pr", 2, unless(entry.u8(3), ANY))
        .hex("id", 2, unless(entry.u8(2), ANY))
        .hex("ex", 2, unless(entry.u8(1), ANY));
    sink.alias(pattern.open());
}

pub(super) fn slim(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let text = format!("slim:{:x}:{:x}:*", entry.u16(0), entry.u16(2));
    sink.alias(text.into_bytes());
}

pub(super) fn ssam(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let flags = entry.u8(0);
    let pattern = Pattern::new("ssam:")
        .hex("d", 2, Some(entry.u8(1)))
        .hex("c", 2, Some(entry.u8(2)))
        .hex("t", 2, when(flags & 1 != 0, entry.u8(3)))
        .hex("i", 2, when(flags & 2 != 0, entry.u8(4)))
        .hex("f", 2, when(flags & 4 != 0, entry.u8(5)));
    sink.alias(pattern.closed());
}

pub(super) fn ssb(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("ssb:")
        .hex("v", 4, unless(entry.u16(0), 0xffff))
        .hex("id", 4, unless(entry.u16(2), 0xffff))
        .hex("rev", 2, unless(entry.u8(4), 0xff));
    sink.alias(pattern.open());
}

pub(super) fn typec(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    const ANY_MODE: u32 = 7;
    let pattern = Pattern::new("typec:").hex("id", 4, Some(entry.u16(0)));
    sink.alias(pattern.hex("m", 2, unless(entry.u8(2), ANY_MODE)).closed());
}

pub(super) fn ulpi(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let text = format!("ulpi:v{:04x}p{:04x}", entry.u16(0), entry.u16(2));
    sink.alias(text.into_bytes());
}

pub(super) fn virtio(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("virtio:").hex("d", 8, unless(entry.u32(0), u32::MAX)).hex(
        "v",
        8,
        unless(entry.u32(4), u32::MAX),
    );
    sink.alias(pattern.open());
}

pub(super) fn x86cpu(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let mut pattern = Pattern::new("cpu:type:x86,")
        .hex("ven", 4, unless(entry.u16(0), 0xffff))
        .hex("fam", 4, unless(entry.u16(2), 0))
        .hex("mod", 4, unless(entry.u16(4), 0))
        .raw(b":feature:*");
    let feature = entry.u16(8);
    if feature != 0 {
        pattern = pattern.hex("", 4, Some(feature));
    }
    sink.alias(pattern.open());
}

pub(super) fn zorro(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    sink.alias(Pattern::new("zorro:").hex("i", 8, unless(entry.u32(0), u32::MAX)).closed());
}
