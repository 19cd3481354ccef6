//! A kernel without its build tree tells the same as with it.
#![forbid(unsafe_code)]

#[path = "../../komod-kernel/tests/kernels/mod.rs"]
mod kernels;

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use kernels::TestKernel;
use komod_check::from_image::{Export, kernel_exports, module_exports, options};
use komod_check::{Checker, Links, Target, Verdict};
use komod_kernel::config::KernelConfig;
use komod_kernel::find::{self, FoundKernel, Roots};
use komod_kernel::prepared::{Prepared, prepare};
use komod_load::Config;
use komod_object::compress;
use komod_object::symvers::{ExportKind, Symvers};

const BASE: u64 = 0x1000_0000;
const MAX: usize = 200 << 20;

fn cache() -> PathBuf {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prepared");
    std::fs::create_dir_all(&cache).unwrap();
    cache
}

/// The whole kernel, and its image.
fn found(kernel: &TestKernel) -> (FoundKernel, Prepared) {
    let cache = cache();
    let nowhere =
        Roots { prefix: cache.join("none"), cache: None, env_kernel: None, running: None };
    let found = find::select(&nowhere, Some(&kernel.root.to_string_lossy())).unwrap();
    let image = prepare(&kernel.vmlinuz(), BASE, &cache, &mut |_| {}).unwrap();
    (found, image)
}

fn modules(kernel: &TestKernel) -> PathBuf {
    kernel.root.join("lib/modules").join(&kernel.release)
}

/// `Module.symvers` in the same form.
fn of_tree(kernel: &FoundKernel) -> Vec<Export> {
    let text = std::fs::read(kernel.tree.as_ref().unwrap().join("Module.symvers")).unwrap();
    let symvers = Symvers::parse(&text).unwrap();
    let name = |path: &str| path.rsplit('/').next().unwrap().replace('-', "_");
    let exports = symvers.entries().iter().map(|entry| Export {
        name: entry.name.to_owned(),
        crc: Some(entry.crc),
        gpl_only: entry.kind == ExportKind::Gpl,
        namespace: entry.namespace.map(str::to_owned),
        owner: (entry.module != "vmlinux").then(|| name(entry.module)),
    });
    let mut exports: Vec<Export> = exports.collect();
    exports.sort();
    exports
}

#[track_caller]
fn same(mut left: Vec<Export>, right: &[Export]) {
    left.sort();
    let differs = left.iter().zip(right).find(|(left, right)| left != right);
    assert_eq!(differs, None);
    assert_eq!(left.len(), right.len());
}

#[test]
fn the_image_and_the_modules_export_what_the_tree_says() {
    for kernel in kernels::kernels() {
        let (found, image) = found(&kernel);
        let (own, others): (Vec<Export>, Vec<Export>) =
            of_tree(&found).into_iter().partition(|export| export.owner.is_none());
        assert!(own.len() > 5_000 && others.len() > 5_000, "{} {}", own.len(), others.len());
        same(kernel_exports(&image), &own);
        let read = module_exports(&modules(&kernel));
        assert_eq!(read.unread, None);
        same(read.exports, &others);
    }
}

#[test]
fn the_image_betrays_the_options_that_matter() {
    for kernel in kernels::kernels() {
        let (found, image) = found(&kernel);
        let (real, _) = KernelConfig::of(&found).unwrap();
        assert!(KernelConfig::in_image(&image).is_none(), "then it has it all");
        let told = options(&image);
        let loaders = |config: &KernelConfig| {
            let all = Config::from_options(|option| config.is_on(option));
            // No module is refused or taken for it.
            Config { force_unload: false, ..all }
        };
        assert_eq!(loaders(&told), loaders(&real), "{}", kernel.release);
        assert_eq!(told.vermagic(&kernel.release), real.vermagic(&kernel.release));
        assert_eq!(told.get("CC_VERSION_TEXT"), real.get("CC_VERSION_TEXT"));
        let either =
            |config: &KernelConfig, names: [&str; 2]| names.map(|n| config.is_on(n)) != [false; 2];
        for names in [
            ["RETHUNK", "MITIGATION_RETHUNK"],
            ["RETPOLINE", "MITIGATION_RETPOLINE"],
            ["X86_KERNEL_IBT", ""],
            ["CFI_CLANG", ""],
            ["UNWINDER_ORC", ""],
        ] {
            assert_eq!(either(&told, names), either(&real, names), "{} {names:?}", kernel.release);
        }
    }
}

