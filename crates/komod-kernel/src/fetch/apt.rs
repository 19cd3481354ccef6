//! The machine's apt with a state of its own.
//!
//! Everything the machine configures stays in force (sources, keys, proxies), but nothing under
//! `/var` is written, no hook of the system's configuration is run, and apt does not change to its
//! own user. See apt.conf(5), apt-get(8).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use super::package::{self, Package};
use super::{FetchError, Progress, run};

/// Which package lists apt reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// The machine's, in `/var/lib/apt/lists`: readable by everyone, as old as they are.
    Machine,
    /// komod's own, which it may bring up to date.
    Private,
}

pub(super) struct Apt {
    pub lists: Lists,
    config: PathBuf,
    dir: PathBuf,
}

/// A file to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DebFile {
    pub name: String,
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

impl Apt {
    pub fn new(base: &Path, lists: Lists) -> Result<Self, FetchError> {
        let dir = base.join("apt");
        for part in ["state/lists/partial", "cache/archives/partial", "conf"] {
            let part = dir.join(part);
            std::fs::create_dir_all(&part).map_err(FetchError::io("create", &part))?;
        }
        let text = dir
            .to_str()
            .filter(|text| !text.contains(['"', '\n', ';', '\\']))
            .ok_or_else(|| FetchError::CachePath { path: dir.clone() })?;
        let name = match lists {
            Lists::Machine => "machine",
            Lists::Private => "private",
        };
        // apt reads $APT_CONFIG first, then the machine's parts, then Dir::Etc::main: only what
        // stands there can take back what the parts said.
        let main = dir.join(format!("conf/{name}.main"));
        let config = dir.join(format!("conf/{name}.first"));
        write(&main, &main_config(text, lists, Path::new("/etc/apt/apt.conf").exists()))?;
        write(&config, &format!("Dir::Etc::main \"{text}/conf/{name}.main\";\n"))?;
        Ok(Self { lists, config, dir })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", &self.config)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Brings the lists up to date. Sources that fail do not matter as long as some work.
    pub fn update(&self) -> Result<(), FetchError> {
        let log = self.dir.join("update.log");
        let result = run::with_ticks(self.command("apt-get").arg("update"), &log, &mut || ());
        let said = match result {
            Ok(said) => said,
            Err(error) if self.has_lists() => {
                // One broken third-party source makes the whole command fail.
                return if matches!(error, FetchError::Offline { .. }) {
                    Err(error)
                } else {
                    Ok(())
                };
            }
            Err(error) => return Err(error),
        };
        // Without any answer from a server, apt still says it went well.
        match run::offline(&said) {
            Some(detail)
                if !said
                    .lines()
                    .any(|line| line.starts_with("Get:") || line.starts_with("Hit:")) =>
            {
                Err(FetchError::Offline { detail: detail.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn has_lists(&self) -> bool {
        std::fs::read_dir(self.dir.join("state/lists")).is_ok_and(|entries| {
            entries
                .filter_map(Result::ok)
                .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
        })
    }

    /// All package names that begin with `prefix`.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>, FetchError> {
        let text = run::output(self.command("apt-cache").args(["pkgnames", prefix]))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Describes the packages that exist among `names`, each in its candidate version.
    pub fn show(&self, names: &[String]) -> Result<Vec<Package>, FetchError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = self.command("apt-cache");
        command.args(["show", "--no-all-versions", "--"]).args(names);
        match run::output(&mut command) {
            Ok(text) => Ok(package::parse(&text)),
            // It fails as a whole if one is unknown.
            Err(FetchError::Command { .. }) if names.len() > 1 => {
                let mut found = Vec::new();
                for name in names {
                    found.extend(self.show(std::slice::from_ref(name))?);
                }
                Ok(found)
            }
            Err(FetchError::Command { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The files of packages, with checksums from the signed lists.
    pub fn files(&self, packages: &[Package]) -> Result<Vec<DebFile>, FetchError> {
        let mut command = self.command("apt-get");
        command.args(["download", "--print-uris", "--"]).args(pinned(packages));
        let text = run::output(&mut command)?;
        let found: Vec<DebFile> = text
            .lines()
            .filter(|line| line.starts_with('\''))
            .map(parse_uri)
            .collect::<Result<_, _>>()?;
        // apt answers in an order of its own. A file is named PACKAGE_VERSION_ARCH.deb.
        packages
            .iter()
            .map(|package| {
                let belongs = |file: &&DebFile| {
                    file.name.split_once('_').is_some_and(|(name, _)| name == package.name)
                };
                found.iter().find(belongs).cloned().ok_or_else(|| FetchError::Command {
                    command: format!("{command:?}"),
                    status: format!("no file for {}", package.name),
                    stderr: text.clone(),
                })
            })
            .collect()
    }

    /// Bytes of a file that are already here.
    pub fn arrived(&self, downloads: &Path, file: &DebFile) -> u64 {
        let partial = self.dir.join("cache/archives/partial");
        [downloads, &partial]
            .iter()
            .filter_map(|dir| std::fs::metadata(dir.join(&file.name)).ok())
            .map(|metadata| metadata.len())
            .max()
            .unwrap_or_default()
            .min(file.size)
    }

    /// Downloads into a directory what is not there yet, and checks every file.
    pub fn download(
        &self,
        downloads: &Path,
        packages: &[Package],
        files: &[DebFile],
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<PathBuf>, FetchError> {
        let total = files.iter().map(|file| file.size).sum();
        let mut paths = Vec::with_capacity(files.len());
        for (package, file) in packages.iter().zip(files) {
            let path = downloads.join(&file.name);
            if sha256(&path).as_deref() != Some(&file.sha256) {
                let _ = std::fs::remove_file(&path);
                let mut command = self.command("apt-get");
                command
                    .args(["download", "--"])
                    .args(pinned(std::slice::from_ref(package)))
                    .current_dir(downloads);
                let mut report = || {
                    let done = files.iter().map(|file| self.arrived(downloads, file)).sum();
                    progress(Progress::Downloading { done, total });
                };
                run::with_ticks(&mut command, &self.dir.join("download.log"), &mut report)
                    .map_err(|error| full_disk(error, downloads, file.size))?;
                progress(Progress::Verifying { package: &package.name });
                let found = sha256(&path).unwrap_or_default();
                if found != file.sha256 {
                    let _ = std::fs::remove_file(&path);
                    return Err(FetchError::Checksum { path, wanted: file.sha256.clone(), found });
                }
            }
            paths.push(path);
        }
        Ok(paths)
    }
}

/// A tool that ran out of space says so in its own words.
pub(super) fn full_disk(error: FetchError, path: &Path, needed: u64) -> FetchError {
    match error {
        FetchError::Command { stderr, .. } if stderr.contains("No space left") => {
            let available = rustix::fs::statvfs(path)
                .map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize));
            FetchError::DiskFull { path: path.to_owned(), needed, available }
        }
        other => other,
    }
}

fn pinned(packages: &[Package]) -> impl Iterator<Item = String> {
    packages.iter().map(|package| format!("{}={}", package.name, package.version))
}

fn main_config(dir: &str, lists: Lists, machine_main: bool) -> String {
    let mut text = String::new();
    if machine_main {
        text.push_str("#include \"/etc/apt/apt.conf\";\n");
    }
    for hooks in [
        "APT::Update::Pre-Invoke",
        "APT::Update::Post-Invoke",
        "APT::Update::Post-Invoke-Success",
        "DPkg::Pre-Invoke",
        "DPkg::Post-Invoke",
    ] {
        text.push_str(&format!("#clear {hooks};\n"));
    }
    text.push_str(&format!(
        "Dir::Cache \"{dir}/cache\";\n\
         Dir::Cache::archives \"archives\";\n\
         Dir::Cache::pkgcache \"pkgcache-{lists:?}.bin\";\n\
         Dir::Cache::srcpkgcache \"\";\n\
         APT::Sandbox::User \"root\";\n\
         APT::Get::List-Cleanup \"false\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"2\";\n\
         Acquire::http::Timeout \"20\";\n\
         Acquire::https::Timeout \"20\";\n\
         Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled \"false\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
    ));
    if lists == Lists::Private {
        text.push_str(&format!(
            "Dir::State \"{dir}/state\";\n\
             Dir::State::lists \"lists\";\n\
             Dir::State::status \"/var/lib/dpkg/status\";\n"
        ));
    }
    text
}

/// `'URI' name size SHA256:digest`.
fn parse_uri(line: &str) -> Result<DebFile, FetchError> {
    let bad = || FetchError::NoChecksum { package: line.to_owned() };
    let mut words = line.rsplit(' ');
    let sha256 = words.next().and_then(|word| word.strip_prefix("SHA256:")).ok_or_else(bad)?;
    let size = words.next().and_then(|word| word.parse().ok()).ok_or_else(bad)?;
    let name = words.next().filter(|name| !name.contains('/')).ok_or_else(bad)?;
    let digest = sha256.to_ascii_lowercase();
    if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad());
    }
    Ok(DebFile { name: name.to_owned(), size, sha256: digest })
}

/// SHA-256 of a file, `None` if it cannot be read.
fn sha256(path: &Path) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).ok()?;
        if count == 0 {
            break;
        }
        hasher.update(buffer.get(..count)?);
    }
    Some(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write(path: &Path, text: &str) -> Result<(), FetchError> {
    std::fs::write(path, text).map_err(FetchError::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_carry_name_size_and_checksum() {
        let digest = "0c70107dda266a9d26dc119d80a71589202b17fbf4d4ddf544681c89e2002742";
        let line = format!("'http://x/a%2bb.deb' a+b_1~2_all.deb 11400576 SHA256:{digest}");
        let file = parse_uri(&line).unwrap();
        assert_eq!((file.name.as_str(), file.size), ("a+b_1~2_all.deb", 11_400_576));
        assert_eq!(file.sha256, digest);
        for bad in [
            "'http://x/a.deb' a.deb 1 MD5Sum:00",
            "'http://x/a.deb' a.deb 1 SHA256:00",
            "'http://x/a.deb' a.deb x SHA256:",
            "",
        ] {
            assert!(parse_uri(bad).is_err(), "{bad:?}");
        }
        assert!(parse_uri(&line.replace("a+b_", "../a+b_")).is_err());
    }
}
