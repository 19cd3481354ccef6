//! Names in `/sys/module` that belong to code built into the kernel: a module cannot have them.
//!
//! At boot the kernel makes a folder for whatever is in front of the dot in the name of a parameter
//! that has a file (`param_sysfs_builtin()`, `kernel/params.c`, Linux 6.1 and 6.12), and for built-in
//! code with a version (`version_sysfs_builtin()`). Drivers make more when they are registered
//! (`module_add_driver()`, `drivers/base/module.c`); which, no table in the image tells.

use std::collections::BTreeSet;

use komod_kernel::prepared::Prepared;

use crate::image_data::ImageData;

/// Parameters without a dot are the core's.
const CORE: &str = "kernel";

/// The names; none of a table that the image does not have.
pub(crate) fn names(image: &Prepared) -> BTreeSet<String> {
    let Some(data) = ImageData::open(image) else { return BTreeSet::new() };
    let mut names = BTreeSet::new();
    let parameters = data.table("__param", "kernel_param", ["name", "perm"]).unwrap_or_default();
    for [name, mode] in parameters {
        // A `u16`: without a mode there is no file.
        if mode & 0xffff == 0 {
            continue;
        }
        if let Some(name) = data.string(name) {
            names.insert(name.split_once('.').map_or(CORE, |(module, _)| module).to_owned());
        }
    }
    let versions = data.table("__modver", "module_version_attribute", ["module_name"]);
    names.extend(versions.unwrap_or_default().into_iter().filter_map(|[name]| data.string(name)));
    names
}
