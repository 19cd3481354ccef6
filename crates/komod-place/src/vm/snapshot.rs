//! A machine that has booted, on disk: every later one is a copy of it.
//!
//! ```text
//! vm/snapshots/<key>/ram         the memory; copies map it and keep what they write to themselves
//!                    state       the devices' state, as QEMU writes it
//!                    facts.json  what the two files were when all was done; written last
//! ```
//!
//! The key covers all that makes one boot differ from another: the kernel's image and modules,
//! komod itself (the agent is in it), QEMU, the machine, the kernel's command line. A directory
//! whose files are not as the facts say is made anew.

use super::accelerator::Accelerator;
use super::boot::{self, hex};
use super::qemu::{Begin, MACHINE, Machine, Memory, Qemu, Settings};
use super::{Spec, Step, VmError};
use komod_kernel::identity::FileIdentity;
use komod_kernel::map::publish;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Raised whenever a snapshot changes in a way that nothing else in the key tells.
const FORMAT: u32 = 2;
/// Snapshots of other kernels (or of other komods) that stay when one is made.
const KEPT: usize = 5;

#[derive(Serialize, Deserialize, PartialEq)]
struct Facts {
    ram: Option<FileIdentity>,
    state: Option<FileIdentity>,
}

impl Facts {
    fn of(dir: &Path) -> Facts {
        Facts {
            ram: FileIdentity::of(&dir.join("ram")),
            state: FileIdentity::of(&dir.join("state")),
        }
    }
}

/// Where the snapshot of such a machine is, whether it is there or not.
pub struct Snapshot {
    dir: PathBuf,
    pub name: String,
}

impl Snapshot {
    pub fn of(spec: &Spec, qemu: &Qemu, accelerator: Accelerator) -> Snapshot {
        let own = std::fs::read_link("/proc/self/exe").ok();
        let files = [
            own.as_deref().and_then(FileIdentity::of),
            FileIdentity::of(&spec.image),
            spec.modules.as_deref().and_then(FileIdentity::of),
            Some(qemu.identity.clone()),
        ];
        let processor = match accelerator {
            Accelerator::Tcg => String::new(),
            // The machine has the host's processor.
            Accelerator::Kvm => processor(),
        };
        let line = boot::command_line(&spec.append);
        let facts =
            (FORMAT, files, MACHINE, spec.megabytes, spec.processors, accelerator, processor, line);
        let name = hex(&Sha256::digest(serde_json::to_vec(&facts).unwrap_or_default()), 16);
        Snapshot { dir: spec.cache.join("snapshots").join(&name), name }
    }

    /// Whether all of it is there as it was written.
    pub fn is_whole(&self) -> bool {
        let facts = std::fs::read(self.dir.join("facts.json")).ok();
        let facts: Option<Facts> = facts.and_then(|text| serde_json::from_slice(&text).ok());
        facts.is_some_and(|f| f.ram.is_some() && f.state.is_some() && f == Facts::of(&self.dir))
    }

    /// Boots a machine and writes it down.
    pub fn make(
        &self,
        spec: &Spec,
        qemu: &Qemu,
        accelerator: Accelerator,
        step: &mut dyn FnMut(Step),
    ) -> Result<(), VmError> {
        self.remove();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(VmError::file(&self.dir))?;
        let made = self.write(spec, qemu, accelerator, step);
        if made.is_err() {
            self.remove();
        }
        made
    }

    fn write(
        &self,
        spec: &Spec,
        qemu: &Qemu,
        accelerator: Accelerator,
        step: &mut dyn FnMut(Step),
    ) -> Result<(), VmError> {
        let (ram, state) = (self.dir.join("ram"), self.dir.join("state"));
        let create = |path: &Path| {
            let mut options = OpenOptions::new();
            options.create(true).truncate(true).write(true).mode(0o600);
            options.open(path).map_err(VmError::file(path))
        };
        create(&ram)?.set_len(u64::from(spec.megabytes) << 20).map_err(VmError::file(&ram))?;
        let file = create(&state)?;
        let memory = Memory::Written(&ram);
        let (mut machine, _) = boot::boot(spec, qemu, accelerator, memory, step)?;
        step(Step::Saving);
        machine.qmp.migrate_to(&file)?;
        // Closes the files: nothing is written any more.
        drop((machine, file));
        let facts = serde_json::to_vec(&Facts::of(&self.dir)).unwrap_or_default();
        let path = self.dir.join("facts.json");
        publish(&path, &facts).map_err(VmError::file(&path))
    }

