//! The names that a module gives itself.

use super::ModuleFile;
use crate::name::underscored;

/// Where `struct module` has the name, and its longest: behind an `enum` and a `list_head`, so that
/// both are 64 bytes (`include/linux/module.h`, Linux 6.1: `MODULE_NAME_LEN`).
const NAME_64: (usize, usize) = (24, 56);
/// The same with pointers of 32 bits.
const NAME_32: (usize, usize) = (12, 60);

impl ModuleFile {
    /// The name in `.modinfo` (since Linux 4.13) and that in `struct module`, as far as they are
    /// there. They are the same in a module that kbuild has made; the kernel goes by the second.
    pub fn names(&self) -> Vec<Vec<u8>> {
        let section = |name| self.section(name).ok().flatten().unwrap_or_default();
        let told = section(".modinfo");
        let told = told.split(|byte| *byte == 0).find_map(|text| text.strip_prefix(b"name="));
        let (at, len) = if self.sections.layout.wide { NAME_64 } else { NAME_32 };
        let module = section(".gnu.linkonce.this_module");
        let field = module.get(at..).unwrap_or_default();
        let field = field.get(..len).unwrap_or(field).split(|byte| *byte == 0).next();
        let mut names: Vec<Vec<u8>> = Vec::new();
        for name in [told, field].into_iter().flatten().filter(|name| !name.is_empty()) {
            let name = underscored(name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
