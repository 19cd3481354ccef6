//! Buses that identify devices by a name.

use super::super::message::Level;
use super::pattern::{Pattern, when};
use super::{Entry, Sink};

fn plain(prefix: &str, entry: &Entry<'_>, sink: &mut Sink<'_>) {
    sink.alias(Pattern::new(prefix).raw(entry.text(0)).closed());
}

pub(super) fn auxiliary(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    plain("auxiliary:", entry, sink);
}

pub(super) fn eisa(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let signature = entry.text(0);
    let any = signature.is_empty();
    sink.alias(Pattern::new("eisa:s").raw(if any { b"" } else { signature }).raw(b"*").closed());
}

pub(super) fn fslmc(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let pattern = Pattern::new("fsl-mc:").hex("v", 8, Some(entry.u16(0)));
    sink.alias(pattern.word("d", Some(entry.text(2))).closed());
}

pub(super) fn i2c(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    plain("i2c:", entry, sink);
}

pub(super) fn mhi(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    plain("mhi:", entry, sink);
}

pub(super) fn mhi_ep(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    plain("mhi_ep:", entry, sink);
}

pub(super) fn platform(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    plain("platform:", entry, sink);
}

pub(super) fn rpmsg(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    plain("rpmsg:", entry, sink);
}

pub(super) fn spi(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    plain("spi:", entry, sink);
}

pub(super) fn tbsvc(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let flags = entry.u32(0);
    let key = entry.text(4);
    let pattern = Pattern::new("tbsvc:")
        .word("k", (flags & 1 != 0).then_some(key))
        .hex("p", 8, when(flags & 2 != 0, entry.u32(16)))
        .hex("v", 8, when(flags & 4 != 0, entry.u32(20)))
        .hex("r", 8, when(flags & 8 != 0, entry.u32(24)));
    sink.alias(pattern.open());
}

pub(super) fn vchiq(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    plain("vchiq:", entry, sink);
}

pub(super) fn vio(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let (kind, compatible) = (entry.text(0), entry.text(32));
    let pattern = Pattern::new("vio:")
        .word("T", (!kind.is_empty()).then_some(kind))
        .word("S", (!compatible.is_empty()).then_some(compatible));
    sink.alias(pattern.no_blanks().open());
}

pub(super) fn wmi(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    /// `UUID_STRING_LEN`, `include/linux/uuid.h`.
    const LEN: usize = 36;
    let guid = entry.text(0);
    if guid.len() != LEN {
        let shown = String::from_utf8_lossy(guid);
        let text = format!("Invalid WMI device id 'wmi:{shown}' in '{}'", sink.path);
        sink.say(Level::Warning, text);
        return;
    }
    plain("wmi:", entry, sink);
}
