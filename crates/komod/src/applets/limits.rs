//! What the configuration says must never be loaded (`forbid`, `allow-only`), for insmod: of
//! `modprobe.d` it follows nothing else.

use super::log::Log;
use komod_kernel::host::strerror;
use komod_kernel::modprobe::Config;
use komod_kernel::modprobe::config::files::{self, DIRECTORIES};
use komod_kernel::modprobe::config::{Complaint, Refusal};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where limits are told. They hold in kmod's manner, too: never is never.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    pub directories: Vec<PathBuf>,
}

/// Why a file is not loaded.
#[derive(Debug)]
pub enum Barred {
    Limit(Refusal),
    /// What is forbidden is not known.
    Unknown(std::io::Error),
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Barred::Limit(refusal) => refusal.fmt(f),
            Barred::Unknown(error) => {
                let text = error.raw_os_error().map_or_else(|| error.to_string(), strerror);
                write!(f, "modprobe.d cannot be read: {text}")
            }
        }
    }
}

impl Limits {
    /// Those of this machine.
    pub fn of_machine() -> Self {
        Limits { directories: DIRECTORIES.iter().map(PathBuf::from).collect() }
    }

    /// Why the module in a file must not be loaded, if so.
    pub fn refusal(&self, file: &Path, log: &Log) -> Option<Barred> {
        let sources = match files::sources(&self.directories, None) {
            Ok(sources) => sources,
            Err(error) => return Some(Barred::Unknown(error)),
        };
        let config = Config::read(&sources, None);
        for complaint in &config.complaints {
            if matches!(complaint, Complaint::Unreadable(..)) {
                log.error(complaint);
            }
        }
        config.refusal_of_file(file).map(Barred::Limit)
    }
}
