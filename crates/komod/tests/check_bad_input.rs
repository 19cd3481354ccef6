//! `komod check` given what is no good module: a verdict or a clear error each, soon, and never a
//! panic.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, Said, User, kernels, project};
use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Who waits for a pipe that nobody writes to waits for ever.
const PATIENCE: Duration = Duration::from_secs(120);
const MIB: u64 = 1 << 20;

/// What `komod check` says of a file, if it comes to an end.
fn said(user: &User, file: &Path, kernel: &Kernel) -> Said {
    let root = kernel.root.to_str().unwrap();
    let mut command = user.command(&["check", file.to_str().unwrap(), "--kernel", root]);
    let (out, err) = (user.dir.join("said.out"), user.dir.join("said.err"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{}: no end", file.display());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let said = Said { out: text(&out), err: text(&err), code: status.code() };
    assert!(!said.err.contains("panicked"), "{}: {said:#?}", file.display());
    said
}

/// It is refused with this code.
#[track_caller]
fn refused(user: &User, file: &Path, kernel: &Kernel, code: &str) {
    let said = said(user, file, kernel).ends_with(1);
    assert!(said.out.contains(&format!("[{code}]")), "{}: {said:#?}", file.display());
}

/// There is no verdict, and it is said why.
#[track_caller]
fn error(user: &User, file: &Path, kernel: &Kernel, words: &str) {
    let said = said(user, file, kernel).ends_with(1).complains(words);
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(said.out.is_empty() && said.err.contains(name), "{}: {said:#?}", file.display());
}

fn hello(user: &User, kernel: &Kernel) -> Vec<u8> {
    std::fs::read(user.build(kernel, &project("examples/hello"), &[]).remove(0)).unwrap()
}

#[test]
fn what_is_no_file_is_an_error() {
    let Some(kernel) = &kernels().pop() else { return };
    let user = User::new("nofile");
    let path = |name: &str| user.dir.join(name);
    std::fs::create_dir(path("folder.ko")).unwrap();
    error(&user, &path("folder.ko"), kernel, "there is no module in");
    let made = Command::new("mkfifo").arg(path("pipe.ko")).status().unwrap();
    assert!(made.success());
    error(&user, &path("pipe.ko"), kernel, "not a file");
    symlink("loop.ko", path("loop.ko")).unwrap();
    error(&user, &path("loop.ko"), kernel, "Too many levels");
    symlink("nowhere", path("dangling.ko")).unwrap();
    error(&user, &path("dangling.ko"), kernel, "No such file");
    symlink("/dev/zero", path("zero.ko")).unwrap();
    error(&user, &path("zero.ko"), kernel, "not a file");
    error(&user, &path("hello.ko/x.ko"), kernel, "No such file");

    // In a folder they are passed by, whatever they are called.
    let all = user.file("all/good.ko", hello(&user, kernel));
    symlink("loop.ko", path("all/loop.ko")).unwrap();
    std::fs::rename(path("pipe.ko"), path("all/pipe.ko")).unwrap();
    std::fs::rename(path("folder.ko"), path("all/folder.ko")).unwrap();
    let said = said(&user, all.parent().unwrap(), kernel).good();
    assert!(said.out.contains("hello loads"), "{said:#?}");
}

#[test]
fn a_file_that_may_not_be_read_is_an_error() {
    let Some(kernel) = &kernels().pop() else { return };
    let user = User::new("secret");
    let file = user.file("secret.ko", hello(&user, kernel));
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o000)).unwrap();
    if File::open(&file).is_ok() {
        eprintln!("SKIPPED: root may read every file");
        return;
    }
    error(&user, &file, kernel, "Permission denied");
}

fn grown(user: &User, name: &str, start: &[u8], length: u64) -> PathBuf {
    let path = user.file(name, start);
    File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
    path
}

#[test]
fn size_is_no_obstacle() {
    for kernel in &kernels() {
        let user = User::new("size");
        let good = hello(&user, kernel);
        refused(&user, &user.file("empty.ko", ""), kernel, "L-02");
        refused(&user, &grown(&user, "zeros.ko", b"", 200 * MIB), kernel, "L-16");
        error(&user, &grown(&user, "large.ko", &good, 201 * MIB), kernel, "too many");
        // A hole behind the module is nothing that the kernel would mind.
        let tail = grown(&user, "tail.ko", &good, 100 * MIB);
        said(&user, &tail, kernel).good();
        for length in [1, 3, 4, 63, 64, 65, good.len() / 2, good.len() - 1] {
            refused(&user, &user.file("cut.ko", &good[..length]), kernel, "L-16");
        }
    }
}

