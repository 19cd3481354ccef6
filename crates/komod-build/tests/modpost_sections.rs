//! References between all kinds of sections, by all kinds of names: the same complaints from the
//! kernel's modpost and from komod's.
#![forbid(unsafe_code)]

mod common;
#[path = "common/modpost.rs"]
mod modpost;

use common::trees;
use modpost::{Case, HEAD};
use std::fmt::Write;

const TEXT: [&str; 33] = [
    ".text",
    ".text.foo",
    ".text.unlikely",
    ".textual",
    ".sched.text",
    ".kprobes.text",
    ".cpuidle.text",
    ".noinstr.text",
    ".ltext",
    ".ltext.x",
    ".ref.text",
    ".head.text",
    ".head.textx",
    ".spinlock.text",
    ".fixup",
    ".entry.text",
    ".exception.text",
    ".coldtext",
    ".softirqentry.text",
    ".irqentry.text",
    ".mytext",
    ".init.text",
    ".init.textx",
    ".init.foo",
    ".meminit.text",
    ".meminit.foo",
    ".exit.text",
    ".exit.foo",
    ".memexit.text",
    ".devinit.text",
    ".altinstr_replacement",
    ".init",
    ".exit",
];
const DATA: [&str; 29] = [
    ".data",
    ".data.rel",
    ".data.foo",
    ".data.rel.ro",
    ".data..read_mostly",
    ".mydata",
    ".init.data",
    ".init.rodata",
    ".init.setup",
    ".meminit.data",
    ".meminit.rodata",
    ".exit.data",
    ".memexit.data",
    ".pci_fixup_early",
    ".pci_fixup_header",
    ".pci_fixup_final",
    ".pci_fixup_enable",
    ".pci_fixup_resume",
    ".pci_fixup_resume_early",
    ".pci_fixup_suspend",
    ".pci_fixup_x",
    "___ksymtab+x",
    "___ksymtab_gpl+x",
    "__ksymtab",
    "__param",
    "__bug_table",
    ".ref.data",
    ".initcall6.init",
    ".data..percpu",
];
const NAMES: [&str; 28] = [
    "foo",
    "x_ops",
    "x_probe",
    "x_console",
    "x_template",
    "x_timer",
    "x_sht",
    "x_probe_one",
    "xdriver",
    "driver",
    "driverx",
    "__param_x",
    "__param",
    "__param_ops_x",
    "__param_ops",
    "x__param",
    "f.constprop.1",
    "f.constprop.",
    "f.constprop",
    "f.isra.0",
    "x_ops.1",
    "_ops",
    "x_ops_y",
    "__init_begin",
    "_sinittext",
    "_einittext",
    "compound.0",
    "L1",
];

fn flags(section: &str) -> &str {
    if TEXT.contains(&section) { "ax" } else { "aw" }
}

fn compare_each(name: &str, text: &str) {
    for tree in trees() {
        let mut case = Case::new(&tree, name);
        case.options.warn_unresolved = true;
        case.assembly("sections", text);
        let left = case.compare();
        assert!(left.messages.contains("section mismatch in reference"), "{left:?}");
        case.options.mismatch_is_error = true;
        assert!(case.compare().failed);
    }
}

#[test]
fn every_section_to_every_other() {
    let sections = || TEXT.iter().chain(&DATA);
    let mut text = HEAD.to_owned();
    for (index, section) in sections().enumerate() {
        let flags = flags(section);
        writeln!(text, ".section {section},\"{flags}\"\nto_{index}: .zero 8").unwrap();
    }
    for (index, section) in sections().enumerate() {
        writeln!(text, ".section {section},\"{}\"\nfrom_{index}:", flags(section)).unwrap();
        (0..sections().count()).for_each(|to| writeln!(text, ".quad to_{to}").unwrap());
    }
    compare_each("matrix", &text);
}

