//! `modprobe` as a drop-in: what is in `modprobe/cases` holds for komod, and with
//! `KOMOD_UNDER_TEST=ref` for the machine's kmod.
//!
//! The modules are made by [`sample`], their indexes by the machine's `depmod`; without one there
//! is nothing to compare, and the cases are left out.
//!
//! A case file is a text with sections. `--- FILE` starts a file of `modprobe.d`, `$ ARGUMENTS` a
//! call with what it says: `2>` before a line of stderr, `? 1` for its status, `DIR` for the module
//! directory, `␠` for a space at a line's end. A call `$ ours …` is for komod alone.
//! `KOMOD_BLESS=1` writes what the program under test says into the files.

#[path = "modprobe/case.rs"]
mod case;
#[path = "modprobe/sample.rs"]
mod sample;

use case::{Call, Case, Part};
use std::path::{Path, PathBuf};
use std::process::Command;

const RELEASE: &str = "6.1.0-test";

/// Which program is tested.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Ours,
    Ref,
}

fn subject() -> Subject {
    match std::env::var("KOMOD_UNDER_TEST").as_deref() {
        Ok("ref") => Subject::Ref,
        _ => Subject::Ours,
    }
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modprobe/cases")
}

#[test]
fn answers_are_kmods() {
    let scratch = scratch("answers");
    let Some(root) = sample::root(&scratch, RELEASE) else { return };
    let mut files: Vec<PathBuf> =
        cases().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = Vec::new();
    for file in files {
        let mut case = Case::read(&file);
        let before = case.to_string();
        run(&mut case, &root, &scratch);
        let after = case.to_string();
        if std::env::var_os("KOMOD_BLESS").is_some() {
            std::fs::write(&file, &after).unwrap();
        } else if before != after {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            wrong.push(format!("{name}\n{}", case::difference(&before, &after)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Makes the case's calls and puts their answers in.
fn run(case: &mut Case, root: &Path, scratch: &Path) {
    let config = scratch.join("modprobe.d");
    let _ = std::fs::remove_dir_all(&config);
    std::fs::create_dir_all(&config).unwrap();
    for part in &mut case.parts {
        match part {
            Part::Text(_) => {}
            Part::File(name, text) => std::fs::write(config.join(name), text).unwrap(),
            Part::Call(call) if call.ours_only && subject() == Subject::Ref => {}
            Part::Call(call) => answer(call, root, &config),
        }
    }
}

fn answer(call: &mut Call, root: &Path, config: &Path) {
    let mut command = match subject() {
        Subject::Ref => Command::new("modprobe"),
        Subject::Ours => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_komod"));
            command.arg("modprobe");
            command
        }
    };
    command.arg("-d").arg(root).args(["-S", RELEASE, "-C"]).arg(config);
    command.args(call.words());
    command.env_remove("MODPROBE_OPTIONS").env_remove("KMOD_LOG");
    match call.komod_manner() {
        true => command.env_remove("KOMOD_COMPAT"),
        false => command.env("KOMOD_COMPAT", "kmod"),
    };
    let output = command.output().unwrap();
    let directory = root.join("lib/modules").join(RELEASE);
    let replaced = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let text = text.replace(&*directory.to_string_lossy(), "DIR");
        text.replace(&*config.to_string_lossy(), "CONFIG")
    };
    let stderr = replaced(&output.stderr);
    call.stdout = replaced(&output.stdout).lines().map(str::to_owned).collect();
    call.stderr = stderr.lines().map(case::without_place).collect();
    call.status = output.status.code().unwrap_or(-1);
}

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("modprobe-{name}"));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A module's `softdep` with a line's end in it must not become another directive (what kmod 30
/// and 34 let happen).
#[test]
fn a_module_injects_no_directive() {
    let scratch = scratch("injection");
    let Some(root) = sample::root(&scratch, RELEASE) else { return };
    let directory = root.join("lib/modules").join(RELEASE);
    let text = "softdep e pre: c\ninstall c touch injected\noptions c x=1\n";
    std::fs::write(directory.join("modules.softdep"), text).unwrap();
    let output = ours(&root, &scratch, &["-D", "e"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{stdout}");
    assert!(lines[0].starts_with("insmod ") && lines[0].ends_with("/c.ko "), "{stdout}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("line 2: ignoring bad line starting with 'install'"), "{stderr}");
}

/// An index that is damaged says where; the status tells.
#[test]
fn damaged_indexes_are_told() {
    let scratch = scratch("damaged");
    let Some(root) = sample::root(&scratch, RELEASE) else { return };
    let directory = root.join("lib/modules").join(RELEASE);
    let file = directory.join("modules.dep.bin");
    let sound = std::fs::read(&file).unwrap();
    for length in [0, 3, 11, 12, sound.len() / 2, sound.len() - 1] {
        std::fs::write(&file, &sound[..length]).unwrap();
        let output = ours(&root, &scratch, &["-D", "b"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{length}: {stderr}");
        assert!(stderr.contains("modules.dep.bin: offset 0x"), "{length}: {stderr}");
    }
}

fn ours(root: &Path, config: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_komod"));
    command.args(["modprobe", "-S", RELEASE, "-d"]).arg(root).arg("-C").arg(config);
    command.args(arguments).env_remove("MODPROBE_OPTIONS").env_remove("KOMOD_COMPAT");
    command.output().unwrap()
}
