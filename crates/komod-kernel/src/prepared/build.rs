//! Making a kernel ready.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::facts::{self, ImageFacts};
use super::key::{self, Known};
use super::{BTF, BTF_INDEX, EXPORTS, FACTS, FORMAT, IMAGE, PrepareError, Prepared, SYMBOLS};
use crate::btf::Btf;
use crate::exports::{self, ExportTable};
use crate::identity::FileIdentity;
use crate::image::{self, ImageError};
use crate::kallsyms;

/// What [`prepare`] is at, for people who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    Read,
    Unpack,
    Symbols,
    Relocate,
    Types,
    Write,
}

/// Temporary directories older than this belong to nobody any more.
const ABANDONED: Duration = Duration::from_secs(3600);

/// In the key of an image that is not relocated. No base is 0.
const AS_LINKED: u64 = 0;
/// Symbols have namespaces, and entries of the export tables three fields, since 5.4; types came
/// with 5.2.
const OLDEST: (u32, u32) = (5, 4);

/// Opens the prepared form of a boot image, making it first if the cache does not have it.
/// `cache` is komod's cache directory; `progress` is only called when there is work to do.
pub fn prepare(
    vmlinuz: &Path,
    base: u64,
    cache: &Path,
    progress: &mut dyn FnMut(Step),
) -> Result<Prepared, PrepareError> {
    prepare_at(vmlinuz, base, false, cache, progress)
}

/// The same, only to look at: an image that cannot be moved (a `vmlinux`, a kernel without KASLR)
/// stays where it was linked to be.
pub fn prepare_to_read(
    image: &Path,
    base: u64,
    cache: &Path,
    progress: &mut dyn FnMut(Step),
) -> Result<Prepared, PrepareError> {
    prepare_at(image, base, true, cache, progress)
}

fn prepare_at(
    vmlinuz: &Path,
    base: u64,
    or_as_linked: bool,
    cache: &Path,
    progress: &mut dyn FnMut(Step),
) -> Result<Prepared, PrepareError> {
    let path = std::fs::canonicalize(vmlinuz).map_err(PrepareError::io("find", vmlinuz))?;
    let metadata = std::fs::metadata(&path).map_err(PrepareError::io("look at", &path))?;
    let images = cache.join("images");
    let known = images.join("known");
    let file = FileIdentity::new(&path, &metadata);
    let bases = if or_as_linked { &[base, AS_LINKED][..] } else { &[base] };
    let open = |digest: &str| {
        bases.iter().find_map(|base| Prepared::open(&images.join(key::key(digest, *base))).ok())
    };
    if let Some(digest) = Known::recall(&known, &file)
        && let Some(prepared) = open(&digest)
    {
        return Ok(prepared);
    }
    progress(Step::Read);
    let vmlinuz = std::fs::read(&path).map_err(PrepareError::io("read", &path))?;
    let digest = key::sha256(&vmlinuz);
    Known::new(file, digest.clone()).remember(&known);
    if let Some(prepared) = open(&digest) {
        return Ok(prepared);
    }
    std::fs::create_dir_all(&images).map_err(PrepareError::io("create", &images))?;
    remove_abandoned(&images);
    let temporary = Temporary::new(&images)?;
    let base = write(&temporary.0, &path, &vmlinuz, &digest, base, or_as_linked, progress)?;
    let target = images.join(key::key(&digest, base));
    temporary.publish(&target)?;
    Prepared::open(&target)
}