#[test]
fn names_that_are_excused() {
    // Global names may stand once; each gets a number that is patched away by the name's own end.
    for from_name in NAMES {
        let mut text = HEAD.to_owned();
        let to = [
            ".init.text",
            ".init.data",
            ".init.setup",
            ".init.foo",
            ".exit.text",
            ".exit.data",
            ".meminit.text",
            ".meminit.data",
        ];
        for (index, section) in to.into_iter().enumerate() {
            writeln!(text, ".section {section},\"{}\"\nto_{index}: .zero 64", flags(section))
                .unwrap();
        }
        let marks =
            ["__init_begin", "_sinittext", "_einittext"].map(|mark| (mark, mark != from_name));
        for (mark, _) in marks.iter().filter(|(_, fits)| *fits) {
            writeln!(text, ".section .init.text,\"ax\"\n.globl {mark}\n{mark}: .zero 64").unwrap();
        }
        for section in [
            ".text",
            ".data",
            ".data.rel",
            ".init.text",
            ".exit.text",
            ".exit.foo",
            ".meminit.text",
            ".pci_fixup_early",
            ".text.x",
        ] {
            writeln!(text, ".section {section},\"{}\"\n.zero 64", flags(section)).unwrap();
            if section == ".text" {
                writeln!(text, "\"{from_name}\":").unwrap();
            } else {
                // The same name in another section: a local symbol of a second object.
                writeln!(text, "\"{from_name}\u{40}{}\":", &section[1..].replace('.', "_"))
                    .unwrap();
            }
            (0..to.len()).for_each(|to| writeln!(text, ".quad to_{to}").unwrap());
            for (mark, _) in marks.iter().filter(|(_, fits)| *fits) {
                writeln!(text, ".quad {mark}").unwrap();
            }
        }
        for tree in trees() {
            let mut case = Case::new(&tree, "names");
            case.options.warn_unresolved = true;
            case.assembly("names", &text);
            case.cut_names("names", b'@');
            let left = case.compare();
            assert!(left.messages.contains("section mismatch in reference"), "{left:?}");
        }
    }
}

#[test]
fn symbols_near_a_place() {
    let mut text = format!(
        "{HEAD}.section .init.text,\"ax\"\n.zero 64\na1: .zero 8\nb1:\nb2: .zero 41\nc1: .zero 64\n\
         .globl gl\ngl: .zero 64\n.section .exit.text,\"ax\"\n.zero 64\n.text\n"
    );
    for (index, offset) in (-4..320).chain([1000, 0x7fff_ffff]).enumerate() {
        if index % 7 == 3 {
            writeln!(text, "f{index}:").unwrap();
        }
        if index % 14 == 3 {
            writeln!(text, "\"g{index}.{index}\":").unwrap();
        }
        writeln!(text, ".quad .init.text+{offset}\n.long .init.text+{offset} - .").unwrap();
    }
    text +=
        "call gl\n.quad gl+30\n.quad gl-200\n.quad .exit.text\n.type ff,@function\nff: .quad gl\n";
    text += ".section .text.only,\"ax\"\n.quad .init.text\n";
    compare_each("near", &text);
}

#[test]
fn exception_tables() {
    let sections = [
        ".text",
        ".data",
        ".mytext",
        ".init.text",
        ".init.foo",
        ".exit.text",
        ".exit.foo",
        ".meminit.text",
        ".head.text",
        ".fixup",
        ".text.x",
        ".init.data",
        ".altinstr_replacement",
    ];
    for kind in ["function", "object"] {
        for last in 0..sections.len() {
            let mut text = HEAD.to_owned();
            for (index, section) in sections.into_iter().enumerate() {
                let flags = if section == ".exit.foo" { "a" } else { flags(section) };
                writeln!(
                    text,
                    ".section {section},\"{flags}\"\n.type to_{index},@{kind}\nto_{index}: .zero 64"
                )
                .unwrap();
            }
            text += ".section __ex_table,\"a\"\n.long .data+40 - .\n";
            writeln!(text, ".type table,@{kind}\ntable: .quad 0").unwrap();
            for index in [last].into_iter().chain(0..sections.len()) {
                writeln!(text, ".long to_{index} - .").unwrap();
            }
            for tree in trees() {
                let mut case = Case::new(&tree, "extable");
                case.options.warn_unresolved = true;
                case.assembly("extable", &text);
                assert!(case.compare().failed);
            }
        }
    }
}

#[test]
fn exports_of_what_goes() {
    for tree in trees() {
        let mut case = Case::new(&tree, "goes");
        let mut text = format!(
            "{HEAD}.globl stays,init,exit,initdata\nstays: ret\n.section .init.text,\"ax\"\ninit: ret\n.section .exit.text,\"ax\"\nexit: ret\n.section .init.data,\"aw\"\ninitdata: .long 0\n.text\n"
        );
        for symbol in ["stays", "init", "exit", "initdata"] {
            text += &case.export(symbol, symbol == "exit", "");
        }
        case.assembly("goes", &text);
        case.assembly("user", &format!("{HEAD}call init\ncall exit\ncall nothing\n"));
        let many: String = (0..12).map(|index| format!("call none{index}\n")).collect();
        case.assembly("many", &format!("{HEAD}{many}"));
        case.options.mismatch_is_error = true;
        let left = case.compare();
        assert!(left.messages.contains("EXPORT_SYMBOL used for"), "{left:?}");
    }
}
