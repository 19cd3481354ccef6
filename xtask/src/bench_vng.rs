//! virtme-ng as a peer: the same module in the same kernel, with the settings that make it fastest
//! without KVM. It is installed from PyPI into the target directory.

use crate::kernels::Kernel;
use crate::{project, shell};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub const VERSION: &str = "1.42";
/// What was found to be the fastest: no virtiofsd, and nothing that a kernel need not do under
/// emulation.
const SETTINGS: &str = "--disable-kvm --force-9p --cpus 1 --memory 512M --append 'mitigations=off \
                        nokaslr tsc=reliable no_timer_check cryptomgr.notests noreplace-smp'";
/// hello's first line of log, and that its commands worked.
const PROOF: [&str; 2] = ["===Test Module Start!===", "script exited with code 0"];

pub struct Vng {
    /// The folder of its programs.
    bin: PathBuf,
    /// A folder with the kernel as it wants it.
    root: PathBuf,
    release: String,
}

impl Vng {
    pub fn prepare(kernel: &Kernel) -> Result<Vng> {
        let venv = project::target_dir().join("virtme-ng").join(VERSION);
        let bin = venv.join("bin");
        if !bin.join("vng").is_file() {
            shell::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
            let package = format!("virtme-ng=={VERSION}");
            shell::run(Command::new(bin.join("pip")).args(["install", "--quiet", &package]))?;
        }
        let Kernel { series, release, vmlinuz, modules, .. } = kernel;
        // It wants depmod's files, which unpacked packages lack; what it reads besides is linked.
        let root = project::target_dir().join("bench-vng").join(series);
        let _ = fs::remove_dir_all(&root);
        let its = root.join("lib/modules").join(release);
        fs::create_dir_all(&its)?;
        fs::create_dir_all(root.join("boot"))?;
        for entry in fs::read_dir(modules)? {
            let path = entry?.path();
            let name = path.file_name().context("no name")?;
            if name.to_string_lossy().starts_with("modules.") {
                fs::copy(&path, its.join(name))?;
            }
        }
        symlink(modules.join("kernel"), its.join("kernel"))?;
        let image = format!("vmlinuz-{release}");
        fs::copy(vmlinuz, root.join("boot").join(image))?;
        shell::run(Command::new("depmod").arg("-b").arg(&root).arg(release))?;
        Ok(Vng { bin, root, release: release.clone() })
    }

    /// From its start to its end: boot, insmod, dmesg, rmmod.
    pub fn run(&self, hello: &Path) -> Result<Duration> {
        let image = self.root.join("boot").join(format!("vmlinuz-{}", self.release));
        let commands = format!("insmod {} && dmesg | tail -2 && rmmod hello", hello.display());
        let line = format!("vng -v --run {} {SETTINGS} -- '{commands}'", image.display());
        let path = std::env::var("PATH").unwrap_or_default();
        let started = Instant::now();
        // It wants a terminal.
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("PATH", format!("{}:{path}", self.bin.display()))
            .stdin(Stdio::null())
            .output()
            .context("script")?;
        let took = started.elapsed();
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(PROOF.iter().all(|proof| said.contains(proof)), "{line} said:\n{said}");
        Ok(took)
    }
}
