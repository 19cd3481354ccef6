//! Names in `/sys/module` that belong to code built into the kernel: a module cannot have them.
//!
//! At boot the kernel makes a folder for whatever is in front of the dot in the name of a parameter
//! that has a file (`param_sysfs_builtin()`, `kernel/params.c`, Linux 6.1 and 6.12), and for built-in
//! code with a version (`version_sysfs_builtin()`). Drivers make more when they are registered
//! (`module_add_driver()`, `drivers/base/module.c`); which, no table in the image tells.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

use komod_kernel::prepared::Prepared;

/// Parameters without a dot are the core's.
const CORE: &str = "kernel";
/// More than a name in the kernel has.
const LONGEST: usize = 128;
/// More than a kernel has of either table (Debian 6.12: about 700 parameters).
const MOST: u64 = 1 << 16;

/// The names; none of a table that the image does not have.
pub(crate) fn names(image: &Prepared) -> BTreeSet<String> {
    let Some(reader) = Reader::new(image) else { return BTreeSet::new() };
    let mut names = BTreeSet::new();
    let parameters = reader.table("__param", "kernel_param", &["name", "perm"]).unwrap_or_default();
    for entry in parameters {
        // Two bytes, `u16`: without a mode there is no file.
        if entry[1] & 0xffff == 0 {
            continue;
        }
        if let Some(name) = reader.string(entry[0]) {
            names.insert(name.split_once('.').map_or(CORE, |(module, _)| module).to_owned());
        }
    }
    let versions = reader.table("__modver", "module_version_attribute", &["module_name"]);
    names.extend(versions.unwrap_or_default().iter().filter_map(|entry| reader.string(entry[0])));
    names
}

struct Reader<'i> {
    image: &'i Prepared,
    file: File,
}

impl<'i> Reader<'i> {
    fn new(image: &'i Prepared) -> Option<Self> {
        Some(Reader { image, file: File::open(image.image_path()).ok()? })
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Option<usize> {
        let offset = address.checked_sub(self.image.base())?;
        self.file.read_at(bytes, offset).ok()
    }

    /// Eight bytes at each of these fields, of every entry of a table between the linker's symbols.
    fn table(&self, section: &str, of: &str, fields: &[&str]) -> Option<Vec<Vec<u64>>> {
        let symbol = |end: &str| self.image.symbols().lookup(&format!("__{end}_{section}"));
        let (start, stop) = (symbol("start")?, symbol("stop")?);
        let btf = self.image.btf();
        let size = u64::from(btf.struct_size(of)?).max(1);
        let count = stop.checked_sub(start)? / size;
        let offsets: Vec<u64> = fields
            .iter()
            .map(|field| Some(u64::from(btf.field(of, field)?.offset)))
            .collect::<Option<_>>()?;
        let entries = (0..count.min(MOST)).map(|number| {
            let number = |offset: &u64| {
                let mut value = [0; 8];
                self.read(start + number * size + offset, &mut value)?;
                Some(u64::from_le_bytes(value))
            };
            offsets.iter().map(number).collect::<Option<Vec<u64>>>()
        });
        entries.collect()
    }

    fn string(&self, address: u64) -> Option<String> {
        let mut bytes = [0; LONGEST];
        let read = self.read(address, &mut bytes)?;
        let name = bytes.get(..read)?.split(|byte| *byte == 0).next()?;
        String::from_utf8(name.to_vec()).ok().filter(|name| !name.is_empty())
    }
}
