//! Device tables → aliases.
//!
//! `MODULE_DEVICE_TABLE(type, id)` names a driver's table `__mod_<type>__<id>_device_table`
//! (`include/linux/module.h`). Each entry but the last, which is all zero, becomes an alias that
//! depmod matches against a device's `modalias`. [`kinds`] lists the types; a type that is not
//! there gives no alias.

mod bits;
mod entry;
mod guids;
mod kinds;
mod names;
mod numbers;
mod pattern;
mod pnp;
mod texts;
mod usb;

use super::Dialect;
use super::message::{Code, Level, Message, Messages, Place};
use entry::Entry;
use komod_object::elf::{Elf, SHN_LORESERVE, SHT_NOBITS, STT_OBJECT, Symbol};
use std::borrow::Cow;

/// How the name of a device table starts.
pub(super) const TABLE_PREFIX: &str = "__mod_";
const TABLE_SUFFIX: &str = "_device_table";
/// Size of the buffer modpost formats a line in.
const LINE_SIZE: usize = 500;
/// Tables longer than this are no tables: the largest in Linux 6.12 has 130 kB.
const MAX_TABLE: u64 = 64 << 20;

/// Where a table's aliases and complaints go.
pub(super) struct Sink<'s> {
    aliases: &'s mut Vec<Vec<u8>>,
    messages: &'s mut Messages,
    path: &'s str,
    table: String,
}

impl Sink<'_> {
    /// Adds an alias, unless modpost's buffer for its line is too small.
    fn alias(&mut self, text: Vec<u8>) {
        let line = [b"MODULE_ALIAS(\"", &*text, b"\");\n"].concat();
        if line.len() < LINE_SIZE {
            self.aliases.push(text);
            return;
        }
        let message = format!(
            "buf_printf output truncated for string {}: {} bytes needed, {LINE_SIZE} available",
            String::from_utf8_lossy(&line[..LINE_SIZE - 1]),
            line.len()
        );
        self.say(Level::Fatal, message);
    }

    fn say(&mut self, level: Level, text: String) {
        let place = Place::object(self.path).symbol(&self.table);
        self.messages.add(level, Code::DeviceTableEntry, place, text);
    }
}

/// The aliases of the table that `symbol` names.
pub(super) fn of_table(
    elf: &Elf<'_>,
    symbol: &Symbol<'_>,
    path: &str,
    aliases: &mut Vec<Vec<u8>>,
    messages: &mut Messages,
) {
    let Some(kind) =
        type_name(symbol.name.as_bytes()).and_then(|name| kinds::find(name, messages.dialect))
    else {
        return;
    };
    if symbol.kind() != STT_OBJECT {
        return;
    }
    let Some(data) = contents(elf, symbol) else { return };
    let table = symbol.name.to_string();
    let size = kind.size;
    if let Some(message) = shape_error(kind, symbol, &data, path, messages.dialect) {
        messages.all.push(message);
        return;
    }
    let last = usize::try_from(symbol.size).unwrap_or(0).saturating_sub(size);
    let mut sink = Sink { aliases, messages, path, table };
    if kind.name == "pnp_card" {
        pnp::cards(&data, last / size, &mut sink);
        return;
    }
    for start in (0..last).step_by(size) {
        (kind.make)(&Entry::new(&data[start..]), &mut sink);
        if sink.messages.fatal() {
            return;
        }
    }
}

/// `pci` of `__mod_pci__ids_device_table`.
fn type_name(symbol: &[u8]) -> Option<&[u8]> {
    let inner = symbol.strip_prefix(TABLE_PREFIX.as_bytes())?;
    let inner = inner.strip_suffix(TABLE_SUFFIX.as_bytes())?;
    let end = inner.windows(2).position(|pair| pair == b"__")?;
    Some(&inner[..end])
}

/// The table and what follows it in its section: a text that fills its field runs on.
fn contents<'a>(elf: &Elf<'a>, symbol: &Symbol<'_>) -> Option<Cow<'a, [u8]>> {
    let section = elf.section(symbol.shndx.into())?;
    if symbol.shndx >= SHN_LORESERVE {
        return None;
    }
    if section.header.sh_type == SHT_NOBITS {
        let size = usize::try_from(symbol.size.min(MAX_TABLE)).ok()?;
        return (symbol.size <= MAX_TABLE && symbol.size <= section.header.size)
            .then(|| Cow::Owned(vec![0; size]));
    }
    let tail = section.data().get(usize::try_from(symbol.value).ok()?..)?;
    (symbol.size <= tail.len() as u64).then_some(Cow::Borrowed(tail))
}

fn shape_error(
    kind: &kinds::Kind,
    symbol: &Symbol<'_>,
    data: &[u8],
    path: &str,
    dialect: Dialect,
) -> Option<Message> {
    let (name, size) = (kind.name, kind.size as u64);
    let message = |level, text, before| {
        let place = Place::object(path).symbol(symbol.name.to_string());
        Some(Message { level, code: Code::DeviceTable, place, before, text, dialect })
    };
    if symbol.size < size || symbol.size % size != 0 {
        let text = format!(
            "{path}: sizeof(struct {name}_device_id)={size} is not a modulo of the size of section \
             __mod_{name}__<identifier>_device_table={}.\n\
             Fix definition of struct {name}_device_id in mod_devicetable.h",
            symbol.size
        );
        return message(Level::Fatal, text, None);
    }
    let end = usize::try_from(symbol.size).ok()?;
    let last = data.get(end - kind.size..end)?;
    if last.iter().any(|&byte| byte != 0) {
        let mut before = format!(
            "{path}: struct {name}_device_id is {size} bytes.  The last of {} is:\n",
            symbol.size / size
        );
        before.extend(last.iter().map(|byte| format!("0x{byte:02x} ")));
        let text = format!("{path}: struct {name}_device_id is not terminated with a NULL entry!");
        return message(Level::Fatal, text, Some(before));
    }
    None
}
