//! Comparing modules: real ones with known changes, GNU strip as the judge of level L1, and
//! damaged files.

mod common;

use common::{kernels, read};
use komod_object::Module;
use komod_object::diff::{Aspect, Diff, Field, Level, Options, Value, compare};
use komod_object::elf::{SHF_ALLOC, SHT_RELA, SHT_STRTAB, SHT_SYMTAB};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn diff(a: &[u8], b: &[u8]) -> Diff {
    let diff = compare(a, b, &Options::default()).unwrap();
    let worst = diff.differences.iter().map(|d| d.breaks).min().unwrap_or(Level::Bytes);
    assert_eq!(diff.level, worst, "verdict and explanations agree: {diff:#?}");
    assert_eq!(diff.level == Level::Bytes, a == b);
    diff
}

/// A folder of the test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let dir = std::env::temp_dir().join(format!("komod-diff-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Folder(dir)
    }

    /// What a tool makes of a file in place.
    fn after(&self, bytes: &[u8], command: &[&str]) -> Vec<u8> {
        let file = self.0.join("x.ko");
        fs::write(&file, bytes).unwrap();
        let status = Command::new(command[0]).args(&command[1..]).arg(&file).status().unwrap();
        assert!(status.success(), "{command:?}");
        fs::read(&file).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Objects compiled from two sources.
fn compiled(name: &str, sources: [&str; 2]) -> [Vec<u8>; 2] {
    let folder = Folder::new(name);
    sources.map(|source| {
        let (c, o) = (folder.0.join("x.c"), folder.0.join("x.o"));
        fs::write(&c, source).unwrap();
        let status = Command::new("gcc")
            .args(["-O2", "-c", "-fno-pic", "-mcmodel=kernel", "-fno-asynchronous-unwind-tables"])
            .args([&c, Path::new("-o"), &o].map(|p| p.as_os_str()))
            .status()
            .unwrap();
        assert!(status.success());
        fs::read(&o).unwrap()
    })
}

fn texts(diff: &Diff) -> Vec<String> {
    diff.differences.iter().map(ToString::to_string).collect()
}

#[test]
fn stripping_is_level_1_and_so_says_strip_itself() {
    let folder = Folder::new("strip");
    let objcopy =
        ["objcopy", "-R", ".note.gnu.build-id", "-R", ".BTF", "--strip-debug", "-p"].as_slice();
    for kernel in kernels() {
        let mut seen = 0;
        for path in kernel.modules.iter().step_by(400) {
            let stock = read(path);
            let stripped = folder.after(&stock, objcopy);
            let found = diff(&stock, &stripped);
            assert!(found.level >= Level::Stripped, "{}: {:#?}", path.display(), texts(&found));
            assert_eq!(diff(&stripped, &stock).level, found.level);
            seen += 1;
        }
        assert!(seen > 5);
    }
}

#[test]
fn a_changed_byte_of_a_loaded_section_is_found_and_named() {
    for kernel in kernels() {
        for path in kernel.modules.iter().step_by(500) {
            let stock = read(path);
            let module = Module::parse(&stock).unwrap();
            for section in module.elf().sections() {
                let header = section.header;
                let Some(middle) = section.data().len().checked_sub(1).map(|last| last / 2) else {
                    continue;
                };
                let mut changed = stock.clone();
                changed[header.offset as usize + middle] ^= 1;
                let found = match compare(&stock, &changed, &Options::default()) {
                    Ok(_) => diff(&stock, &changed),
                    // The change made it unreadable: a name without an end, say.
                    Err(_) => continue,
                };
                let loaded = header.flags & SHF_ALLOC != 0 && section.name != ".note.gnu.build-id";
                let place = format!("{} {}: {:#?}", path.display(), section.name, texts(&found));
                // Tables of the ELF format decide what the loader does with the others.
                let table = matches!(header.sh_type, SHT_RELA | SHT_SYMTAB | SHT_STRTAB);
                assert!(table || loaded == (found.level == Level::Different), "{place}");
                // The rest of an entry behind a name's NUL has no name of its own.
                let unexplained = section.name != "__versions"
                    && found.differences.iter().any(|d| d.aspect == Aspect::Arrangement);
                let names_it = found
                    .differences
                    .iter()
                    .any(|d| d.section.as_deref().is_some_and(|name| section.name == name));
                assert!(!loaded || names_it && !unexplained, "{place}");
                assert!(table || found.differences.len() < 8, "{place}");
            }
        }
    }
}

#[test]
fn an_inserted_symbol_and_function_is_few_differences() {
    let many: String = (0..300)
        .map(|n| format!("extern int e{n}(void); int f{n}(void) {{ return e{n}() + {n}; }}\n"))
        .collect();
    let added =
        format!("extern int added(void); int early(void) {{ return added() ^ 7; }}\n{many}");
    let [a, b] = compiled("insert", [&many, &added]);
    let found = diff(&a, &b);
    let texts = texts(&found);
    assert!(texts.iter().any(|t| t.starts_with("code .text early: only in B")), "{texts:#?}");
    assert!(texts.iter().any(|t| t == "import added: only in B"), "{texts:#?}");
    assert!(texts.iter().any(|t| t.contains("(and 299 more symbols moved)")), "{texts:#?}");
    assert!(texts.len() < 8, "{texts:#?}");
}

#[test]
fn changes_are_told_by_meaning() {
    let base = "extern int one(const char *, int); extern int two(const char *, int);\n\
                static int state[4] = {1, 2, 3, 4};\n\
                int f(int i) { return one(\"first text\", state[i]); }\n\
                int g(int i) { return two(\"second text\", state[i] * 3); }\n";
    let cases = [
        ("one(\"first", "two(\"first", "relocation .text f+0x12: PLT32 one-0x4 -> PLT32 two-0x4"),
        (
            "second text",
            "another words",
            "text .rodata.str1.1: \"second text\" -> \"another words\"",
        ),
        ("{1, 2, 3, 4}", "{1, 2, 9, 4}", "code .rodata state+0x8: 03 00 00 00 04 00 00 00 -> 09"),
        ("* 3", "* 5", "code .text g+"),
        ("int g(", "int other(", "code .text g: only in A"),
    ];
    for (from, to, expected) in cases {
        let [a, b] = compiled("meaning", [base, &base.replacen(from, to, 1)]);
        let found = diff(&a, &b);
        let texts = texts(&found);
        let wanted = texts.iter().position(|t| t.starts_with(expected));
        // A function that only has another name: the bytes are the same.
        let renamed = expected.contains("only in A");
        if renamed {
            assert!(texts.iter().any(|t| t == "symbol .text g: only in A"), "{texts:#?}");
            assert_eq!(found.level, Level::Loaded, "{texts:#?}");
        } else {
            assert!(wanted.is_some_and(|at| at < 2), "{expected}: {texts:#?}");
            assert_eq!(found.level, Level::Different, "{texts:#?}");
        }
    }
}

#[test]
fn only_debugging_information_is_level_1() {
    let folder = Folder::new("debug");
    let build = |dir: &str| {
        let dir = folder.0.join(dir);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("x.c"), "int f(int x) { return x * 3; }\n").unwrap();
        let run = Command::new("gcc").args(["-g", "-O2", "-c", "x.c"]).current_dir(&dir).status();
        assert!(run.unwrap().success());
        fs::read(dir.join("x.o")).unwrap()
    };
    let found = diff(&build("here"), &build("somewhere/else"));
    assert_eq!(found.level, Level::Stripped);
    assert!(found.differences.iter().all(|d| d.aspect == Aspect::Debug), "{:#?}", texts(&found));
    assert!(!found.differences.is_empty());
}

