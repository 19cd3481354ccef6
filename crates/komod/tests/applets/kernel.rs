//! A kernel in a folder, and the tools run on it.

use crate::common;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub const RELEASE: &str = "6.1.0-9-amd64";

/// The library to preload; compiled once.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("applets-kernel.so");
        let source = common::project("crates/komod/tests/applets/kernel.c");
        let done = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output()
            .expect("cc");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        library
    })
}

/// A folder with a kernel in it, and links to komod.
pub struct Kernel(pub PathBuf);

impl Kernel {
    /// hid uses usb, b2 is in use by a program, bi is built in.
    pub fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("applets-{name}"));
        let _ = std::fs::remove_dir_all(&root);
        let kernel = Kernel(root);
        kernel.write(
            "proc/modules",
            "hid 16384 0 - Live 0x0000000000000000\n\
             usb 300000 2 hid,other, Live 0x0000000000000000\n\
             b2 4096 3 - Live 0x0000000000000000\n",
        );
        for (name, uses) in [("hid", 0), ("usb", 2), ("b2", 3)] {
            kernel.write(&format!("sys/module/{name}/initstate"), "live\n");
            kernel.write(&format!("sys/module/{name}/coresize"), "8192\n");
            kernel.write(&format!("sys/module/{name}/refcnt"), format!("{uses}\n"));
            kernel.folder(&format!("sys/module/{name}/holders"));
        }
        kernel.folder("sys/module/usb/holders/hid");
        kernel.folder("sys/module/usb/holders/other");
        kernel.folder("sys/module/coming/parameters");
        kernel.write("release", RELEASE);
        kernel.write("dev/kmsg", "");
        kernel.folder("links");
        for name in ["depmod", "insmod", "rmmod", "lsmod", "modinfo", "modprobe", "kmod"] {
            symlink(env!("CARGO_BIN_EXE_komod"), kernel.0.join("links").join(name)).unwrap();
        }
        kernel
    }

    pub fn folder(&self, path: &str) {
        std::fs::create_dir_all(self.0.join(path)).unwrap();
    }

    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }

    /// A file of the module directory.
    pub fn module_dir(&self, file: &str, contents: impl AsRef<[u8]>) {
        self.write(&format!("lib/modules/{RELEASE}/{file}"), contents);
    }

    /// Runs a tool: what it says, and what the kernel was asked.
    pub fn run(&self, program: &Path, arguments: &[&str]) -> Said {
        self.run_with(&[], program, arguments)
    }

    /// The same with variables in the environment.
    pub fn run_with(&self, variables: &[(&str, &str)], program: &Path, arguments: &[&str]) -> Said {
        let _ = std::fs::remove_file(self.0.join("calls"));
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.0)
            .env("LD_PRELOAD", library())
            .env("FAKE_KERNEL", &self.0)
            .env("LC_ALL", "C")
            .env_remove("KOMOD_HINTS")
            .env_remove("KOMOD_COMPAT")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let calls = std::fs::read_to_string(self.0.join("calls")).unwrap_or_default();
        Said::new(&output, calls)
    }

    pub fn ours(&self, tool: &str, arguments: &[&str]) -> Said {
        self.ours_with(&[], tool, arguments)
    }

    pub fn ours_with(&self, variables: &[(&str, &str)], tool: &str, arguments: &[&str]) -> Said {
        self.run_with(variables, &self.0.join("links").join(tool), arguments)
    }

    /// Both say the same.
    #[track_caller]
    pub fn same(&self, tool: &str, arguments: &[&str]) -> Said {
        let ours = self.ours(tool, arguments);
        if let Some(peer) = peer(tool) {
            let theirs = self.run(&peer, arguments);
            assert_eq!(ours, theirs, "{tool} {arguments:?} (ours, then kmod's)");
        }
        ours
    }
}

/// What is compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub calls: String,
}

impl Said {
    fn new(output: &Output, calls: String) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        // What kmod's library says besides has names and lines of its sources.
        let stderr = text(&output.stderr);
        let own = |line: &&str| !line.contains("libkmod");
        // getopt tells the program's path.
        let program = |line: &str| line.rsplit('/').next().unwrap_or(line).to_owned();
        let lines = stderr.lines().filter(own);
        let lines: Vec<String> = lines
            .map(|line| if line.contains("option") { program(line) } else { line.to_owned() })
            .collect();
        Said {
            status: output.status.code(),
            stdout: text(&output.stdout),
            stderr: lines.join("\n"),
            calls,
        }
    }
}

/// Debian's tool; without it only komod is run.
pub fn peer(tool: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    places.iter().map(|place| Path::new(place).join(tool)).find(|path| path.exists())
}
