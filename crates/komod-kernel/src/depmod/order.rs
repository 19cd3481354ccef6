//! The order of modules: as in `modules.order`, the rest as in kmod's hash table. A module's place
//! in it is its priority in the indexes.

use super::hash;
use super::remark::Remark;
use super::walk::ModuleFile;
use crate::name::without_compression;
use rustc_hash::FxHashMap;
use std::path::Path;

/// The kernel's list of modules, in link order.
pub const MODULES_ORDER: &str = "modules.order";

/// Puts the modules in order; `list` is the text of `modules.order`, if there is one.
pub fn arrange(
    modules: &mut [ModuleFile],
    list: Option<&[u8]>,
    directory: &Path,
    remarks: &mut Vec<Remark>,
) {
    let places = list.and_then(|list| places(list, directory, remarks)).unwrap_or_default();
    modules.sort_by_cached_key(|module| {
        // A place in the list belongs to one module: names are unique.
        if let Some(&listed) = places.get(without_compression(module.shown())) {
            return (listed, 0, Vec::new());
        }
        let (bucket, name) = hash::place(&module.name, hash::MODULE_BUCKETS);
        (usize::MAX, bucket, name.to_vec())
    });
}

/// Paths and where each stands first. A list that was cut off does not count.
fn places<'l>(
    list: &'l [u8],
    directory: &Path,
    remarks: &mut Vec<Remark>,
) -> Option<FxHashMap<&'l [u8], usize>> {
    let mut places = FxHashMap::default();
    let mut lines: Vec<&[u8]> = list.split(|byte| *byte == b'\n').collect();
    if lines.pop().is_some_and(|last| !last.is_empty()) {
        let path = directory.join(MODULES_ORDER);
        remarks.push(Remark::CorruptedOrder { path, line: lines.len() + 1 });
        return None;
    }
    for (place, line) in lines.into_iter().enumerate() {
        places.entry(line).or_insert(place);
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depmod::walk::of_paths;

    fn arranged(list: Option<&str>) -> (Vec<String>, usize) {
        let mut modules =
            of_paths("/m", &["k/a-x.ko", "k/b.ko.xz", "k/c.ko", "k/z.ko"].map(String::from));
        let mut remarks = Vec::new();
        arrange(&mut modules, list.map(str::as_bytes), Path::new("/m"), &mut remarks);
        let names = modules.iter().map(|m| String::from_utf8_lossy(&m.name).into_owned());
        (names.collect(), remarks.len())
    }

    #[test]
    fn listed_modules_come_first() {
        assert_eq!(arranged(None), (vec!["z".into(), "c".into(), "b".into(), "a_x".into()], 0));
        let listed = arranged(Some("k/b.ko\nk/none.ko\nk/c.ko\nk/b.ko\n"));
        assert_eq!(listed, (vec!["b".into(), "c".into(), "z".into(), "a_x".into()], 0));
        let cut = arranged(Some("k/b.ko\nk/c"));
        assert_eq!(cut, (vec!["z".into(), "c".into(), "b".into(), "a_x".into()], 1));
    }
}
