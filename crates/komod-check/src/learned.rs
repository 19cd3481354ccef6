//! What a kernel's files say, apart from its exports: small enough to be kept as JSON.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;

use komod_kernel::config::KernelConfig;
use komod_kernel::facts;
use komod_kernel::find::FoundKernel;
use komod_kernel::identity::FileIdentity;
use komod_kernel::prepared::Prepared;
use komod_load::{Config, StructModule};
use serde::{Deserialize, Serialize};

use crate::built_with::KernelBuild;
use crate::builtin_names;
use crate::image_data::ImageData;

/// The answers that a [`Target`](crate::Target) is made of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Learned {
    pub(crate) release: String,
    pub(crate) vermagic: String,
    /// `CONFIG_CC_VERSION_TEXT`.
    pub(crate) compiler: Option<String>,
    /// The options that were asked for, and whether they are on.
    pub(crate) options: BTreeMap<String, bool>,
    /// `struct module`, if the image is there to tell.
    pub(crate) layout: Option<Layout>,
    /// Names that built-in code has in `/sys/module`.
    pub(crate) builtin: Vec<String>,
    /// Issuer and serial number of who signs this kernel's own modules.
    pub(crate) signer: Option<Vec<u8>>,
    /// Where the prepared image lies, with the kernel's types.
    pub(crate) prepared: Option<PathBuf>,
    /// The files all of this, and the exports, are from.
    pub(crate) files: Vec<(PathBuf, Option<FileIdentity>)>,
}

/// Sizes of structs, and offsets of fields, as far as the kernel has them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Layout {
    sizes: BTreeMap<String, Option<u32>>,
    fields: BTreeMap<String, Option<u32>>,
}

impl Learned {
    pub(crate) fn of(
        kernel: &FoundKernel,
        config: &KernelConfig,
        image: Option<&Prepared>,
    ) -> Learned {
        let release = kernel.release.clone();
        let from_image = image.and_then(|image| ImageData::open(image)?.string_of("vermagic"));
        let vermagic = from_image
            .or_else(|| Some(facts::vermagic(kernel, None)?.0))
            .unwrap_or_else(|| config.vermagic(&release));
        let options = RefCell::new(BTreeMap::new());
        let compiler = config.get("CC_VERSION_TEXT").map(str::to_owned);
        // Asked once to learn what is asked for.
        let ask = |option: &str| {
            let on = config.is_on(option);
            options.borrow_mut().insert(option.to_owned(), on);
            on
        };
        let _ = (Config::from_options(ask), KernelBuild::from_options(compiler.as_deref(), ask));
        Learned {
            release,
            vermagic,
            compiler,
            options: options.into_inner(),
            layout: image.and_then(Layout::of),
            builtin: image.map(builtin_names::names).unwrap_or_default().into_iter().collect(),
            signer: stock_signer(kernel),
            prepared: image.map(|image| image.dir().to_owned()),
            files: Vec::new(),
        }
    }

    /// The configuration, and how modules must be built alike; `None` if more is asked for than was
    /// when this was learned.
    pub(crate) fn build(&self) -> Option<(Config, KernelBuild)> {
        let known = Cell::new(true);
        let ask = |option: &str| {
            self.options.get(option).copied().unwrap_or_else(|| {
                known.set(false);
                false
            })
        };
        let found =
            (Config::from_options(ask), KernelBuild::from_options(self.compiler.as_deref(), ask));
        known.get().then_some(found)
    }

    /// `struct module`; the outer `None` as for [`build`](Self::build), the inner if only the image
    /// would tell.
    pub(crate) fn layout(&self) -> Option<Option<StructModule>> {
        let Some(layout) = &self.layout else { return Some(None) };
        let known = Cell::new(true);
        let answer = |answers: &BTreeMap<String, Option<u32>>, what: &str| {
            if !answers.contains_key(what) {
                known.set(false);
            }
            answers.get(what).copied().flatten()
        };
        let found = StructModule::resolve(
            |name| answer(&layout.sizes, name),
            |name, path| answer(&layout.fields, &field_key(name, path)),
        );
        known.get().then_some(found)
    }
}

impl Layout {
    fn of(image: &Prepared) -> Option<Layout> {
        let btf = image.btf();
        let layout = RefCell::new(Layout::default());
        let _ = StructModule::resolve(
            |name| {
                let size = btf.struct_size(name);
                layout.borrow_mut().sizes.insert(name.to_owned(), size);
                size
            },
            |name, path| {
                let offset = btf.field(name, path).map(|field| field.offset);
                layout.borrow_mut().fields.insert(field_key(name, path), offset);
                offset
            },
        )?;
        Some(layout.into_inner())
    }
}

fn field_key(name: &str, path: &str) -> String {
    format!("{name}.{path}")
}

/// Who signs this kernel's own modules.
fn stock_signer(kernel: &FoundKernel) -> Option<Vec<u8>> {
    let bytes = facts::stock_module(kernel)?;
    let signature = komod_object::signature::split(&bytes).ok()??;
    crate::signer::signer(signature.bytes).map(<[u8]>::to_vec)
}
