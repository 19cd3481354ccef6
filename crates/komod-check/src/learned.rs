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
use crate::signature::{self, Algorithms};

/// The answers that a [`Target`](crate::Target) is made of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Learned {
    pub(crate) release: String,
    pub(crate) vermagic: String,
    /// The options that were asked for, and their values.
    pub(crate) options: BTreeMap<String, Option<String>>,
    /// `struct module`, if the image is there to tell.
    pub(crate) layout: Option<Layout>,
    /// Names that built-in code has in `/sys/module`.
    pub(crate) builtin: Vec<String>,
    /// The certificates in the image.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Without these, the signature of one of the kernel's own modules.
    pub(crate) stock_signature: Option<Vec<u8>>,
    /// Where the prepared image lies, with the kernel's types.
    pub(crate) prepared: Option<PathBuf>,
    /// Whether it is known what the kernel's own modules export.
    pub(crate) with_modules: bool,
    /// What its files did not tell.
    pub(crate) unknown: Vec<String>,
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
        // Asked once to learn what is asked for.
        let _ = answers(|option| {
            let value = config.get(option);
            options.borrow_mut().insert(option.to_owned(), value.map(str::to_owned));
            value
        });
        let certificates = image.map(signature::certificates).unwrap_or_default();
        let stock_signature = certificates.is_empty().then(|| stock_signature(kernel)).flatten();
        Learned {
            release,
            vermagic,
            options: options.into_inner(),
            layout: image.and_then(Layout::of),
            builtin: image.map(builtin_names::names).unwrap_or_default().into_iter().collect(),
            certificates,
            stock_signature,
            prepared: image.map(|image| image.dir().to_owned()),
            with_modules: true,
            unknown: Vec::new(),
            files: Vec::new(),
        }
    }

    /// The configuration, how modules must be built alike, and what signatures can be verified;
    /// `None` if more is asked for than was when this was learned.
    pub(crate) fn build(&self) -> Option<(Config, KernelBuild, Algorithms)> {
        let known = Cell::new(true);
        let found = answers(|option| {
            let value = self.options.get(option);
            if value.is_none() {
                known.set(false);
            }
            value?.as_deref()
        });
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

/// What a configuration decides.
fn answers<'v>(option: impl Fn(&str) -> Option<&'v str>) -> (Config, KernelBuild, Algorithms) {
    let is_on = |name: &str| option(name) == Some("y");
    (
        Config::from_options(is_on),
        KernelBuild::from_options(option("CC_VERSION_TEXT"), is_on),
        Algorithms::from_options(&option),
    )
}

/// The signature of one of this kernel's own modules.
fn stock_signature(kernel: &FoundKernel) -> Option<Vec<u8>> {
    let bytes = facts::stock_module(kernel)?;
    let signature = komod_object::signature::split(&bytes).ok()??;
    Some(signature.bytes.to_vec())
}
