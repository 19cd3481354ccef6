//! ISA plug and play, by itself and through ACPI.

use super::pattern::Pattern;
use super::{Entry, Sink};

/// Size of `struct pnp_card_device_id`, and of one of its devices.
const CARD_SIZE: usize = 80;
const ID_SIZE: usize = 8;
const DEVICES: usize = 16;
const MAX_DEVICES: usize = 8;

fn both(id: &[u8], sink: &mut Sink<'_>) {
    sink.alias(Pattern::new("pnp:d").raw(id).raw(b"*").closed());
    // ACPI has the same names in upper case.
    let id = &id[..id.len().min(ID_SIZE)];
    sink.alias(Pattern::new("acpi*:").raw(&id.to_ascii_uppercase()).raw(b":*").closed());
}

pub(super) fn device(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    both(entry.text(0), sink);
}

/// The devices of all cards, but those of a card before.
pub(super) fn cards(table: &[u8], count: usize, sink: &mut Sink<'_>) {
    let mut seen = rustc_hash::FxHashSet::default();
    for card in 0..count {
        let ids = (0..MAX_DEVICES).map(|device| {
            let at = card * CARD_SIZE + DEVICES + device * ID_SIZE;
            Entry::new(table.get(at..).unwrap_or_default()).text(0)
        });
        let ids: Vec<&[u8]> = ids.take_while(|id| !id.is_empty()).collect();
        ids.iter().filter(|id| !seen.contains(*id)).for_each(|id| both(id, sink));
        seen.extend(ids);
    }
}

pub(super) fn isapnp(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let (vendor, function) = (entry.u16(4), entry.u16(6));
    let letter = |bits: u32| (b'A' - 1).wrapping_add(bits as u8);
    // Three letters of five bits each, over two bytes in big-endian order.
    let letters = [
        letter(vendor >> 2 & 0x3f),
        letter((vendor & 3) << 3 | vendor >> 13 & 7),
        letter(vendor >> 8 & 0x1f),
    ];
    let digits = format!("{:02x}{:02x}", function & 0xff, function >> 8);
    sink.alias(Pattern::new("pnp:d").raw(&letters).raw(digits.as_bytes()).open());
}
