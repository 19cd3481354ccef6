//! Rules about whole files: their length and their kind.

use super::{Finding, SourceFile};

/// small-rooms: a source file has at most this many lines,
const LINES: usize = 500;
/// or this many when one of its first lines gives a reason.
const LINES_WITH_REASON: usize = 1000;
const REASON: &str = "// tidy: long because ";

pub fn not_too_long(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        let lines = file.text().lines().count();
        let reason = file.text().lines().take(3).any(|l| l.starts_with(REASON));
        let limit = if reason { LINES_WITH_REASON } else { LINES };
        if lines > limit {
            findings.push(file.finding(0, format!("{lines} lines, more than {limit}")));
        }
    }
    findings
}

/// Built or downloaded binaries do not belong into the project.
const PRODUCTS: &[&str] = &[
    ".ko", ".ko.xz", ".ko.zst", ".ko.gz", ".o", ".a", ".so", ".deb", ".rpm", ".mod", ".mod.c",
    ".cmd",
];
const PRODUCT_NAMES: &[&str] =
    &["vmlinuz", "vmlinux", "bzImage", "Module.symvers", "modules.order", "initramfs.cpio"];

pub fn no_build_products(files: &[SourceFile]) -> Vec<Finding> {
    let is_product = |file: &&SourceFile| {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        PRODUCTS.iter().any(|suffix| name.ends_with(suffix))
            || PRODUCT_NAMES.iter().any(|n| name.split('-').next() == Some(n))
    };
    files.iter().filter(is_product).map(|f| f.finding(0, "a build product")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn long_files() {
        let lines = |n: usize| "x\n".repeat(n);
        let reason = format!("{REASON}it is a table\n");
        assert!(not_too_long(&[file("a.rs", &lines(500))]).is_empty());
        assert_eq!(not_too_long(&[file("a.rs", &lines(501))]).len(), 1);
        assert!(not_too_long(&[file("a.rs", &(reason.clone() + &lines(999)))]).is_empty());
        assert_eq!(not_too_long(&[file("a.rs", &(reason.clone() + &lines(1000)))]).len(), 1);
        assert_eq!(not_too_long(&[file("a.rs", &(lines(600) + &reason))]).len(), 1);
        assert!(not_too_long(&[file("a.c", &lines(5000))]).is_empty());
    }

    #[test]
    fn products() {
        for path in ["x/hello.ko", "hello.ko.xz", "a.o", "boot/vmlinuz-6.1.0", "Module.symvers"] {
            assert_eq!(no_build_products(&[file(path, "")]).len(), 1, "{path}");
        }
        for path in ["hello.c", "vmlinuz.rs", "src/o", "ko.md"] {
            assert!(no_build_products(&[file(path, "")]).is_empty(), "{path}");
        }
    }
}
