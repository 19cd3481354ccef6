//! A kernel as its files describe it.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use komod_kernel::btf::Btf;
use komod_kernel::config::KernelConfig;
use komod_kernel::exports::OwnedExports;
use komod_kernel::find::FoundKernel;
use komod_kernel::identity::FileIdentity;
use komod_kernel::prepared::Prepared;
use komod_load::{Facts, Version};
use komod_object::cms::Dialect;
use komod_object::symvers::SymversError;

use crate::built_with::KernelBuild;
use crate::from_image::{self, Known};
use crate::learned::Learned;
use crate::signature::{KeyError, Keys, Proven, Trust};
use crate::{remembered, symvers};

/// Why a kernel's files do not say which modules it takes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Its release is none.
    #[error("`{release}` is no kernel release")]
    Release {
        /// What stands for the release.
        release: String,
    },
    /// There is no build tree.
    #[error(
        "there is no build tree of kernel {release}, whose Module.symvers says what modules export"
    )]
    NoTree {
        /// The kernel.
        release: String,
    },
    /// `Module.symvers` cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `Module.symvers` is damaged.
    #[error("{}: {source}", path.display())]
    Symvers {
        /// The file.
        path: PathBuf,
        /// Where, and what is wrong.
        source: SymversError,
    },
    /// `Module.symvers` has no exports of the kernel itself.
    #[error("{}: no symbol of vmlinux is in it", path.display())]
    NoKernelSymbols {
        /// The file.
        path: PathBuf,
    },
    /// The configuration is nowhere.
    #[error("kernel {release} has no configuration here (include/config/auto.conf or .config)")]
    NoConfig {
        /// The kernel.
        release: String,
    },
}

/// Per-CPU memory that is kept for modules (`PERCPU_MODULE_RESERVE`, `include/linux/percpu.h`,
/// Linux 6.1 and 6.12). What loaded modules have of it is not known.
const PERCPU_RESERVE: u64 = 8 << 10;

/// A kernel that can be asked whether it takes a module.
#[derive(Debug)]
pub struct Target {
    learned: Learned,
    pub(crate) facts: Facts,
    pub(crate) exports: OwnedExports,
    pub(crate) trust: Trust,
    pub(crate) build: KernelBuild,
    /// Names that built-in code has in `/sys/module`.
    pub(crate) builtin: BTreeSet<String>,
    btf: OnceLock<Option<Btf>>,
    unknown: Vec<String>,
}

impl Target {
    /// Learns from the kernel's build tree and from its `image`, which alone tells the layout of
    /// `struct module`. Without a tree the image and the kernel's modules tell the rest.
    pub fn of(kernel: &FoundKernel, image: Option<&Prepared>) -> Result<Self, TargetError> {
        let release = kernel.release.clone();
        // Before they are read: what changes meanwhile is noticed later.
        let files = remembered::files(kernel).into_iter();
        let files = files.map(|path| (path.clone(), FileIdentity::of(&path))).collect();
        let learn = |config: &KernelConfig| Learned::of(kernel, config, image);
        let (learned, exports) = match (&kernel.tree, image) {
            (Some(tree), _) => {
                let (mut learned, exports) = of_tree(kernel, tree, learn)?;
                let checksum = |symbol: &str| {
                    let exported = exports.lookup(symbol).filter(|e| e.owner.is_none())?;
                    Some(exported.crc)
                };
                let differs = image.and_then(|image| from_image::difference(image, checksum));
                learned.unknown.extend(differs);
                (learned, exports)
            }
            (None, Some(image)) => {
                let Known { config, exports, with_modules, unknown } =
                    from_image::known(kernel, image);
                let learned = Learned { with_modules, unknown, ..learn(&config) };
                (learned, from_image::by_name(&exports))
            }
            (None, None) => return Err(TargetError::NoTree { release }),
        };
        let learned = Learned { files, ..learned };
        let target = Target::from_learned(learned, exports);
        let target = target.ok_or(TargetError::Release { release })?;
        if let Some(image) = image {
            let _ = target.btf.set(Some(image.btf().clone()));
        }
        Ok(target)
    }

    /// What [`keep`](Self::keep) wrote about this kernel, unless a file of the kernel has changed.
    pub fn kept(kernel: &FoundKernel, cache: &Path) -> Option<Self> {
        let (learned, exports) = remembered::recall(kernel, cache)?;
        Target::from_learned(learned, exports)
    }

    /// Keeps what was learned in komod's cache, where [`kept`](Self::kept) finds it.
    pub fn keep(&self, kernel: &FoundKernel, cache: &Path) {
        remembered::keep(kernel, cache, &self.learned, &self.exports);
    }

