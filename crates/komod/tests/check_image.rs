//! `komod check` for a kernel of which there is an image, but no build tree.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels_in_turn, project};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A user who has the image and nothing else of any kernel.
fn with_image(test: &str, kernel: &Kernel) -> (User, PathBuf) {
    let user = User::without_cache(test);
    let image = std::fs::read(vmlinuz(kernel)).unwrap();
    let image = user.file("image", image);
    (user, image)
}

fn vmlinuz(kernel: &Kernel) -> PathBuf {
    kernel.root.join("boot").join(format!("vmlinuz-{}", kernel.release))
}

/// The answer for one module.
fn answer(user: &User, module: &Path, kernel: &Path) -> Value {
    let (module, kernel) = (module.to_str().unwrap(), kernel.to_str().unwrap());
    user.komod(&["check", "--json", module, "--kernel", kernel]).json("komod-check")
}

fn unknown(answer: &Value) -> String {
    answer["kernels"][0]["unknown"].to_string()
}

/// A module whose `.ko` lies at this place below `kernel/`, and its copy away from its neighbours.
fn stock(user: &User, kernel: &Kernel, path: &str) -> PathBuf {
    let folder = kernel.root.join("lib/modules").join(&kernel.release).join("kernel");
    let found = ["", ".xz", ".zst", ".gz"].iter().map(|end| folder.join(format!("{path}{end}")));
    let found = found.into_iter().find(|path| path.is_file()).unwrap();
    let name = found.file_name().unwrap().to_str().unwrap();
    user.file(&format!("alone/{name}"), std::fs::read(&found).unwrap())
}

#[test]
fn the_image_alone_is_enough_for_a_verdict() {
    for kernel in kernels_in_turn() {
        let (user, image) = with_image("alone", &kernel);
        let builder = User::new("builder");
        let built = builder.build(&kernel, &project("examples/hello"), &[]).remove(0);
        let hello = user.file("hello.ko", std::fs::read(built).unwrap());
        let with_tree = answer(&builder, &hello, &kernel.root);
        assert_eq!(unknown(&with_tree), "[]");
        let told = answer(&user, &hello, &image);
        assert_eq!(told["verdicts"], with_tree["verdicts"]);
        assert_eq!(told["kernels"][0]["release"], *kernel.release);
        assert_eq!(told["kernels"][0]["vermagic"], with_tree["kernels"][0]["vermagic"]);
        let missing = unknown(&told);
        for part in ["the configuration", "what the kernel's own modules export"] {
            assert!(missing.contains(part), "{missing}");
        }
        // People are told, too.
        let said = user.komod(&["check", "hello.ko", "-k", "image"]).good();
        assert!(said.out.contains(&format!("loads in {}", kernel.release)), "{said:#?}");
        said.complains("not known here: the configuration").complains("not known here: what");

        // With the configuration beside it there is one thing less to tell.
        let config = kernel.root.join("boot").join(format!("config-{}", kernel.release));
        user.file(&format!("config-{}", kernel.release), std::fs::read(config).unwrap());
        let missing = unknown(&answer(&user, &hello, &image));
        assert!(!missing.contains("the configuration"), "{missing}");

        let shown = user.komod(&["kernel", "show", "image"]).good();
        shown.logs(&[&kernel.release]).logs(&["vermagic", "CONFIG_MODVERSIONS"]);
    }
}

