//! The cache of prepared kernels, exports and types, with real kernels.

mod kernels;

use std::path::PathBuf;

use komod_kernel::btf::TypeClass;
use komod_kernel::find::{Roots, select};
use komod_kernel::prepared::{Prepared, prepare, prepare_to_read};

const BASE: u64 = 0x1000_0000;

struct Cache(PathBuf);

impl Cache {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("komod-test-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_prepared_kernel_answers_everything() {
    let cache = Cache::new("prepared");
    for kernel in kernels::kernels() {
        let mut steps = 0;
        let first = prepare(&kernel.vmlinuz(), BASE, &cache.0, &mut |_| steps += 1).unwrap();
        assert!(steps >= 6);
        let again = prepare(&kernel.vmlinuz(), BASE, &cache.0, &mut |step| {
            panic!("{step:?} although it is in the cache")
        })
        .unwrap();
        assert_eq!(first.dir(), again.dir());
        assert_eq!(again.facts().release, kernel.release);
        assert!(again.facts().compiler.as_deref().is_some_and(|text| text.contains("gcc-12")));
        exports_agree_with_kallsyms(&again, &kernel.release);
        types_are_usable(&again, &kernel.release);
    }
}

fn exports_agree_with_kallsyms(kernel: &Prepared, release: &str) {
    let exports = kernel.exports();
    assert!(exports.len() > 5_000, "{release}: {} exports", exports.len());
    for export in exports.iter() {
        // Of several symbols with the name, one must have the address.
        let agrees = kernel.symbols().lookup(export.name) == Some(export.address)
            || kernel
                .symbols()
                .iter()
                .any(|symbol| symbol.name == export.name && symbol.address == export.address);
        assert!(agrees, "{release}: {export:x?}");
        assert!(export.crc.is_some(), "{release}: {} has no checksum", export.name);
    }
    assert!(!exports.lookup("__kmalloc").or(exports.lookup("__kmalloc_noprof")).unwrap().gpl);
    assert!(exports.lookup("device_register").unwrap().gpl);
    assert!(exports.iter().any(|export| export.namespace == Some("CRYPTO_INTERNAL")));
}

fn types_are_usable(kernel: &Prepared, release: &str) {
    let btf = kernel.btf();
    assert!(btf.len() > 50_000, "{release}: {} types", btf.len());
    assert_eq!(btf.field("task_struct", "comm").unwrap().size, 16);
    assert!(btf.field("task_struct", "se.vruntime").is_some());
    let init = btf.field("module", "init").unwrap();
    assert_eq!(btf.type_name(init.type_id), "int (*)(void)");
    assert!(init.offset < btf.struct_size("module").unwrap());
    assert!(btf.field("page", "flags").is_some());
    // Anonymous unions inside struct page.
    assert!(btf.field("page", "mapping").is_some());
    assert_eq!(btf.enum_value(Some("module_state"), "MODULE_STATE_GOING"), Some(2));
    assert_eq!(btf.enum_value(None, "PIDTYPE_PID"), Some(0));
    let printk = btf.func("_printk").unwrap();
    assert!(printk.variadic);
    assert_eq!(printk.ret, TypeClass::Int { size: 4, signed: true });
    let msleep = btf.func("msleep").unwrap();
    assert_eq!(msleep.params.len(), 1);
    assert_eq!(msleep.params[0].1, TypeClass::Int { size: 4, signed: false });
    let known = kernel.exports().iter().filter(|e| btf.func(e.name).is_some()).count();
    assert!(known * 10 > kernel.exports().len() * 8, "{release}: {known} prototypes");
    // Every type can be rendered, sized and classified.
    let mut named = 0;
    for found in btf.iter() {
        let text = btf.type_name(found.id());
        assert!(!text.contains('?'), "{release}: type {}: {text}", found.id());
        named += usize::from(!text.is_empty());
        let _ = (btf.size_of(found.id()), btf.class(found.id()));
    }
    assert_eq!(named, btf.len());
}

#[test]
fn a_damaged_directory_is_made_anew_and_two_preparers_agree() {
    let cache = Cache::new("repair");
    let Some(kernel) = kernels::kernels().into_iter().next() else { return };
    let dirs: Vec<_> = std::thread::scope(|scope| {
        let run = || prepare(&kernel.vmlinuz(), BASE, &cache.0, &mut |_| ()).unwrap();
        let threads = [scope.spawn(run), scope.spawn(run)];
        threads.map(|thread| thread.join().unwrap().dir().to_owned()).into()
    });
    assert_eq!(dirs[0], dirs[1]);
    for name in ["image", "symbols", "exports", "btf", "btf.index", "facts.json"] {
        let file = dirs[0].join(name);
        let good = std::fs::read(&file).unwrap();
        // As after a crash that lost the data: a new file, since a mapped one never changes.
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, &good[..good.len() / 2]).unwrap();
        assert!(Prepared::open(&dirs[0]).is_err(), "half of {name} was accepted");
        prepare(&kernel.vmlinuz(), BASE, &cache.0, &mut |_| ()).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), good, "{name}");
    }
    let left = std::fs::read_dir(cache.0.join("images")).unwrap().count();
    assert_eq!(left, 2, "the image and the list of known digests");
}