#[test]
fn the_others_are_checked_nevertheless() {
    let Some(kernel) = &kernels().pop() else { return };
    let user = User::new("others");
    let good = hello(&user, kernel);
    let file = user.file("all/good.ko", &good);
    grown(&user, "all/large.ko", &good, 201 * MIB);
    let folder = file.parent().unwrap();
    let both = said(&user, folder, kernel).ends_with(1);
    let both = both.complains("not checked: ").complains("large.ko");
    assert!(both.out.contains("hello loads"), "{both:#?}");
    let args = ["check", "--json", folder.to_str().unwrap(), "-k", kernel.root.to_str().unwrap()];
    let json = user.komod(&args).ends_with(1);
    let answer: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(answer["ok"], false);
    assert_eq!(answer["verdicts"].as_array().unwrap().len(), 1);
    assert_eq!(answer["verdicts"][0]["loads"], true);
    let unread = answer["unread"].as_array().unwrap();
    assert_eq!(unread.len(), 1);
    assert!(unread[0]["file"].as_str().unwrap().ends_with("all/large.ko"), "{unread:?}");
    assert!(unread[0]["error"].as_str().unwrap().contains("too many"), "{unread:?}");
}

/// Little is packed, much comes out.
#[test]
fn packed_nonsense_is_refused() {
    let Some(kernel) = &kernels().pop() else { return };
    let user = User::new("packed");
    for start in
        [&b"\x1f\x8b\x08\0nonsense"[..], b"\xfd7zXZ\0nonsense", b"\x28\xb5\x2f\xfdnonsense"]
    {
        refused(&user, &user.file("packed.ko", start), kernel, "L-16");
    }
    let zeros = grown(&user, "zeros", b"", 300 * MIB);
    let packed = Command::new("gzip").arg("-c1").arg(&zeros).output().unwrap();
    std::fs::remove_file(&zeros).unwrap();
    refused(&user, &user.file("bomb.ko.gz", packed.stdout), kernel, "L-16");
}

#[test]
fn modules_of_other_machines_are_refused_by_name() {
    for kernel in &kernels() {
        let user = User::new("foreign");
        let good = hello(&user, kernel);
        for (machine, name) in [(183_u16, "aarch64"), (243, "riscv"), (40, "arm"), (3, "i386")] {
            let mut bytes = good.clone();
            bytes[18..20].copy_from_slice(&machine.to_le_bytes());
            let file = user.file(&format!("{name}.ko"), bytes);
            let said = said(&user, &file, kernel).ends_with(1);
            let line = format!("Invalid architecture in ELF header: {machine}");
            assert!(said.err.contains(&line) && said.out.contains("[L-16]"), "{said:#?}");
        }
        // The kernel looks at the machine, not at the class: this one it would take.
        let mut bytes = good.clone();
        bytes[4..6].copy_from_slice(&[1, 2]);
        said(&user, &user.file("class.ko", bytes), kernel).good();
        // A real one, with headers of 32 bits.
        let source = user.file("small.c", "int init_module(void) { return 0; }\n");
        let object = user.dir.join("small.ko");
        let gcc = Command::new("gcc").args(["-m32", "-c", "-o"]).arg(&object).arg(source).status();
        assert!(gcc.unwrap().success());
        refused(&user, &object, kernel, "L-16");
    }
}

/// One byte of the headers changed at a time: some are taken, most are not, and none is a surprise.
#[test]
fn every_byte_of_the_header_may_be_wrong() {
    let Some(kernel) = &kernels().pop() else { return };
    let user = User::new("bytes");
    let good = hello(&user, kernel);
    let mut refused = 0;
    for at in 0..64 {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        let said = said(&user, &user.file("byte.ko", bytes), kernel);
        match said.code {
            Some(0) => {}
            Some(1) if said.out.contains("[L-") => refused += 1,
            _ => panic!("byte {at}: {said:#?}"),
        }
    }
    // Magic, type, machine, place and size of the section headers, their names.
    assert!((20..=30).contains(&refused), "{refused}");
}