#[test]
fn signatures_only_break_byte_equality() {
    let [a, _] = compiled("sign", ["int x = 3;", ""]);
    let signed = |bytes: &[u8]| {
        let mut file = a.clone();
        file.extend(bytes);
        file.extend([0, 0, 2, 0, 0, 0, 0, 0]);
        file.extend((bytes.len() as u32).to_be_bytes());
        file.extend(komod_object::signature::MARKER);
        file
    };
    let found = diff(&a, &signed(b"signature"));
    assert_eq!(found.level, Level::Stripped);
    assert_eq!(texts(&found), ["signature: only in B: 9 bytes"]);
    assert_eq!(texts(&diff(&signed(b"one"), &signed(b"two"))), ["signature: differs"]);
}

#[test]
fn other_files_are_refused_with_the_side() {
    let [a, _] = compiled("refuse", ["int x = 3;", ""]);
    let error = compare(&a, b"text", &Options::default()).unwrap_err();
    assert!(error.to_string().starts_with("second file: not an ELF file"), "{error}");
    assert_eq!(diff(b"same text", b"same text").level, Level::Bytes);
    assert_eq!(Value::Absent.to_string(), "absent");
}

#[test]
fn damaged_files_never_panic() {
    let source = "extern int one(const char *);\nstatic int s[3] = {1};\n\
                  int f(int i) { return one(\"t\") + s[i]; }\n";
    let [a, _] = compiled("damage", [source, ""]);
    let mut compared = 0;
    for at in 0..a.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = a.clone();
            damaged[at] = value;
            compared += usize::from(compare(&a, &damaged, &Options::default()).is_ok());
            let _ = compare(&damaged, &a, &Options::default());
        }
    }
    for len in 0..a.len() {
        let _ = compare(&a, &a[..len], &Options::default());
    }
    assert!(compared > a.len(), "most changes leave it readable: {compared}");
}

#[test]
fn fields_of_struct_module_are_named() {
    let Some(kernel) = kernels().into_iter().next() else { return };
    let stock = read(&kernel.modules[0]);
    let module = Module::parse(&stock).unwrap();
    let at = module.this_module().unwrap().header.offset as usize;
    let mut changed = stock.clone();
    changed[at + 8] ^= 1;
    changed[at + 24] ^= 1;
    let field = Field { name: "list".into(), offset: 8, size: 16 };
    let options = Options { struct_module: vec![field] };
    let found = compare(&stock, &changed, &options).unwrap();
    let fields: Vec<_> = found.differences.iter().filter_map(|d| d.field.as_deref()).collect();
    assert_eq!(fields, ["name", "list"], "{:#?}", texts(&found));
    let found = diff(&stock, &changed);
    assert!(texts(&found)[1].contains("word at 0x8"), "{:#?}", texts(&found));
}
