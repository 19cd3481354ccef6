//! A kernel's configuration: `.config`, `include/config/auto.conf`, `/boot/config-*`.
//!
//! All are lines `CONFIG_NAME=value`; an option that is off is a comment (`.config`) or absent
//! (`auto.conf`). Source: Linux 6.12 `scripts/kconfig/confdata.c`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::find::FoundKernel;

/// The options that are set, without `CONFIG_`.
#[derive(Debug, Clone, Default)]
pub struct KernelConfig {
    values: HashMap<String, String>,
}

/// A distribution's configuration has 300 KB.
const MAX_SIZE: u64 = 16 << 20;

impl KernelConfig {
    /// Reads lines; those that set nothing are passed over.
    pub fn parse(text: &str) -> Self {
        let values = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("CONFIG_")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), unquote(value).to_owned()))
            .collect();
        Self { values }
    }

    /// The configuration of a kernel and the file it is in: the build tree's, else the one that
    /// lies beside the image, else the one that was installed with its modules.
    pub fn of(kernel: &FoundKernel) -> Option<(Self, PathBuf)> {
        Self::places(kernel).into_iter().find_map(|path| {
            let size = std::fs::metadata(&path).ok().filter(|found| found.is_file())?.len();
            let text = (size <= MAX_SIZE).then(|| std::fs::read(&path).ok()).flatten()?;
            Some((Self::parse(&String::from_utf8_lossy(&text)), path))
        })
    }

    /// Where a kernel's configuration may lie; the first that is there counts.
    pub fn places(kernel: &FoundKernel) -> Vec<PathBuf> {
        let mut candidates = Vec::new();
        if let Some(tree) = &kernel.tree {
            candidates.extend([tree.join("include/config/auto.conf"), tree.join(".config")]);
        }
        if let Some(dir) = kernel.image.as_deref().and_then(Path::parent) {
            // Debian and Ubuntu: /boot/config-R; Fedora: lib/modules/R/config.
            candidates.push(dir.join(format!("config-{}", kernel.release)));
            candidates.push(dir.join("config"));
        }
        if let Some(modules) = &kernel.modules {
            candidates.push(modules.join("config"));
            // ROOT/lib/modules/R, or ROOT/usr/lib/modules/R, belongs to ROOT/boot.
            let root = modules.ancestors().nth(3);
            let root = root.filter(|root| !root.ends_with("usr")).or_else(|| root?.parent());
            candidates
                .extend(root.map(|root| root.join(format!("boot/config-{}", kernel.release))));
        }
        candidates
    }

    /// The value of an option (`y`, `m`, a number, a text without its quotes), if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether an option is built in.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("y")
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What a module built for this kernel carries as `vermagic`, from the release and the options
    /// (`VERMAGIC_STRING`, Linux 6.1 and 6.12 `include/linux/vermagic.h`; x86-64 adds nothing of
    /// its own). Ends with a space, as in the kernel.
    pub fn vermagic(&self, release: &str) -> String {
        let mut text = format!("{release} ");
        if self.is_on("SMP") {
            text.push_str("SMP ");
        }
        if self.is_on("PREEMPT_BUILD") {
            text.push_str("preempt ");
        } else if self.is_on("PREEMPT_RT") {
            text.push_str("preempt_rt ");
        }
        if self.is_on("MODULE_UNLOAD") {
            text.push_str("mod_unload ");
        }
        if self.is_on("MODVERSIONS") {
            text.push_str("modversions ");
        }
        text
    }
}

/// `"text"` → `text`; other values as they are.
fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_vermagic() {
        let config = KernelConfig::parse(
            "# comment\nCONFIG_SMP=y\n# CONFIG_MODVERSIONS is not set\nCONFIG_MODULE_UNLOAD=y\n\
             CONFIG_CC_VERSION_TEXT=\"gcc (X) 12\"\nCONFIG_HZ=250\nCONFIG_BROKEN\nnonsense=y\n",
        );
        assert_eq!(config.len(), 4);
        assert_eq!(config.get("CC_VERSION_TEXT"), Some("gcc (X) 12"));
        assert!(config.is_on("SMP") && !config.is_on("MODVERSIONS") && !config.is_on("HZ"));
        assert_eq!(config.vermagic("6.1"), "6.1 SMP mod_unload ");
        let all = "CONFIG_SMP=y\nCONFIG_PREEMPT_BUILD=y\nCONFIG_MODULE_UNLOAD=y\n\
                   CONFIG_MODVERSIONS=y\n";
        assert_eq!(
            KernelConfig::parse(all).vermagic("6.1.0-9-amd64"),
            "6.1.0-9-amd64 SMP preempt mod_unload modversions "
        );
        let realtime = "CONFIG_PREEMPT_BUILD=n\nCONFIG_PREEMPT_RT=y\n";
        assert_eq!(KernelConfig::parse(realtime).vermagic("6"), "6 preempt_rt ");
    }
}