/// Some of a kernel's modules, uncompressed.
fn stock(kernel: &TestKernel, count: usize) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![modules(kernel).join("kernel")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => all.push(entry.path()),
            }
        }
    }
    all.retain(|path| path.to_str().unwrap().contains(".ko"));
    all.sort();
    let some = all.iter().step_by((all.len() / count).max(1)).take(count);
    some.map(|path| {
        let bytes = std::fs::read(path).unwrap();
        (path.clone(), compress::decompress(&bytes, MAX).unwrap().into_owned())
    })
    .collect()
}

/// One module, changed so that the kernel minds.
fn bad_ones(whole: &[u8]) -> Vec<(PathBuf, Vec<u8>)> {
    let changed = |name: &str, from: &[u8], to: &[u8]| {
        let at = memchr::memmem::find(whole, from).unwrap_or_else(|| panic!("no {from:?}"));
        let mut bytes = whole.to_vec();
        bytes[at..at + to.len()].copy_from_slice(to);
        (PathBuf::from(name), bytes)
    };
    vec![
        changed("licence.ko", b"license=GPL", b"license=NOT"),
        changed("magic.ko", b" mod_unload ", b" MOD_unload "),
        changed("unknown.ko", b"\0_printk\0", b"\0_Xrintk\0"),
        (PathBuf::from("cut.ko"), whole[..whole.len() / 2].to_vec()),
        (PathBuf::from("empty.ko"), Vec::new()),
    ]
}

/// Everything that is told about each of the files, alone.
fn verdicts(target: &Target, files: &[(PathBuf, Vec<u8>)]) -> BTreeMap<PathBuf, Verdict> {
    let told = files.iter().enumerate().map(|(number, (path, bytes))| {
        let links = [Links::of(bytes)];
        let checker = Checker::new(target, &links);
        // What the kernel does not check takes longer.
        let mut checker = if number % 10 == 0 { checker } else { checker.only_loading() };
        (path.clone(), checker.check(path, bytes))
    });
    told.collect()
}

/// A kernel that lies where nothing else of it lies.
fn elsewhere(kernel: &TestKernel, name: &str, with_modules: bool) -> (PathBuf, FoundKernel) {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", kernel.release));
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(root.join("lib/modules")).unwrap();
    symlink(kernel.vmlinuz(), root.join("vmlinuz")).unwrap();
    let folder = root.join("lib/modules").join(&kernel.release);
    if with_modules {
        symlink(modules(kernel), &folder).unwrap();
    }
    let (whole, _) = found(kernel);
    let modules = with_modules.then_some(folder);
    let image = Some(root.join("vmlinuz"));
    (root, FoundKernel { tree: None, image, modules, ..whole })
}

