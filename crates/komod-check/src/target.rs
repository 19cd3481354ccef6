//! A kernel as its files describe it.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use komod_kernel::btf::Btf;
use komod_kernel::config::KernelConfig;
use komod_kernel::facts;
use komod_kernel::find::FoundKernel;
use komod_kernel::prepared::Prepared;
use komod_load::{Config, Facts, StructModule, Version};
use komod_object::symvers::{Symvers, SymversError};

use crate::built_with::KernelBuild;
use crate::builtin_names;
use crate::from_image::{self, Known};
use crate::image_data::ImageData;
use crate::symvers::{self, Exported};

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
    /// There is neither a build tree nor an image.
    #[error(
        "of kernel {release} there is neither a build tree nor a readable image, which say what \
         modules may use"
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
#[derive(Debug, Clone)]
pub struct Target {
    release: String,
    pub(crate) facts: Facts,
    pub(crate) exports: HashMap<String, Exported>,
    pub(crate) signer: Option<Vec<u8>>,
    /// The kernel's types, if its image is there.
    pub(crate) btf: Option<Btf>,
    pub(crate) build: KernelBuild,
    /// Names that built-in code has in `/sys/module`.
    pub(crate) builtin: BTreeSet<String>,
    /// Whether it is known what the kernel's own modules export.
    pub(crate) with_modules: bool,
    unknown: Vec<String>,
}

impl Target {
    /// Learns from the kernel's build tree and from its `image`, which alone tells the layout of
    /// `struct module`. Without a tree the image and the kernel's modules tell the rest.
    pub fn of(kernel: &FoundKernel, image: Option<&Prepared>) -> Result<Self, TargetError> {
        let release = kernel.release.clone();
        let Some(version) = Version::from_release(&release) else {
            return Err(TargetError::Release { release });
        };
        let (config, exports, with_modules, mut unknown) = match (&kernel.tree, image) {
            (Some(tree), _) => {
                let (config, exports) = of_tree(kernel, tree)?;
                let checksum = |symbol: &str| {
                    let exported = exports.get(symbol).filter(|e| e.owner.is_none())?;
                    Some(exported.crc)
                };
                let differs = image.and_then(|image| from_image::difference(image, checksum));
                (config, exports, true, differs.into_iter().collect())
            }
            (None, Some(image)) => {
                let Known { config, exports, with_modules, unknown } =
                    from_image::known(kernel, image);
                (config, from_image::by_name(exports), with_modules, unknown)
            }
            (None, None) => return Err(TargetError::NoTree { release }),
        };

        let from_image = image.and_then(|image| ImageData::open(image)?.string_of("vermagic"));
        let vermagic = from_image
            .or_else(|| Some(facts::vermagic(kernel, None)?.0))
            .unwrap_or_else(|| config.vermagic(&release));
        let mut facts = Facts::new(version, vermagic);
        facts.config = Config::from_options(|option| config.is_on(option));
        facts.percpu_free = facts.config.smp.then_some(PERCPU_RESERVE);
        match image.and_then(struct_module) {
            Some(layout) => facts.layout = layout,
            None => unknown.push(
                "the size of `struct module`, which only the kernel's image tells: a module of \
                 another size is not noticed by it"
                    .to_owned(),
            ),
        }
        let signer = stock_signer(kernel);
        let builtin = image.map(builtin_names::names).unwrap_or_default();
        let btf = image.map(|image| image.btf().clone());
        let compiler = config.get("CC_VERSION_TEXT");
        let build = KernelBuild::from_options(compiler, |option| config.is_on(option));
        Ok(Target { release, facts, exports, signer, btf, build, builtin, with_modules, unknown })
    }

    /// What `uname -r` prints in it.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The version magic its modules have.
    pub fn vermagic(&self) -> &str {
        &self.facts.vermagic
    }

    /// Names in `/sys/module` that belong to built-in code, as far as the image tells them.
    pub fn builtin_names(&self) -> impl Iterator<Item = &str> {
        self.builtin.iter().map(String::as_str)
    }

    /// The kernel's own module that exports a symbol.
    pub(crate) fn owner(&self, symbol: &str) -> Option<&str> {
        self.exports.get(symbol)?.owner.as_deref()
    }

    /// What verdicts cannot take into account, for want of files.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }
}

/// What the build tree says.
fn of_tree(
    kernel: &FoundKernel,
    tree: &Path,
) -> Result<(KernelConfig, HashMap<String, Exported>), TargetError> {
    let Some((config, _)) = KernelConfig::of(kernel) else {
        return Err(TargetError::NoConfig { release: kernel.release.clone() });
    };
    let path = tree.join("Module.symvers");
    let text = std::fs::read(&path)
        .map_err(|source| TargetError::Unreadable { path: path.clone(), source })?;
    let symvers = Symvers::parse(&text)
        .map_err(|source| TargetError::Symvers { path: path.clone(), source })?;
    let exports = symvers::exports(&symvers, config.is_on("MODVERSIONS"));
    if exports.values().all(|exported| exported.owner.is_some()) {
        return Err(TargetError::NoKernelSymbols { path });
    }
    Ok((config, exports))
}

fn struct_module(image: &Prepared) -> Option<StructModule> {
    let btf = image.btf();
    let offset_of = |name: &str, path: &str| Some(btf.field(name, path)?.offset);
    StructModule::resolve(|name| btf.struct_size(name), offset_of)
}

/// Who signs this kernel's own modules.
fn stock_signer(kernel: &FoundKernel) -> Option<Vec<u8>> {
    let bytes = facts::stock_module(kernel)?;
    let signature = komod_object::signature::split(&bytes).ok()??;
    crate::signer::signer(signature.bytes).map(<[u8]>::to_vec)
}