    /// A copy of the machine, running.
    pub fn restore(
        &self,
        spec: &Spec,
        qemu: &Qemu,
        accelerator: Accelerator,
    ) -> Result<Machine, VmError> {
        let path = self.dir.join("state");
        let state = File::open(&path).map_err(VmError::file(&path))?;
        let ram = self.dir.join("ram");
        let mut machine = Machine::start(
            qemu,
            Settings { accelerator, memory: Memory::Copied(&ram), spec, begin: Begin::Wait },
        )?;
        match machine.qmp.migrate_from(&state) {
            Ok(()) => Ok(machine),
            Err(e) => {
                let why = format!("{e} {}", machine.errors());
                Err(VmError::Snapshot { path: self.dir.clone(), why: why.trim_end().into() })
            }
        }
    }

    pub fn remove(&self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }

    /// Removes the oldest of the others. `is_free` says whether nobody is making that one.
    pub fn prune_others(&self, is_free: &dyn Fn(&str) -> bool) {
        let Some(parent) = self.dir.parent() else { return };
        let mut others: Vec<(SystemTime, PathBuf)> = std::fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| *path != self.dir)
            .map(|path| {
                let made = std::fs::metadata(path.join("facts.json")).and_then(|m| m.modified());
                (made.unwrap_or(SystemTime::UNIX_EPOCH), path)
            })
            .collect();
        others.sort();
        let whole = others.iter().filter(|(made, _)| *made != SystemTime::UNIX_EPOCH).count();
        let torn = others.len() - whole;
        for (_, path) in others.iter().take(torn + whole.saturating_sub(KEPT)) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if is_free(&name) {
                let _ = std::fs::remove_dir_all(path);
            }
        }
    }
}

/// The host's processor, as far as a machine sees it.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let wanted = |line: &&str| line.starts_with("model name") || line.starts_with("flags");
    text.lines().filter(wanted).take(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(test: &str) -> Snapshot {
        let base = std::env::temp_dir().join(format!("komod-snap-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&base);
        let dir = base.join("mine");
        std::fs::create_dir_all(&dir).unwrap();
        Snapshot { dir, name: "mine".into() }
    }

    fn write(dir: &Path) {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("ram"), "memory").unwrap();
        std::fs::write(dir.join("state"), "state").unwrap();
        let facts = serde_json::to_vec(&Facts::of(dir)).unwrap();
        std::fs::write(dir.join("facts.json"), facts).unwrap();
    }

    #[test]
    fn a_damaged_one_is_not_whole() {
        let s = snapshot("damaged");
        assert!(!s.is_whole(), "nothing is there");
        write(&s.dir);
        assert!(s.is_whole());
        std::fs::write(s.dir.join("ram"), "memorY").unwrap();
        assert!(!s.is_whole(), "written to");
        write(&s.dir);
        std::fs::remove_file(s.dir.join("state")).unwrap();
        assert!(!s.is_whole(), "a file is gone");
        std::fs::write(s.dir.join("facts.json"), "{").unwrap();
        assert!(!s.is_whole());
        let _ = std::fs::remove_dir_all(s.dir.parent().unwrap());
    }

    #[test]
    fn the_torn_and_the_oldest_go() {
        let s = snapshot("prune");
        let parent = s.dir.parent().unwrap().to_owned();
        for n in 0..KEPT + 1 {
            write(&parent.join(format!("old{n}")));
            std::thread::sleep(std::time::Duration::from_millis(15));
        }
        std::fs::create_dir(parent.join("torn")).unwrap();
        std::fs::create_dir(parent.join("being-made")).unwrap();
        s.prune_others(&|name| name != "being-made");
        let mut left: Vec<_> = std::fs::read_dir(&parent)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["being-made", "mine", "old1", "old2", "old3", "old4", "old5"]);
        let _ = std::fs::remove_dir_all(parent);
    }
}