#[test]
fn verdicts_are_the_same_with_and_without_the_tree() {
    let kernels = kernels::kernels();
    for kernel in &kernels {
        let (whole, image) = found(kernel);
        let with_tree = Target::of(&whole, Some(&image)).unwrap();
        assert_eq!(with_tree.unknown(), [""; 0]);
        let mut files = stock(kernel, 200);
        let has = |text: &[u8], bytes: &[u8]| memchr::memmem::find(bytes, text).is_some();
        let one = files.iter().find(|(_, bytes)| has(b"\0_printk\0", bytes) && has(b"=GPL", bytes));
        files.extend(bad_ones(&one.unwrap().1));
        for other in kernels.iter().filter(|other| other.release != kernel.release) {
            files.extend(stock(other, 15));
        }
        let wanted = verdicts(&with_tree, &files);
        let loads = wanted.values().filter(|verdict| verdict.loads()).count();
        assert_eq!(loads, 200, "{}", kernel.release);

        let no_tree = FoundKernel { tree: None, ..whole.clone() };
        let from_image = Target::of(&no_tree, Some(&image)).unwrap();
        assert_eq!(from_image.unknown(), [""; 0], "its configuration lies beside the image");
        let (root, far) = elsewhere(kernel, "alone", true);
        let no_config = Target::of(&far, Some(&image)).unwrap();
        assert_eq!(no_config.unknown().len(), 1, "{:?}", no_config.unknown());
        assert!(no_config.unknown()[0].starts_with("the configuration"));
        for target in [&from_image, &no_config] {
            assert_eq!(target.vermagic(), with_tree.vermagic());
            for (path, verdict) in verdicts(target, &files) {
                let (found, wanted) = (format!("{verdict:#?}"), format!("{:#?}", wanted[&path]));
                assert_eq!(found, wanted, "{}", path.display());
            }
        }
        std::fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn without_the_modules_their_symbols_are_unknown_and_that_is_said() {
    for kernel in kernels::kernels() {
        let (whole, image) = found(&kernel);
        let with_tree = Target::of(&whole, Some(&image)).unwrap();
        let (root, bare) = elsewhere(&kernel, "bare", false);
        let target = Target::of(&bare, Some(&image)).unwrap();
        let unknown = target.unknown().join("\n");
        assert!(unknown.contains("the kernel's own modules export"), "{unknown}");
        let files = stock(&kernel, 60);
        let wanted = verdicts(&with_tree, &files);
        let mut refused = 0;
        for (path, verdict) in verdicts(&target, &files) {
            // Those that need nothing of a module are taken as ever.
            if wanted[&path].needs.is_empty() {
                assert!(verdict.loads(), "{verdict:#?}");
                continue;
            }
            refused += 1;
            assert_eq!(verdict.refusal().unwrap().code.as_str(), "L-10", "{}", path.display());
            let hints = verdict.diagnostics[0].hints.join("\n");
            assert!(hints.contains("what its modules export is not known here"), "{hints}");
            assert!(hints.contains(&format!("komod kernel fetch {}", kernel.release)), "{hints}");
        }
        assert!(refused > 10, "{refused}");
        // With nothing at all there is no answer.
        let nothing = FoundKernel { image: None, ..bare };
        assert!(Target::of(&nothing, None).is_err());
        std::fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn a_tree_of_another_build_is_noticed() {
    for kernel in kernels::kernels() {
        let (whole, image) = found(&kernel);
        let tree = whole.tree.clone().unwrap();
        let text = std::fs::read_to_string(tree.join("Module.symvers")).unwrap();
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("other-{}", kernel.release));
        std::fs::create_dir_all(made.join("include")).unwrap();
        let _ = symlink(tree.join("include/config"), made.join("include/config"));
        let told = |text: String| {
            std::fs::write(made.join("Module.symvers"), text).unwrap();
            let kernel = FoundKernel { tree: Some(made.clone()), ..whole.clone() };
            Target::of(&kernel, Some(&image)).unwrap().unknown().to_vec()
        };
        assert_eq!(told(text.clone()), [""; 0]);
        let line = |symbol: &str| {
            let middle = format!("\t{symbol}\tvmlinux\t");
            text.lines().find(|line| line.contains(&middle)).unwrap().to_owned()
        };
        // One checksum is another, one symbol is missing.
        let (printk, kfree) = (line("_printk"), format!("{}\n", line("kfree")));
        let other = format!("0x00000007{}", &printk[10..]);
        let unknown = told(text.replace(&printk, &other).replace(&kfree, "")).join("\n");
        assert!(unknown.contains(": 2 of the "), "{unknown}");
        assert!(unknown.contains(&format!("which build of {}", kernel.release)), "{unknown}");
        std::fs::remove_dir_all(made).unwrap();
    }
}
