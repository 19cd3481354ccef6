//! The kernel's own `scripts/mod/modpost` and komod's, on the same objects: the same files, the
//! same words.
#![forbid(unsafe_code)]

mod common;
#[path = "common/modpost.rs"]
mod modpost;

use common::trees;
use modpost::{Case, HEAD};

fn each(name: &str, run: impl Fn(&mut Case)) {
    for tree in trees() {
        run(&mut Case::new(&tree, name));
    }
}

#[test]
fn plain_module() {
    each("plain", |case| {
        case.assembly("plain", &format!("{HEAD}call _printk\n"));
        assert!(!case.compare().failed);
        case.options.modversions = false;
        case.compare();
    });
}

#[test]
fn init_and_exit() {
    each("init", |case| {
        case.assembly("a", &format!("{HEAD}.globl init_module\ninit_module: ret\n"));
        case.assembly("b", &format!("{HEAD}.globl cleanup_module\ncleanup_module: ret\n"));
        case.assembly("c", &format!("{HEAD}init_module: ret\ncleanup_module: ret\n"));
        case.assembly(
            "d",
            &format!("{HEAD}call init_module\n.weak cleanup_module\ncleanup_module:ret\n"),
        );
        case.compare();
        case.options.warn_unresolved = true;
        assert!(!case.compare().failed);
    });
}

#[test]
fn undefined_symbols() {
    each("undefined", |case| {
        let calls = "call a1\ncall b.12\ncall c.12.d\ncall e.part.0\ncall __this_module\n\
            call _GLOBAL_OFFSET_TABLE_\n.weak weak_one\ncall weak_one\n.weak _printk\ncall _printk\n";
        case.assembly("first", &format!("{HEAD}{calls}"));
        case.compare();
        let many: String = (0..9).map(|index| format!("call none{index}\n")).collect();
        case.assembly("second", &format!("{HEAD}{many}"));
        let left = case.compare();
        assert!(left.failed && left.messages.contains("suppressed 3 unresolved"), "{left:?}");
        case.options.warn_unresolved = true;
        assert!(!case.compare().failed);
        case.without_kernel = true;
        case.compare();
    });
}

#[test]
fn licences() {
    each("licences", |case| {
        let info = |text: &str| {
            format!(
                ".section .modinfo,\"a\"\n{text}.text\ncall kobject_put\ncall usb_register_driver\ncall _printk\n"
            )
        };
        case.assembly("none", &info(""));
        case.assembly("own", &info(".asciz \"license=Proprietary\"\n"));
        case.assembly("both", &info(".asciz \"license=GPL\"\n.asciz \"license=BSD\"\n"));
        case.assembly(
            "fine",
            &info(".asciz \"license=Dual MIT/GPL\"\n.asciz \"license=GPL v2\"\n"),
        );
        case.assembly("odd", &info(".asciz \"license=GPL\\0\\0\\0license=\"\n.ascii \"x\"\n"));
        let left = case.compare();
        assert!(left.messages.contains("GPL-incompatible module own.ko"), "{left:?}");
        case.options.extra_warnings = case.dialect() != komod_build::modpost::Dialect::Ksymtab;
        case.assembly("described", &info(".asciz \"license=GPL\"\n.asciz \"description=\"\n"));
        case.compare();
    });
}

#[test]
fn namespaces() {
    each("namespaces", |case| {
        let text = |info: &str| {
            format!(
                "{HEAD}.section .modinfo\n{info}.text\ncall usb_stor_reset_resume\ncall usb_stor_suspend\n"
            )
        };
        case.assembly("lacks", &text(""));
        case.assembly(
            "has",
            &text(".asciz \"import_ns=OTHER\"\n.asciz \"import_ns=USB_STORAGE\"\n"),
        );
        case.assembly("neither", &text(".asciz \"license=X\"\n"));
        let left = case.compare();
        assert!(left.failed && left.messages.contains("namespace USB_STORAGE"), "{left:?}");
        case.options.allow_missing_namespaces = true;
        case.compare();
        case.modules.pop();
        let left = case.compare();
        assert!(!left.failed && left.files.values().any(|text| text.contains("usb-storage")));
    });
}

