//! The fields of `struct module`, by their names, and those that the two loaders may fill
//! differently.

use komod_kernel::btf::{Btf, Kind, TypeId};

/// Fields that point at what is allocated for the module on the way, and what that is. The pointers
/// may differ; what they point at is compared through the files of `/sys/module` where it shows.
const ALLOCATED: &[(&str, &str)] = &[
    ("args", "the copy of the parameters"),
    ("version", "the copy of MODULE_VERSION"),
    ("srcversion", "the copy of the sources' checksum"),
    ("btf_data", "in the copy of the file, for a notifier"),
    ("mkobj", "names, parameters and nodes of its directory in sysfs"),
    ("modinfo_attrs", "files in that directory"),
    ("sect_attrs", "the folder of sections there"),
    ("notes_attrs", "the folder of notes there"),
    ("holders_dir", "the folder of users there"),
    ("source_list", "who uses it: `struct module_use`"),
    ("target_list", "whom it uses: `struct module_use`"),
    ("klp_info", "what a live patch keeps of the file"),
];

/// Names where an offset in `struct module` lies: `mkobj.kobj.name`.
pub fn name_at(btf: &Btf, offset: u64) -> String {
    let found = btf.structure("module").and_then(|module| {
        let offset = u32::try_from(offset).ok()?;
        path_at(btf, module.id(), offset, DEEPEST)
    });
    found.unwrap_or_else(|| "?".to_owned())
}

/// Whether this field may point at different allocations.
pub fn is_allocated(name: &str) -> bool {
    let covers = |field: &str| {
        name.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    ALLOCATED.iter().any(|(field, _)| covers(field))
}

/// No field of `struct module` lies in more structures than this.
const DEEPEST: u32 = 8;

fn path_at(btf: &Btf, id: TypeId, offset: u32, depth: u32) -> Option<String> {
    let outer = btf.resolve(id)?;
    if depth == 0 {
        return None;
    }
    match outer.kind() {
        Kind::Array => {
            let element = outer.target()?;
            let size = btf.size_of(element).filter(|size| *size > 0)?;
            let inner = path_at(btf, element, offset % size, depth - 1);
            Some(format!("[{}]{}", offset / size, dotted(inner)))
        }
        Kind::Struct | Kind::Union => {
            let inside = |m: &komod_kernel::btf::Member<'_>| {
                let start = m.bit_offset / 8;
                let size = btf.size_of(m.type_id).unwrap_or(1).max(1);
                (start..start + size).contains(&offset)
            };
            let member = outer.members().find(inside)?;
            let inner = path_at(btf, member.type_id, offset - member.bit_offset / 8, depth - 1);
            match (member.name.is_empty(), inner) {
                (true, inner) => inner,
                (false, inner) => Some(format!("{}{}", member.name, dotted(inner))),
            }
        }
        _ => None,
    }
}

fn dotted(inner: Option<String>) -> String {
    match inner {
        None => String::new(),
        Some(inner) if inner.starts_with('[') => inner,
        Some(inner) => format!(".{inner}"),
    }
}

#[cfg(test)]
mod tests {
    use super::is_allocated;

    #[test]
    fn fields_are_covered_with_what_is_in_them() {
        assert!(is_allocated("args") && is_allocated("mkobj.kobj.name"));
        assert!(!is_allocated("argsx") && !is_allocated("syms") && !is_allocated(""));
    }
}
