//! A whole Linux machine in QEMU, with komod in it and a shell (busybox) that does a script: a host
//! of its own kernel.

use super::{Kernel, User};
use komod_place::vm::cpio::Archive;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A statically linked busybox; without one, the test is skipped or, where that is not acceptable,
/// fails.
pub fn busybox() -> Option<PathBuf> {
    let path = PathBuf::from("/bin/busybox");
    let there = path.exists();
    let required = std::env::var_os("KOMOD_REQUIRE_KERNELS").is_some();
    assert!(there || !required, "no /bin/busybox: ci/setup installs busybox-static");
    if !there {
        eprintln!("SKIPPED: no /bin/busybox (busybox-static)");
    }
    there.then_some(path)
}

/// The files of the machine.
#[derive(Default)]
pub struct Files {
    archive: Archive,
    folders: BTreeSet<String>,
}

impl Files {
    pub fn put(&mut self, path: &str, bytes: impl AsRef<[u8]>) {
        self.above(path);
        self.archive.executable(path, bytes.as_ref());
    }

    pub fn copy(&mut self, path: &str, from: impl AsRef<Path>) {
        let from = from.as_ref();
        self.put(path, std::fs::read(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())));
    }

    pub fn folder(&mut self, path: &str) {
        self.above(&format!("{path}/."));
    }

    fn above(&mut self, path: &str) {
        for (at, _) in path.match_indices('/').filter(|(at, _)| *at > 0) {
            let folder = &path[..at];
            if self.folders.insert(folder.to_owned()) {
                self.archive.directory(folder);
            }
        }
    }

    /// A program, with its libraries where they are here.
    pub fn program(&mut self, path: &str, from: &Path) {
        self.copy(path, from);
        let said = Command::new("ldd").arg(from).output().expect("ldd").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        for library in said.split_ascii_whitespace().filter(|w| w.starts_with('/')) {
            if !self.folders.contains(library) {
                // A library is remembered as if it were a folder: it comes once.
                self.copy(library, library);
                self.folders.insert(library.to_owned());
            }
        }
    }

    /// What komod needs of a build tree to check a module.
    pub fn tree(&mut self, kernel: &Kernel) {
        let release = &kernel.release;
        let from = kernel.root.join(format!("usr/src/linux-headers-{release}"));
        for file in [
            "Makefile",
            "Module.symvers",
            "include/config/auto.conf",
            "include/config/kernel.release",
            "include/generated/utsrelease.h",
        ] {
            self.copy(&format!("/lib/modules/{release}/build/{file}"), from.join(file));
        }
    }
}

/// komod without what a debugger wants: the guest unpacks it.
pub fn small_komod(user: &User) -> PathBuf {
    let small = user.dir.join("komod-small");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&small).arg(env!("CARGO_BIN_EXE_komod"));
    let status = strip.status().expect("strip");
    assert!(status.success());
    small
}

/// Boots, does the script as root, and gives what it said.
pub fn boot(user: &User, kernel: &Kernel, mut files: Files, script: &str) -> String {
    files.copy("/bin/busybox", busybox().expect("it was asked for"));
    for folder in ["/proc", "/sys", "/dev", "/tmp", "/root", "/run"] {
        files.folder(folder);
    }
    files.put("/etc/passwd", "root::0:0::/root:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n");
    files.put(
        "/init",
        format!(
            "#!/bin/busybox sh\n\
             export PATH=/bin:/usr/bin HOME=/root NO_COLOR=1 KOMOD_CACHE=/tmp/cache\n\
             /bin/busybox --install -s /bin\n\
             mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev\n\
             mount -t tracefs t /sys/kernel/tracing; mount -t tmpfs t /tmp; chmod 1777 /tmp\n\
             exec </dev/null >/dev/ttyS0 2>&1\n\
             (\n{script}\n)\n\
             echo END; sync; poweroff -f\n"
        ),
    );
    let dir = &user.dir;
    let image = std::fs::read(kernel.root.join(format!("boot/vmlinuz-{}", kernel.release)));
    let vmlinux = komod_kernel::image::unpack(&image.unwrap()).unwrap();
    let (kernel, initrd, serial) = (dir.join("vmlinux"), dir.join("initrd"), dir.join("serial"));
    std::fs::write(&kernel, vmlinux).unwrap();
    std::fs::write(&initrd, files.archive.finish()).unwrap();
    let mut qemu = Command::new("qemu-system-x86_64")
        .args(["-M", "pc,hpet=off", "-cpu", "max", "-m", "1024", "-nodefaults"])
        .args(["-display", "none", "-no-reboot", "-net", "none"])
        .arg("-kernel")
        .arg(&kernel)
        .arg("-initrd")
        .arg(&initrd)
        .args(["-append", "console=ttyS0 quiet loglevel=1 panic=-1 tsc=reliable no_timer_check"])
        .arg("-serial")
        .arg(format!("file:{}", serial.display()))
        .stdin(Stdio::null())
        .spawn()
        .expect("qemu-system-x86_64");
    let end = Instant::now() + Duration::from_secs(300);
    while qemu.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            let _ = qemu.kill();
            let _ = qemu.wait();
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let said = std::fs::read(&serial).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).replace('\r', "");
    assert!(said.contains("\nEND\n"), "the guest did not come to its end:\n{said}");
    said
}

/// What was said from `== NAME` to the next such line.
pub fn part<'a>(said: &'a str, name: &str) -> &'a str {
    let start = said.find(&format!("== {name}\n")).unwrap_or_else(|| panic!("no {name}:\n{said}"));
    let rest = &said[start + name.len() + 4..];
    &rest[..rest.find("\n== ").map_or(rest.len(), |end| end + 1)]
}