/// Gives the base, or [`AS_LINKED`].
fn write(
    dir: &Path,
    path: &Path,
    vmlinuz: &[u8],
    source_sha256: &str,
    base: u64,
    or_as_linked: bool,
    progress: &mut dyn FnMut(Step),
) -> Result<u64, PrepareError> {
    let at = || path.to_owned();
    let missing = |missing, config| PrepareError::Missing { path: at(), missing, config };
    progress(Step::Unpack);
    let payload =
        image::unpack(vmlinuz).map_err(|source| PrepareError::Image { path: at(), source })?;
    progress(Step::Symbols);
    let linked = kallsyms::decode(&payload)
        .map_err(|source| PrepareError::Kallsyms { path: at(), source })?;
    progress(Step::Relocate);
    let (flat, base) = match image::relocate(&payload, base, &linked) {
        Err(ImageError::NoRelocations { .. } | ImageError::RelocationLists { .. })
            if or_as_linked =>
        {
            (image::as_linked(&payload, &linked), AS_LINKED)
        }
        relocated => (relocated, base),
    };
    let flat = flat.map_err(|source| PrepareError::Image { path: at(), source })?;
    drop(payload);
    let symbols = linked.rebase(flat.delta());
    let banner = facts::banner(&flat, &symbols)
        .ok_or_else(|| missing("version banner", "symbol linux_banner"))?;
    let release = facts::release(&banner).unwrap_or_default().to_owned();
    if facts::version(&release).is_some_and(|version| version < OLDEST) {
        return Err(PrepareError::TooOld { path: at(), release });
    }
    let exported =
        exports::read(&flat).map_err(|source| PrepareError::Exports { path: at(), source })?;
    let exports = ExportTable::build(&exported);
    progress(Step::Types);
    let types = flat
        .section_bytes(".BTF")
        .ok_or_else(|| missing("type information", "CONFIG_DEBUG_INFO_BTF"))?;
    let btf = Btf::parse(types).map_err(|source| PrepareError::Btf { path: at(), source })?;
    let facts = ImageFacts {
        format: FORMAT,
        release,
        compiler: facts::compiler(&banner).map(str::to_owned),
        banner,
        source: at(),
        source_sha256: source_sha256.to_owned(),
        compression: facts::compression(vmlinuz),
        base: flat.base,
        link_base: flat.link_base,
        image_len: flat.bytes.len() as u64,
        percpu: flat.percpu,
        relocations: flat.relocations,
        symbols: symbols.len() as u64,
        exports: exports.len() as u64,
        btf_len: types.len() as u64,
        sections: flat.sections.clone(),
        provenance: facts::provenance(path),
    };
    let facts = serde_json::to_vec_pretty(&facts).map_err(|error| PrepareError::Damaged {
        path: dir.join(FACTS),
        reason: error.to_string(),
    })?;
    progress(Step::Write);
    for (name, bytes) in [
        (IMAGE, flat.bytes.as_slice()),
        (SYMBOLS, symbols.as_bytes()),
        (EXPORTS, exports.as_bytes()),
        (BTF, types),
        (BTF_INDEX, btf.index_bytes()),
        (FACTS, &facts),
    ] {
        let file = dir.join(name);
        std::fs::write(&file, bytes).map_err(PrepareError::io("write", &file))?;
    }
    Ok(base)
}

/// A directory that is removed unless it was published.
struct Temporary(PathBuf);

impl Temporary {
    fn new(images: &Path) -> Result<Self, PrepareError> {
        for attempt in 0.. {
            let path = images.join(format!(".new-{}-{attempt}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(PrepareError::io("create", &path)(error)),
            }
        }
        unreachable!("some attempt number is free")
    }

    /// Gives the directory its final name. If another process was faster, its work is as good; if
    /// what lies there is damaged, ours takes its place.
    fn publish(self, target: &Path) -> Result<(), PrepareError> {
        if std::fs::rename(&self.0, target).is_ok() || Prepared::open(target).is_ok() {
            return Ok(());
        }
        let aside = self.0.with_extension("damaged");
        let _ = std::fs::rename(target, &aside);
        let renamed = std::fs::rename(&self.0, target);
        let _ = std::fs::remove_dir_all(&aside);
        match renamed {
            Err(error) if Prepared::open(target).is_err() => {
                Err(PrepareError::io("publish", target)(error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After publishing there is nothing left under the old name.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn remove_abandoned(images: &Path) {
    let Ok(entries) = std::fs::read_dir(images) else { return };
    for entry in entries.filter_map(Result::ok) {
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|modified| SystemTime::now().duration_since(modified).ok())
            .is_some_and(|age| age > ABANDONED);
        if old && entry.file_name().as_encoded_bytes().starts_with(b".new-") {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
