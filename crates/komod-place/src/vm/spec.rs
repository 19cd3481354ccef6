//! What kind of machine is wanted.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    /// The kernel's boot image.
    pub image: PathBuf,
    /// `lib/modules/RELEASE` of this kernel, if there is one.
    pub modules: Option<PathBuf>,
    /// Where to keep snapshots and unpacked kernels.
    pub cache: PathBuf,
    /// More words for the kernel's command line.
    pub append: String,
    pub megabytes: u32,
    pub processors: u32,
    /// What of the host's files the machine gets copies of.
    pub files: Vec<HostFile>,
    /// Modules that are loaded before anything else runs in it.
    pub early: Vec<EarlyModule>,
    /// A socket for gdb.
    pub gdb: Option<PathBuf>,
    /// How long a call may wait in the kernel.
    pub patience: Duration,
}

/// A file or a folder of the host, and its path in the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFile {
    pub host: PathBuf,
    pub guest: String,
}

/// A module in the initramfs; its parameters stand on the kernel's command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EarlyModule {
    pub name: String,
    pub elf: Vec<u8>,
}

impl Spec {
    pub const MEGABYTES: u32 = 512;
    pub const PROCESSORS: u32 = 1;
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// A machine with this kernel and nothing special.
    pub fn new(image: PathBuf, modules: Option<PathBuf>, cache: PathBuf) -> Spec {
        Spec {
            image,
            modules,
            cache,
            append: String::new(),
            megabytes: Spec::MEGABYTES,
            processors: Spec::PROCESSORS,
            files: Vec::new(),
            early: Vec::new(),
            gdb: None,
            patience: Spec::PATIENCE,
        }
    }
}