    /// `None` if the release is none, or if something was not learned that is asked for.
    fn from_learned(learned: Learned, exports: OwnedExports) -> Option<Self> {
        let version = Version::from_release(&learned.release)?;
        let mut facts = Facts::new(version, learned.vermagic.clone());
        let (config, build, algorithms) = learned.build()?;
        facts.config = config;
        facts.percpu_free = facts.config.smp.then_some(PERCPU_RESERVE);
        let mut unknown = learned.unknown.clone();
        match learned.layout()? {
            Some(layout) => facts.layout = layout,
            None => unknown.push(
                "the size of `struct module`, which only the kernel's image tells: a module of \
                 another size is not noticed by it"
                    .to_owned(),
            ),
        }
        let keys = Keys::from_certificates(learned.certificates.iter().map(Vec::as_slice));
        if facts.config.sig && keys.is_empty() {
            unknown.push(
                "the keys it trusts, which only the kernel's image tells: a signature by who \
                 signed the kernel's own modules counts as good, unverified"
                    .to_owned(),
            );
        }
        let dialect = Dialect::of_version(version.major, version.minor);
        let stock = learned.stock_signature.clone();
        let trust = Trust { keys, algorithms, dialect, stock, proven: None };
        let builtin = learned.builtin.iter().cloned().collect();
        let btf = OnceLock::new();
        Some(Target { learned, facts, exports, trust, build, builtin, btf, unknown })
    }

    /// What `uname -r` prints in it.
    pub fn release(&self) -> &str {
        &self.learned.release
    }

    /// The version magic its modules have.
    pub fn vermagic(&self) -> &str {
        &self.facts.vermagic
    }

    /// Names in `/sys/module` that belong to built-in code, as far as the image tells them.
    pub fn builtin_names(&self) -> impl Iterator<Item = &str> {
        self.builtin.iter().map(String::as_str)
    }

    /// The kernel's types, if its image is there.
    pub(crate) fn btf(&self) -> Option<&Btf> {
        let open = || {
            let image = Prepared::open(self.learned.prepared.as_ref()?).ok()?;
            Some(image.btf().clone())
        };
        self.btf.get_or_init(open).as_ref()
    }

    /// Whether it is known what the kernel's own modules export.
    pub(crate) fn with_modules(&self) -> bool {
        self.learned.with_modules
    }

    /// The kernel's own module that exports a symbol.
    pub(crate) fn owner(&self, symbol: &str) -> Option<&str> {
        self.exports.lookup(symbol)?.owner
    }

    /// Trusts the certificates of a file, PEM or DER, as if a machine's owner had enrolled them; how
    /// many they are.
    pub fn trust(&mut self, file: &[u8]) -> Result<usize, KeyError> {
        self.trust.keys.add(file)
    }

    /// Signatures that were found good with this cache before are not verified again.
    pub fn recall_signatures(&mut self, cache: &Path) {
        self.trust.proven = Some(Arc::new(Proven::of(cache)));
    }

    /// Keeps in that cache which signatures were found good since.
    pub fn keep_signatures(&self) {
        self.trust.proven.iter().for_each(|proven| proven.keep());
    }

    /// What verdicts cannot take into account, for want of files.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }
}

/// What the build tree says. Its exports, most of the work, are read while the rest is learned.
fn of_tree(
    kernel: &FoundKernel,
    tree: &Path,
    learn: impl FnOnce(&KernelConfig) -> Learned,
) -> Result<(Learned, OwnedExports), TargetError> {
    let Some((config, _)) = KernelConfig::of(kernel) else {
        return Err(TargetError::NoConfig { release: kernel.release.clone() });
    };
    let with_crcs = config.is_on("MODVERSIONS");
    thread::scope(|scope| {
        let exports = scope.spawn(|| of_symvers(tree, with_crcs));
        let learned = learn(&config);
        let exports = exports.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok((learned, exports))
    })
}

/// What the kernel and its modules export.
fn of_symvers(tree: &Path, with_crcs: bool) -> Result<OwnedExports, TargetError> {
    let path = tree.join("Module.symvers");
    let text = std::fs::read(&path)
        .map_err(|source| TargetError::Unreadable { path: path.clone(), source })?;
    let exports = symvers::exports(&text, with_crcs)
        .map_err(|source| TargetError::Symvers { path: path.clone(), source })?;
    if exports.iter().all(|export| export.owner.is_some()) {
        return Err(TargetError::NoKernelSymbols { path });
    }
    Ok(exports)
}
