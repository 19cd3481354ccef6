//! The sources a distribution kernel was built from: Debian's `linux-source` package of exactly the
//! kernel's version, in the oracle's cache.

use crate::kernels::{self, Kernel};
use anyhow::{Context, Result, bail};
use komod_kernel::fetch::{Progress, fetch_package};
use komod_kernel::image::BootHeader;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Unpacked sources.
pub struct LinuxSource {
    /// The package's version.
    pub version: String,
    /// The top folder.
    pub dir: PathBuf,
}

/// What no build of an x86 module reads.
const LEFT_OUT: [&str; 3] = ["arch/*/boot/dts", "Documentation/[!K]*", "tools/testing"];

impl LinuxSource {
    /// The sources of this kernel; fetched and unpacked unless they are there.
    pub fn of(kernel: &Kernel) -> Result<LinuxSource> {
        let version = package_version(kernel)?;
        let dir = kernels::cache()?.join("oracle/linux-source").join(&version);
        if !dir.exists() {
            unpack(&format!("linux-source-{}", kernel.series), &version, &dir)?;
        }
        Ok(LinuxSource { version, dir })
    }
}

/// The version of the packages the kernel came in: its boot header holds it, behind `Debian`.
fn package_version(kernel: &Kernel) -> Result<String> {
    let header = BootHeader::parse(&fs::read(&kernel.vmlinuz)?)?;
    let text = header.version.unwrap_or_default();
    version_in(&text)
        .map(str::to_owned)
        .with_context(|| format!("{} is not Debian's: {text:?}", kernel.vmlinuz.display()))
}

fn version_in(text: &str) -> Option<&str> {
    text.split_once(" Debian ")?.1.split_ascii_whitespace().next()
}

fn unpack(package: &str, version: &str, dir: &Path) -> Result<()> {
    eprintln!("{package} {version}: fetching");
    let quiet = &mut |_: Progress<'_>| ();
    let deb = fetch_package(&kernels::cache()?, package, version, quiet)?;
    let temporary = dir.with_file_name(format!(".new-{version}"));
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir_all(&temporary)?;
    let mut tree = Command::new("tar");
    tree.args(["--extract", "--xz", "--strip-components=1", "--anchored", "--wildcards"]);
    tree.args(LEFT_OUT.map(|pattern| format!("--exclude={package}/{pattern}")));
    tree.arg("--directory").arg(&temporary);
    let mut member = Command::new("tar");
    member.args(["--extract", "--to-stdout", &format!("./usr/src/{package}.tar.xz")]);
    pipe(vec![from(Command::new("dpkg-deb"), &deb), member, tree])?;
    fs::rename(&temporary, dir).with_context(|| dir.display().to_string())?;
    fs::remove_file(&deb).with_context(|| deb.display().to_string())
}

fn from(mut command: Command, deb: &Path) -> Command {
    command.arg("--fsys-tarfile").arg(deb);
    command
}

/// Runs commands, each reading what the one before writes.
fn pipe(commands: Vec<Command>) -> Result<()> {
    let mut children = Vec::new();
    let mut input = Stdio::null();
    let count = commands.len();
    for (index, mut command) in commands.into_iter().enumerate() {
        command.stdin(input);
        if index + 1 < count {
            command.stdout(Stdio::piped());
        }
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        input = child.stdout.take().map_or_else(Stdio::null, Stdio::from);
        children.push((child, command));
    }
    for (mut child, command) in children {
        let status = child.wait()?;
        if !status.success() {
            bail!("{command:?}: {status}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn the_boot_header_names_the_package() {
        let text = "6.12.117+deb12-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC \
                    Debian 6.12.117-1~deb12u1 (2026-11-14)";
        assert_eq!(version_in(text), Some("6.12.117-1~deb12u1"));
        assert_eq!(version_in("6.1.0 (me@here) #1 SMP Thu Jan 1"), None);
    }
}