#[test]
fn symbols_of_modules_are_unknown_without_the_modules() {
    for kernel in kernels_in_turn() {
        let (user, image) = with_image("lost", &kernel);
        // It needs ext4's companions.
        let ext4 = stock(&user, &kernel, "fs/ext4/ext4.ko");
        let told = answer(&user, &ext4, &image);
        let verdict = &told["verdicts"][0];
        assert_eq!(verdict["code"], "L-10", "{verdict:#}");
        let hints = verdict["diagnostics"][0]["hints"].to_string();
        assert!(hints.contains("what its modules export is not known here"), "{hints}");

        // Given along, they are known.
        let more = ["fs/jbd2/jbd2.ko", "fs/mbcache.ko", "lib/crc16.ko"];
        let more = more.map(|path| stock(&user, &kernel, path));
        let mut args = vec!["check", "--json", "-k", image.to_str().unwrap()];
        args.extend(more.iter().chain([&ext4]).map(|path| path.to_str().unwrap()));
        let said = user.komod(&args);
        let verdicts = said.json("komod-check")["verdicts"].take();
        let of_ext4 = verdicts.as_array().unwrap().last().unwrap();
        assert_eq!(of_ext4["loads"], true, "{of_ext4:#}");

        // Beside the image, as packages are unpacked, they are found.
        let packages = user.dir.join("packages");
        let file = format!("packages/boot/vmlinuz-{}", kernel.release);
        let image = user.file(&file, std::fs::read(&image).unwrap());
        // Without `build`, which leads to the tree.
        let there = packages.join("lib/modules").join(&kernel.release);
        std::fs::create_dir_all(&there).unwrap();
        let modules = kernel.root.join("lib/modules").join(&kernel.release).join("kernel");
        std::os::unix::fs::symlink(modules, there.join("kernel")).unwrap();
        for named in [&packages, &image, &there] {
            let told = answer(&user, &ext4, named);
            let missing = unknown(&told);
            assert!(missing.contains("the configuration"), "the tree is in use: {missing}");
            assert!(!missing.contains("modules export"), "{}: {missing}", named.display());
            let verdict = &told["verdicts"][0];
            assert_eq!(verdict["loads"], true, "{}: {verdict:#}", named.display());
            assert!(verdict["needs"].to_string().contains("jbd2"), "{verdict:#}");
        }
    }
}

#[test]
fn what_is_no_kernel_is_told_with_the_way_out() {
    let user = User::without_cache("no-kernel");
    let module = user.file("x.ko", "");
    let module = module.to_str().unwrap();
    let check = |kernel: &str| user.komod(&["check", module, "-k", kernel]).ends_with(1);
    let said = check("/no/such/vmlinuz").complains("/no/such/vmlinuz").complains("hint: ");
    assert!(!said.err.contains("B-19"), "{said:#?}");
    user.file("text", "no kernel\n");
    check("./text").complains("a text, not the image of an x86-64 kernel").complains("vmlinuz");
    user.file("empty", "");
    check("./empty").complains("an empty file");
    let mut arm = vec![0; 0x400];
    arm[0x38..0x3c].copy_from_slice(b"ARMd");
    user.file("Image", arm);
    check("./Image").complains("arm64").complains("hint: ");
    // Nothing of the running kernel may be here; then that is told.
    let said = user.komod(&["check", module, "-k", "running"]).ends_with(1);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert!(said.out.contains(release.trim()) || said.err.contains(release.trim()), "{said:#?}");
}

#[test]
fn an_image_that_cannot_be_read_does_not_hide_the_tree() {
    for kernel in kernels_in_turn() {
        let (user, image) = with_image("damaged", &kernel);
        let mut bytes = std::fs::read(&image).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4096].fill(0);
        let file = format!("root/boot/vmlinuz-{}", kernel.release);
        let damaged = user.file(&file, &bytes);
        let module = stock(&user, &kernel, "fs/mbcache.ko");
        let args = ["check", module.to_str().unwrap(), "-k", damaged.to_str().unwrap()];
        let said = user.komod(&args).ends_with(1).complains("does not decompress");
        said.complains("hint: a build tree is enough");

        std::fs::create_dir_all(user.dir.join("root/usr/src")).unwrap();
        let name = format!("usr/src/linux-headers-{}", kernel.release);
        let tree = kernel.root.join(&name);
        std::os::unix::fs::symlink(tree, user.dir.join("root").join(&name)).unwrap();
        let said = user.komod(&args).good().complains("the image is of no use here");
        said.complains("not known here: the size of `struct module`");
    }
}
