//! `cargo xtask oracle applets`: depmod, insmod, rmmod, lsmod and modprobe in a booted kernel that
//! has no other tools, next to kmod's own.
//!
//! ext4 is loaded with what it needs, by insmod and by modprobe, a module with a parameter, others
//! are refused; what is in use is not removed; at the end all is gone. What both say without
//! changing anything is the same.

use crate::args::Args;
use crate::kernels::Kernel;
use crate::komod::{self, Profile};
use crate::qemu::{Guest, Heard};
use crate::{project, shell};
use anyhow::{Context, Result, bail, ensure};
use komod_object::signature;
use komod_place::vm::cpio::Archive;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// An emulated boot takes half a minute on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// Modules of Debian's 6.1 that travel along.
const MODULES: [&str; 5] =
    ["fs/ext4/ext4.ko", "fs/jbd2/jbd2.ko", "fs/mbcache.ko", "lib/crc16.ko", DUMMY];

/// The one that there is in a form for another kernel, too.
const DUMMY: &str = "drivers/net/dummy.ko";

/// What depmod finds beside them.
const LISTS: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// What is done, and what must stand in the answer; behind `=`, the whole of it.
const BY_KOMOD: [(&str, &str); 39] = [
    ("depmod", "="),
    ("insmod /m/crc16.ko", "="),
    ("insmod /m/mbcache.ko", "="),
    ("insmod /m/jbd2.ko", "="),
    ("insmod /m/dummy.ko numdummies=x", "Invalid parameters"),
    ("insmod /m/dummy.ko numdummies=x", "`komod explain L-40`"),
    ("insmod /m/ext4.ko", "="),
    ("insmod /m/dummy.ko numdummies=3", "="),
    ("insmod /m/dummy.ko", "File exists"),
    ("lsmod", "mbcache                16384  1 ext4"),
    ("rmmod jbd2", "Module jbd2 is in use by: ext4"),
    ("rmmod -f jbd2", "Resource temporarily unavailable"),
    ("rmmod dummy ext4", "="),
    ("rmmod jbd2 mbcache crc16", "="),
    ("rmmod crc16", "Module crc16 is not currently loaded"),
    ("lsmod", "=Module                  Size  Used by\n"),
    ("modprobe ext4", "="),
    ("modprobe ext4", "="),
    ("modprobe --first-time ext4", "Module already in kernel"),
    ("modprobe dummy numdummies=x", "could not insert 'dummy': Invalid argument"),
    ("modprobe dummy numdummies=x", "`komod explain L-40`"),
    ("modprobe dummy numdummies=2", "="),
    ("lsmod", "mbcache                16384  1 ext4"),
    ("modprobe -r jbd2", "Module jbd2 is in use"),
    ("modprobe -v -r ext4", "rmmod ext4\n"),
    ("modprobe -r ext4", "="),
    ("modprobe -r dummy", "="),
    ("modprobe nothing", "Module nothing not found in directory /lib/modules/"),
    ("lsmod", "=Module                  Size  Used by\n"),
    ("insmod /m/other.ko", "Invalid module format"),
    ("insmod /m/other.ko", "komod explain L-03"),
    ("insmod -f /m/other.ko", "="),
    ("lsmod", "\ndummy "),
    ("rmmod dummy", "="),
    ("modprobe other", "could not insert 'other': Exec format error"),
    ("modprobe --force-vermagic other", "="),
    ("lsmod", "\ndummy "),
    ("rmmod dummy", "="),
    ("lsmod", "=Module                  Size  Used by\n"),
];

/// So many of them, and all is loaded.
const ALL_LOADED: usize = 9;

/// What both are asked, at the moment when all is loaded.
const BOTH: [&str; 12] = [
    "lsmod",
    "rmmod jbd2 mbcache nothing",
    "rmmod -f jbd2",
    "insmod /m/ext4.ko",
    "insmod /m/dummy.ko numdummies=x",
    "insmod /m/other.ko",
    "modprobe other",
    "modinfo /m/ext4.ko",
    "modinfo ext4",
    "modprobe -a -D ext4 dummy",
    "modprobe -n -v -r ext4",
    "modprobe nothing",
];