#[test]
fn exports_and_their_users() {
    each("exports", |case| {
        let mut text = format!(
            "{HEAD}.globl f1,f2,n1,d1,d2\n.type f1,@function\nf1: ret\n\
            .type f2,@function\nf2: ret\nn1: ret\n.data\n.type d1,@object\nd1: .long 0\nd2: .long 1\n"
        );
        for (name, gpl, namespace) in [
            ("d2", true, ""),
            ("f1", false, ""),
            ("f2", true, "SPACE"),
            ("n1", false, ""),
            ("d1", false, "SPACE"),
        ] {
            text += &case.export(name, gpl, namespace);
        }
        case.crcs("owner", "#SYMVER n1 0x3\n#SYMVER f1 0x12\n#SYMVER f2 0x00000000\nother\n#SYMVER d1 0xdeadbeef\n#SYMVER odd 0x1\n");
        case.assembly("owner", &text);
        case.assembly(
            "user",
            &format!("{HEAD}call f1\ncall f2\ncall n1\n.quad d1\ncall usb_disabled\n"),
        );
        case.assembly(
            "own",
            &format!("{HEAD}.section .modinfo\n.asciz \"license=X\"\n.text\ncall f2\n"),
        );
        case.compare();
        case.options.allow_missing_namespaces = true;
        case.modules.pop();
        let left = case.compare();
        assert!(!left.failed && left.messages.contains("has no CRC!"), "{left:?}");
        case.modules.reverse();
        case.compare();
        case.options.modversions = false;
        case.compare();
    });
}

#[test]
fn duplicate_exports() {
    each("duplicates", |case| {
        let one = |case: &Case, name: &str| {
            format!("{HEAD}.globl {name}\n{name}: ret\n") + &case.export(name, false, "")
        };
        let text = one(case, "_printk");
        case.assembly("kernels", &text);
        assert!(case.compare().failed);
        case.modules.clear();
        let text = one(case, "same");
        case.crcs("first", "\n#SYMVER same 0x1\n");
        case.crcs("second", "\n#SYMVER same 0x2\n");
        case.assembly("first", &text);
        case.assembly("second", &text);
        case.assembly("user", &format!("{HEAD}call same\n"));
        assert!(!case.compare().failed);
        case.modules.reverse();
        case.compare();
        // A symbol that a module of the kernel exports.
        let text = one(case, "usb_disabled");
        case.assembly("usbs", &text);
        case.assembly("another", &format!("{HEAD}call usb_disabled\n"));
        case.compare();
        // The same from a dump, before and behind the kernel's.
        let dump = case.dump("other/Module.symvers", "0x00000009\tsame\t/other/third\tEXPORT_SYMBOL\t\n0x00000007\tusb_disabled\t/other/third\tEXPORT_SYMBOL\tNS\n0x1\tfourth\tfourth\tEXPORT_SYMBOL_GPL\t\n");
        case.dumps.push(dump);
        case.compare();
        case.modules.retain(|module| module.ends_with("another") || module.ends_with("user"));
        case.compare();
    });
}

#[test]
fn long_names() {
    each("long", |case| {
        for length in [54, 55, 56, 57] {
            case.modules.clear();
            let name = "n".repeat(length);
            let text =
                format!("{HEAD}.globl {name}\n{name}: ret\n") + &case.export(&name, false, "");
            case.crcs("owner", &format!("\n#SYMVER {name} 0x1\n"));
            case.assembly("owner", &text);
            case.assembly("user", &format!("{HEAD}call {name}\n"));
            case.compare();
            case.modules.clear();
            case.assembly(&"m".repeat(length), &format!("{HEAD}x: ret\n"));
            case.compare();
        }
    });
}

