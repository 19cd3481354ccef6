//! Device tables → aliases.

use super::message::Messages;
use komod_object::elf::{Elf, Symbol};

/// How `MODULE_DEVICE_TABLE(type, id)` names its table: `__mod_<type>__<id>_device_table`.
pub(super) const TABLE_PREFIX: &str = "__mod_";

pub(super) fn of_table(
    _elf: &Elf<'_>,
    _table: &Symbol<'_>,
    _path: &str,
    _aliases: &mut Vec<Vec<u8>>,
    _messages: &mut Messages,
) {
}
