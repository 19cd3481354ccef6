//! `komod check`: what it foretells is what the kernel's own loader does.
#![forbid(unsafe_code)]

mod common;

use common::{Kernel, User, kernels, project};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Some of a kernel's own modules, spread over all of them.
fn stock(kernel: &Kernel, count: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![kernel.root.join("lib/modules").join(&kernel.release).join("kernel")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(path),
                false if name.contains(".ko") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    let step = (found.len() / count).max(1);
    found.into_iter().step_by(step).collect()
}

fn root(kernel: &Kernel) -> &str {
    kernel.root.to_str().unwrap()
}

/// What is foretold: the verdict as JSON.
fn foretold(user: &User, file: &Path, kernel: &Kernel) -> Value {
    let args = ["check", "--json", "--kernel", root(kernel), file.to_str().unwrap()];
    let said = user.komod(&args);
    let mut answer = said.json("komod-check");
    let verdict = answer["verdicts"][0].take();
    let said = said.ends_with(if verdict["loads"] == true { 0 } else { 1 });
    assert_eq!(answer["ok"], verdict["loads"], "{said:#?}");
    verdict
}

/// What the kernel's own loader does: the lines it logs, and what komod says to its error.
fn done(user: &User, file: &Path, kernel: &Kernel) -> (Vec<String>, String) {
    let loader = ["run", "--json", "--loader", "kernel", "--kernel", root(kernel)];
    let said = user.komod(&[&loader[..], &[file.to_str().unwrap()]].concat());
    let answer = said.json("komod-run");
    let lines = answer["log"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap());
    let lines = lines.map(str::to_owned).collect();
    let problem = answer["problems"][0]["message"].as_str().unwrap_or_default().to_owned();
    (lines, problem)
}

#[track_caller]
fn agree(user: &User, file: &Path, kernel: &Kernel, code: &str) {
    let verdict = foretold(user, file, kernel);
    assert_eq!(verdict["code"], code, "{verdict:#}");
    let (lines, problem) = done(user, file, kernel);
    // Modules it needs are loaded before and unloaded after, and may say something.
    let foretold = verdict["dmesg"].as_array().unwrap();
    let lines: Vec<Value> = lines.into_iter().map(Value::from).collect();
    let said = foretold.is_empty() || lines.windows(foretold.len()).any(|some| some == foretold);
    assert!(said, "{} in {}: {foretold:?}, not {lines:?}", file.display(), kernel.release);
    let errno = verdict["errno"].as_str().unwrap();
    assert!(problem.contains(&format!("({errno})")), "{errno} foretold, but: {problem}");
}

#[test]
fn stock_modules_load_in_their_kernel_and_not_in_another() {
    let kernels = kernels();
    for own in &kernels {
        let user = User::new("stock");
        let files = stock(own, 60);
        let words: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
        let said = user.komod(&[&["check", "--kernel", root(own)], &words[..]].concat()).good();
        assert_eq!(said.out.lines().filter(|line| line.ends_with("  loads")).count(), files.len());
        for other in kernels.iter().filter(|other| other.release != own.release) {
            // 6.12 compares the size of `struct module` before its checksum.
            let code = if other.release.starts_with("6.1.") { "L-05" } else { "L-13" };
            for file in files.iter().step_by(10) {
                // Away from its neighbours, which would be loaded, and refused, before it.
                let name = file.file_name().unwrap().to_str().unwrap();
                let alone = user.file(name, std::fs::read(file).unwrap());
                agree(&user, &alone, other, code);
            }
        }
    }
}

#[test]
fn refusals_have_the_kernels_own_words() {
    for kernel in kernels() {
        let user = User::new("words");
        let built = PathBuf::from(user.build(&kernel, &project("examples/hello"), &[]).remove(0));
        let whole = std::fs::read(&built).unwrap();
        let verdict = foretold(&user, &built, &kernel);
        assert_eq!((&verdict["loads"], &verdict["module"]), (&Value::from(true), &"hello".into()));
        let conditions = verdict["conditions"].as_array().unwrap();
        let codes: Vec<&Value> = conditions.iter().map(|condition| &condition["code"]).collect();
        assert_eq!(codes, ["L-19", "L-20"], "unsigned");
        let (lines, problem) = done(&user, &built, &kernel);
        assert_eq!(problem, "");
        let dmesg = verdict["dmesg"].as_array().unwrap();
        assert!(dmesg.len() >= 2 && lines.len() >= dmesg.len(), "{lines:?}");
        assert_eq!(verdict["dmesg"], Value::from(lines[..dmesg.len()].to_vec()));

        let changed = |name: &str, from: &[u8], to: &[u8]| {
            let mut bytes = whole.clone();
            let found = bytes.windows(from.len()).position(|window| window == from);
            let at = found.unwrap_or_else(|| panic!("no {from:?} in hello.ko"));
            bytes[at..at + to.len()].copy_from_slice(to);
            user.file(name, bytes)
        };
        // Other options, but the same checksums.
        agree(&user, &changed("magic.ko", b" mod_unload ", b" MOD_unload "), &kernel, "L-03");
        // A checksum of another build: what stands in front of the name in `__versions`.
        let printk: &[u8] = b"_printk\0\0\0\0\0\0";
        let at = whole.windows(printk.len()).position(|window| window == printk).unwrap();
        let mut bytes = whole.clone();
        bytes[at - 8] ^= 1;
        agree(&user, &user.file("crc.ko", bytes), &kernel, "L-08");
        agree(&user, &user.file("cut.ko", &whole[..whole.len() / 2]), &kernel, "L-16");
        agree(&user, &user.file("empty.ko", ""), &kernel, "L-02");
    }
}

#[test]
fn one_module_is_explained_and_many_are_a_table() {
    let kernels = kernels();
    for own in &kernels {
        let user = User::new("table");
        // One that loads in its kernel, and one that loads in none.
        let module = stock(own, 1).remove(0);
        let module = module.to_str().unwrap();
        let empty = user.file("empty.ko", "");
        let said = user.komod(&["check", module, "empty.ko", "-k", root(own)]).ends_with(1);
        let lines: Vec<&str> = said.out.lines().collect();
        assert!(lines[0].starts_with("MODULE") && lines[0].contains(&own.release), "{said:#?}");
        let row = |file: &str| lines.iter().find(|line| line.contains(file)).unwrap();
        assert!(row("empty.ko").contains(" L-02"), "{said:#?}");
        let name = module.rsplit('/').next().unwrap();
        assert!(row(name).ends_with("  loads"), "{said:#?}");
        assert!(said.err.contains("2 loads checked, 1 refused"), "{said:#?}");

        let empty = empty.to_str().unwrap();
        let said = user.komod(&["check", empty, "-k", root(own)]).ends_with(1);
        assert!(said.out.contains("does not load in"), "{said:#?}");
        said.complains("error[L-02]").complains("komod explain L-02");
        for other in kernels.iter().filter(|other| other.release != own.release) {
            let said = user.komod(&["check", module, "--kernel", root(other)]).ends_with(1);
            assert!(said.out.contains("does not load in"), "{said:#?}");
            let said = said.complains("error[L-").complains("the kernel's log says");
            said.complains("hint: build it for this kernel").complains("komod explain L-");
            let two = ["check", module, "-k", root(own), "-k", root(other)];
            let said = user.komod(&two).ends_with(1);
            let lines: Vec<&str> = said.out.lines().collect();
            assert!(lines[0].starts_with("MODULE"), "{said:#?}");
            assert!(lines[0].contains(&other.release), "{said:#?}");
            assert!(lines[1].contains("  loads") && lines[1].contains(" L-"), "{said:#?}");
            assert!(said.err.contains("1 refused"), "{said:#?}");
        }
    }
    if kernels.len() == 1 {
        eprintln!("SKIPPED: a module in another kernel than its own: there is one kernel only");
    }
}

#[test]
fn a_folder_without_modules_is_an_error() {
    let user = User::new("nothing");
    let dir = user.dir.to_str().unwrap();
    user.komod(&["check", dir]).ends_with(1).complains("no module").complains(".ko.xz");
    user.komod(&["check", "/nonexistent.ko"]).ends_with(1).complains("/nonexistent.ko");
    user.komod(&["check"]).ends_with(2);
}