#[test]
fn odd_exports() {
    each("odd", |case| {
        let text = format!("{HEAD}.globl f1,f2\nf1: ret\nf2: ret\nlocal: ret\n");
        let undefined =
            text.clone() + &case.export("undefined", false, "") + &case.export("f1", false, "");
        case.assembly("undefined", &undefined);
        case.compare();
        let twice =
            text.clone() + &case.export_as("__again", "f1", "", "") + &case.export("f1", true, "X");
        case.assembly("again", &twice);
        let local = text.clone() + &case.export("local", false, "");
        case.assembly("static", &local);
        let license = text.clone() + &case.export_as("f2", "f2", "BSD", "");
        case.assembly("bsd", &license);
        case.compare();
    });
}

#[test]
fn inside_the_kernel_tree() {
    each("intree", |case| {
        case.options.external = false;
        case.relative = true;
        for path in [
            "drivers/net/a",
            "drivers/staging/b",
            "drivers/stagingx/b",
            "tools/testing/c",
            "x/drivers/staging/d",
        ] {
            case.assembly(path, &format!("{HEAD}call _printk\n"));
        }
        assert!(!case.compare().failed);
    });
}

#[test]
fn common_symbols_and_sections() {
    each("sections", |case| {
        case.assembly("common", &format!("{HEAD}.comm block,4,4\n.comm __gnu_lto_x,1,1\n"));
        let names = [
            ".comment",
            ".comments",
            ".debug_x",
            ".zdebug_x",
            ".note",
            ".note.x",
            ".mine",
            ".GCC.command.line",
            ".gnu.lto_x",
            ".discard.x",
            ".got.plt",
            ".toc",
            ".pdr",
            ".mdebug.x",
            ".xt.prop",
            ".xt.lit",
            ".cmem.x",
            ".fmt_slot3",
            ".arcextmap.x",
            ".gnu.linkonce.arcext.x",
            ".llvm.call-graph-profile",
            ".comm",
        ];
        let text: String =
            names.iter().map(|name| format!(".section {name},\"\"\n.long 1\n")).collect();
        case.assembly("sections", &format!("{HEAD}x: ret\n{text}"));
        let empty: String =
            names.iter().map(|name| format!(".section {name}x,\"\",@progbits\n")).collect();
        case.assembly(
            "empty",
            &format!(
                "{HEAD}x: ret\n{empty}.section .x,\"\",@note\n.long 1\n.section .y,\"\",@nobits\n.zero 8\n"
            ),
        );
        case.compare();
    });
}

#[test]
fn checksum_of_the_sources() {
    each("srcversion", |case| {
        let version = ".section .modinfo,\"a\"\n.asciz \"license=GPL\"\n.asciz \"version=1\"\n.text\nx: ret\n";
        for (name, text) in [
            ("plain.c", "int a;\n"),
            ("comment.c", "int a; /* b \" */ c /*/ d */ e /**/ f // g \" h\n i"),
            ("string.c", "\"a b /* c */\" d \"\\\" e\" f \"\\\\\" g \" h '\"' i \" j"),
            ("lines.c", "a \\\n b\\\nc \"d\\\n e\" /* f \\\n */ g\t\r\x0b\x0c h\\"),
            ("open.c", "a /* b"),
            ("quote.c", "a \" b"),
            ("empty.c", ""),
            ("long.c", &"abcdefghij".repeat(100)),
            ("block.c", &"b".repeat(61)),
            ("over.c", &"b".repeat(53)),
            ("bytes.c", "\u{e4}\u{a0} \0 b"),
            ("own.h", "x y"),
            ("below/own.h", "never read"),
        ] {
            case.scratch.write(name, text);
        }
        for source in [
            "plain", "comment", "string", "lines", "open", "quote", "empty", "bytes", "long",
            "block", "over",
        ] {
            case.sources(source, &[&format!("{source}.c"), "own.h", "below/own.h"]);
            case.assembly(source, version);
            case.compare();
        }
        case.sources("missing", &["missing.c"]);
        case.assembly("missing", version);
        case.compare();
        case.modules.pop();
        case.sources("no_header", &["plain.c", "none.h", "own.h"]);
        case.assembly("no_header", version);
        case.compare();
        case.modules.pop();
        case.sources("silent", &["plain.c"]);
        case.assembly("silent", &format!("{HEAD}x: ret\n"));
        case.compare();
        case.options.all_versions = true;
        case.compare();
    });
}
