//! The indexes of whole kernels, compared with those of kmod's depmod: the text files byte for byte,
//! the binary ones node for node and in the layout of kmod 34.

mod depmod_trees;
#[allow(dead_code, reason = "only the modules are wanted here")]
mod kernels;

use depmod_trees::{Root, compare, has_kmod};

#[test]
fn all_indexes_are_kmods() {
    if !has_kmod() {
        return;
    }
    for kernel in kernels::kernels() {
        let root = Root::new(&kernel.release);
        let stock = kernel.root.join("lib/modules").join(&kernel.release);
        for name in ["kernel", "modules.order", "modules.builtin", "modules.builtin.modinfo"] {
            std::os::unix::fs::symlink(stock.join(name), root.modules().join(name)).unwrap();
        }
        let (ours, remarks) = root.good();
        assert_eq!(remarks, [""; 0]);
        let theirs = root.kmod();
        assert!(theirs.status.success());
        let files = compare(&root.modules(), &ours);
        let modules = depmod_trees::text(&ours, "modules.dep").lines().count();
        eprintln!("{}: {files} files of {modules} modules are equal", kernel.release);
        assert!(modules > 1000);
    }
}