pub fn main(args: Args) -> Result<()> {
    args.finish()?;
    let kernel = Kernel::find("6.1")?;
    let scratch = project::target_dir().join("oracle-applets");
    fs::create_dir_all(&scratch)?;
    let transcript = boot(&kernel, &scratch)?;
    let told = answers(&transcript);
    ensure!(transcript.contains("\nEND"), "the guest did not come to its end:\n{transcript}");
    let mut failed = 0;
    let of_komod = told.iter().filter(|(command, _)| command.starts_with("/bin/"));
    // Those of BOTH come between.
    let own: Vec<&(String, String)> = of_komod.collect();
    let own = own.iter().take(ALL_LOADED).chain(own.iter().skip(ALL_LOADED + BOTH.len()));
    for ((command, wanted), (_, answer)) in BY_KOMOD.iter().zip(own) {
        let good = match wanted.strip_prefix('=') {
            Some(whole) => answer == whole,
            None => answer.contains(wanted),
        };
        println!("{} {command}: {}", if good { "ok" } else { "FAILED" }, answer.trim_end());
        failed += usize::from(!good);
    }
    for command in BOTH {
        // The last of them: komod and kmod were asked one after the other.
        let answer = |program: &str| {
            let line = format!("{program}{command}");
            let found = told.windows(2).find(|pair| {
                pair[0].0 == format!("/bin/{command}") && pair[1].0 == format!("/peer/{command}")
            });
            found
                .and_then(|pair| pair.iter().find(|(said, _)| *said == line))
                .map(|(_, a)| plain(a))
        };
        let (ours, theirs) = (answer("/bin/"), answer("/peer/"));
        let good = ours.is_some() && ours == theirs;
        println!("{} both: {command}", if good { "ok" } else { "FAILED" });
        if !good {
            println!("ours: {ours:?}\nkmod's: {theirs:?}");
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{failed} failed; the transcript is in {}", scratch.join("serial").display());
    }
    Ok(())
}

/// Without what only one of them says: hints, and messages of kmod's library.
fn plain(answer: &str) -> String {
    let lines = answer.lines().filter(|l| !l.starts_with("hint: ") && !l.contains("libkmod"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Commands and what was said, from `$ COMMAND` to the next.
fn answers(transcript: &str) -> Vec<(String, String)> {
    let mut told: Vec<(String, String)> = Vec::new();
    for line in transcript.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => told.push((command.to_owned(), String::new())),
            None if line == "END" => break,
            None => {
                if let Some((_, answer)) = told.last_mut() {
                    answer.push_str(line);
                    answer.push('\n');
                }
            }
        }
    }
    told
}

fn commands() -> String {
    let mut lines = Vec::new();
    for (at, (command, _)) in BY_KOMOD.iter().enumerate() {
        lines.push(format!("/bin/{command}"));
        if at + 1 == ALL_LOADED {
            lines.extend(BOTH.iter().flat_map(|b| [format!("/bin/{b}"), format!("/peer/{b}")]));
        }
    }
    lines.join("\n") + "\n"
}

/// Boots, and gives what was said on the serial line.
fn boot(kernel: &Kernel, scratch: &Path) -> Result<String> {
    let init = scratch.join("init");
    let source = project::root().join("xtask/data/applets-init.c");
    shell::run(Command::new("cc").args(["-O1", "-static", "-o"]).arg(&init).arg(source))?;
    let komod = scratch.join("komod");
    fs::copy(komod::build(Profile::Release)?, &komod)?;
    shell::run(Command::new("strip").arg(&komod))?;
    let kmod = PathBuf::from("/usr/bin/kmod");
    let mut archive = Archive::default();
    for folder in ["bin", "peer", "m", "proc", "sys", "dev", "lib64", "lib"] {
        archive.directory(folder);
    }
    archive.directory("lib/x86_64-linux-gnu");
    archive.executable("init", &fs::read(&init)?);
    archive.executable("bin/komod", &fs::read(&komod)?);
    archive.executable("peer/kmod", &fs::read(&kmod).context("no kmod on this machine")?);
    for library in libraries(&[&komod, &kmod])? {
        let name = Path::new(&library).file_name().unwrap_or_default().to_string_lossy();
        let folder = if name.starts_with("ld-") { "lib64" } else { "lib/x86_64-linux-gnu" };
        archive.executable(&format!("{folder}/{name}"), &fs::read(&library)?);
    }
    let tree = format!("lib/modules/{}", kernel.release);
    let mut folders = BTreeSet::from(["lib/modules".to_owned(), tree.clone()]);
    for module in MODULES {
        let place = PathBuf::from(format!("{tree}/kernel/{module}"));
        let above = place.ancestors().skip(1).map(|folder| folder.display().to_string());
        folders.extend(above.take_while(|folder| *folder != tree));
    }
    folders.iter().for_each(|folder| archive.directory(folder));
    for list in LISTS {
        archive.file(&format!("{tree}/{list}"), &fs::read(kernel.modules.join(list))?);
    }
    for module in MODULES {
        let name = module.rsplit('/').next().unwrap_or(module);
        let bytes = fs::read(kernel.modules.join("kernel").join(module))?;
        archive.file(&format!("m/{name}"), &bytes);
        archive.file(&format!("{tree}/kernel/{module}"), &bytes);
    }
    // Another kernel's, by what it says: its name in the kernel stays dummy.
    let other = for_another_kernel(&fs::read(kernel.modules.join("kernel").join(DUMMY))?)?;
    archive.file("m/other.ko", &other);
    archive.file(&format!("{tree}/kernel/other.ko"), &other);
    archive.file("commands", commands().as_bytes());
    let vmlinux = super::vmlinux(kernel)?;
    // The kernel's own lines would stand between the answers.
    let mut guest = Guest::start_with(&vmlinux, &archive.finish(), scratch, "loglevel=1")?;
    while !matches!(guest.listen(PATIENCE), Heard::End | Heard::Silence) {}
    drop(guest);
    let bytes = fs::read(scratch.join("serial"))?;
    Ok(String::from_utf8_lossy(&bytes).replace('\r', ""))
}

/// A module for a kernel of another kind (its release alone does not count where symbols have
/// checksums), without signature: it would no longer hold.
fn for_another_kernel(module: &[u8]) -> Result<Vec<u8>> {
    let unsigned = signature::split(module)?.map_or(module, |signature| signature.payload);
    let mut module = unsigned.to_vec();
    let word = b" SMP ";
    let at = module.windows(word.len()).position(|bytes| bytes == word).context("no vermagic")?;
    *module.get_mut(at + 1).context("no vermagic")? = b'U';
    Ok(module)
}

/// The shared libraries of programs, and the loader.
fn libraries(programs: &[&Path]) -> Result<BTreeSet<String>> {
    let output = Command::new("ldd").args(programs).output().context("ldd")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.split_ascii_whitespace().filter(|word| word.starts_with('/'));
    Ok(words.filter(|word| word.contains(".so")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts() {
        let told = answers("noise\n$ /bin/lsmod\nModule\nx 1\n$ /peer/lsmod\nEND\nafter\n");
        assert_eq!(told[0], ("/bin/lsmod".into(), "Module\nx 1\n".into()));
        assert_eq!(told[1].1, "");
        assert_eq!(plain("a: ERROR: ../libkmod/x\nhint: y\nb\n"), "b\n");
    }

    #[test]
    fn both_are_asked_when_all_is_loaded() {
        let all = commands();
        assert_eq!(all.lines().count(), BY_KOMOD.len() + 2 * BOTH.len());
        assert!(all.contains("/bin/insmod /m/dummy.ko\n/bin/lsmod\n/peer/lsmod\n"));
    }
}
