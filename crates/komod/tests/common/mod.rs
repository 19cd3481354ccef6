//! What the tests of the binary share: kernels to test with, folders of their own, and komod run
//! as a user would.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod guest;
pub mod machine;
pub mod sshd;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A kernel to test with: a folder as `--kernel` takes it.
#[derive(Debug, Clone)]
pub struct Kernel {
    pub root: PathBuf,
    pub release: String,
}

/// The folders that `KOMOD_TEST_KERNELS` names (separated by colons), else those in komod's
/// cache. Without any, the test says that it is skipped; where skipping is not acceptable (`CI`
/// or `KOMOD_REQUIRE_KERNELS`), it fails.
pub fn kernels() -> Vec<Kernel> {
    let roots: Vec<PathBuf> = match std::env::var_os("KOMOD_TEST_KERNELS") {
        Some(list) => std::env::split_paths(&list).collect(),
        None => cache()
            .and_then(|c| std::fs::read_dir(c.join("kernels")).ok())
            .map(|dir| dir.flatten().map(|e| e.path()).collect())
            .unwrap_or_default(),
    };
    let mut found: Vec<Kernel> = roots.into_iter().filter_map(kernel).collect();
    found.sort_by(|a, b| a.release.cmp(&b.release));
    if found.is_empty() {
        let required =
            ["CI", "KOMOD_REQUIRE_KERNELS"].iter().any(|v| std::env::var_os(v).is_some());
        assert!(!required, "no kernel: set KOMOD_TEST_KERNELS or run komod kernel fetch");
        eprintln!("SKIPPED: no kernel (KOMOD_TEST_KERNELS, or komod kernel fetch)");
    }
    found
}

/// One of them, for each test another: for what hangs little on the kernel and takes long. All of
/// them with `KOMOD_TEST_ALL_KERNELS`.
pub fn kernels_in_turn() -> Vec<Kernel> {
    let mut all = kernels();
    if all.is_empty() || std::env::var_os("KOMOD_TEST_ALL_KERNELS").is_some() {
        return all;
    }
    // A test's thread has its name.
    let letters =
        std::thread::current().name().map_or(0, |name| name.bytes().map(usize::from).sum());
    vec![all.swap_remove(letters % all.len())]
}

fn kernel(root: PathBuf) -> Option<Kernel> {
    let boot = std::fs::read_dir(root.join("boot")).ok()?;
    let release = boot.flatten().find_map(|e| {
        Some(e.file_name().into_string().ok()?.strip_prefix("vmlinuz-")?.to_owned())
    })?;
    // Only those one can build for.
    let tree = root.join("usr/src").join(format!("linux-headers-{release}"));
    tree.join("include/config/auto.conf").exists().then_some(Kernel { root, release })
}

fn cache() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).map(PathBuf::from);
    var("KOMOD_CACHE")
        .or_else(|| Some(var("XDG_CACHE_HOME")?.join("komod")))
        .or_else(|| Some(var("HOME")?.join(".cache/komod")))
}

/// A file or folder of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A user of komod: with a folder, sockets and products of its own.
pub struct User {
    pub dir: PathBuf,
    /// Instead of the cache with the kernels.
    cache: Option<PathBuf>,
}

impl User {
    pub fn new(test: &str) -> User {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short: a socket's path has at most 107 bytes.
        let dir = PathBuf::from(format!("/tmp/komod-t{}-{n}-{test}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        User { dir, cache: None }
    }

    /// With no kernels known from a cache.
    pub fn without_cache(test: &str) -> User {
        let mut user = User::new(test);
        user.cache = Some(user.dir.join("cache"));
        user
    }

    pub fn file(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_komod"));
        command
            .args(args)
            .current_dir(&self.dir)
            .env("XDG_RUNTIME_DIR", &self.dir)
            .env("KOMOD_TARGET_DIR", self.dir.join("out"))
            .env("KOMOD_NO_WARM", "1")
            .env_remove("K")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        match &self.cache {
            Some(cache) => command.env("KOMOD_CACHE", cache),
            None => command.env("KOMOD_CACHE", cache_or_own(&self.dir)),
        };
        command
    }

    pub fn komod(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().expect("komod starts"))
    }

    /// A module built for a kernel; gives the paths.
    pub fn build(&self, kernel: &Kernel, what: &Path, more: &[&str]) -> Vec<String> {
        let mut args =
            vec!["build", what.to_str().unwrap(), "--kernel", kernel.root.to_str().unwrap()];
        args.extend(more);
        self.komod(&args).good().out.lines().map(str::to_owned).collect()
    }
}

fn cache_or_own(dir: &Path) -> PathBuf {
    cache().unwrap_or_else(|| dir.join("cache"))
}

impl Drop for User {
    fn drop(&mut self) {
        if self.dir.join("komod").exists() {
            let _ = self.command(&["down", "--all"]).output();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// What komod said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

impl Said {
    pub fn of(output: Output) -> Said {
        Said {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }

    #[track_caller]
    pub fn good(self) -> Said {
        self.ends_with(0)
    }

    #[track_caller]
    pub fn ends_with(self, code: i32) -> Said {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The texts stand in stdout's lines, in this order.
    #[track_caller]
    pub fn logs(self, texts: &[&str]) -> Said {
        let mut lines = self.out.lines();
        for text in texts {
            assert!(lines.any(|l| l.contains(text)), "no {text:?} (in this order) in {self:#?}");
        }
        self
    }

    #[track_caller]
    pub fn complains(self, text: &str) -> Said {
        assert!(self.err.contains(text), "no {text:?} on stderr in {self:#?}");
        self
    }

    /// Stdout is one JSON object of this format.
    #[track_caller]
    pub fn json(&self, format: &str) -> Value {
        let value: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:#?}"));
        assert_eq!(value["format"], format, "{self:#?}");
        assert_eq!(value["version"], 1);
        value
    }
}
