//! The kernel's own `scripts/mod/modpost` and komod's, on the same objects: the same files, the
//! same words.
#![forbid(unsafe_code)]

mod common;
#[path = "common/modpost.rs"]
mod modpost;

use common::trees;
use modpost::Case;

#[test]
fn plain_module() {
    for tree in trees() {
        let mut case = Case::new(&tree, "plain");
        case.assembly(
            "plain",
            ".section .modinfo,\"a\"\n.asciz \"license=GPL\"\n.text\ncall _printk\n",
        );
        case.compare();
    }
}