/// The `vmlinux` in a boot image, without the lists behind it.
fn vmlinux(kernel: &kernels::TestKernel) -> Vec<u8> {
    let mut payload =
        komod_kernel::image::unpack(&std::fs::read(kernel.vmlinuz()).unwrap()).unwrap();
    let word = |at: usize, size: usize| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&payload[at..at + size]);
        usize::try_from(u64::from_le_bytes(bytes)).unwrap()
    };
    // e_shoff, e_shentsize, e_shnum
    let end = word(0x28, 8) + word(0x3a, 2) * word(0x3c, 2);
    payload.truncate(end);
    payload
}

#[test]
fn a_vmlinux_that_cannot_be_moved_tells_the_same() {
    let cache = Cache::new("vmlinux");
    for kernel in kernels::kernels() {
        let file = cache.0.join("vmlinux");
        std::fs::write(&file, vmlinux(&kernel)).unwrap();
        let refused = prepare(&file, BASE, &cache.0, &mut |_| {}).unwrap_err().to_string();
        assert!(refused.contains("no relocation lists"), "{refused}");
        let stays = prepare_to_read(&file, BASE, &cache.0, &mut |_| {}).unwrap();
        let again = prepare_to_read(&file, BASE, &cache.0, &mut |step| panic!("{step:?}")).unwrap();
        assert_eq!((stays.base(), again.dir()), (stays.facts().link_base, stays.dir()));
        assert!(prepare(&file, BASE, &cache.0, &mut |_| {}).is_err(), "it still cannot be run");

        let moves = prepare_to_read(&kernel.vmlinuz(), BASE, &cache.0, &mut |_| {}).unwrap();
        assert_eq!(moves.base(), BASE);
        assert_eq!(stays.facts().release, kernel.release);
        let told = |kernel: &Prepared| -> Vec<String> {
            let exports = kernel.exports().iter();
            exports.map(|e| format!("{} {} {:?} {:?}", e.name, e.gpl, e.namespace, e.crc)).collect()
        };
        assert_eq!(told(&stays), told(&moves));
        assert_eq!(stays.btf().len(), moves.btf().len());
        assert_eq!(stays.symbols().len(), moves.symbols().len());
        let rodata = stays.section_bytes(".BTF").unwrap();
        assert_eq!(rodata, moves.section_bytes(".BTF").unwrap());
        assert!(rodata.is_some_and(|bytes| bytes.len() > 1 << 20));
        assert_eq!(stays.section_bytes(".no such").unwrap(), None);
        let nowhere =
            Roots { prefix: cache.0.join("x"), cache: None, env_kernel: None, running: None };
        let found = select(&nowhere, file.to_str()).unwrap();
        assert_eq!((found.release, found.tree), (kernel.release, None));
    }
}
