//! A whole Linux machine in QEMU, with komod in it and a shell (busybox) that does a script: a host
//! of its own kernel.

use super::{Kernel, User};
use komod_place::vm::cpio::Archive;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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

/// A machine that runs.
pub struct Guest {
    qemu: Child,
    serial: PathBuf,
}

impl Guest {
    /// Boots and does the script as root; `network` are QEMU's options for one.
    pub fn start(
        user: &User,
        kernel: &Kernel,
        mut files: Files,
        script: &str,
        network: &[&str],
    ) -> Guest {
        files.copy("/bin/busybox", busybox().expect("it was asked for"));
        for folder in ["/proc", "/sys", "/dev", "/tmp", "/root", "/run"] {
            files.folder(folder);
        }
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
        let (kernel, initrd) = (dir.join("vmlinux"), dir.join("initrd"));
        let serial = dir.join("serial");
        std::fs::write(&kernel, vmlinux).unwrap();
        std::fs::write(&initrd, files.archive.finish()).unwrap();
        let line = "console=ttyS0 quiet loglevel=1 panic=-1 tsc=reliable no_timer_check";
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-M", "pc,hpet=off", "-cpu", "max", "-m", "1024", "-nodefaults"])
            .args(["-display", "none", "-no-reboot"])
            .args(if network.is_empty() { &["-net", "none"] } else { network })
            .arg("-kernel")
            .arg(&kernel)
            .arg("-initrd")
            .arg(&initrd)
            .args(["-append", line, "-serial"])
            .arg(format!("file:{}", serial.display()));
        let qemu = command.stdin(Stdio::null()).spawn().expect("qemu-system-x86_64");
        Guest { qemu, serial }
    }

    /// What it has said.
    pub fn said(&self) -> String {
        let said = std::fs::read(&self.serial).unwrap_or_default();
        String::from_utf8_lossy(&said).replace('\r', "")
    }

    /// Waits for this line.
    pub fn says(&mut self, line: &str) {
        let end = Instant::now() + Duration::from_secs(300);
        let line = format!("\n{line}\n");
        while !format!("\n{}", self.said()).contains(&line) {
            let ended = self.qemu.try_wait().unwrap().is_some();
            let late = Instant::now() > end;
            assert!(
                !ended && !late || self.said().contains(&line),
                "no {line:?}:\n{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Boots, does the script as root, and gives what it said.
pub fn boot(user: &User, kernel: &Kernel, mut files: Files, script: &str) -> String {
    files.put("/etc/passwd", "root::0:0::/root:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n");
    let mut guest = Guest::start(user, kernel, files, script, &[]);
    guest.says("END");
    guest.said()
}

/// What was said from `== NAME` to the next such line.
pub fn part<'a>(said: &'a str, name: &str) -> &'a str {
    let start = said.find(&format!("== {name}\n")).unwrap_or_else(|| panic!("no {name}:\n{said}"));
    let rest = &said[start + name.len() + 4..];
    &rest[..rest.find("\n== ").map_or(rest.len(), |end| end + 1)]
}
