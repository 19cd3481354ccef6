//! Signatures of real kernels' modules, verified by the keys in the kernels' images.
#![forbid(unsafe_code)]

#[path = "../../komod-kernel/tests/kernels/mod.rs"]
mod kernels;

use std::path::{Path, PathBuf};
use std::time::Instant;

use komod_check::{Checker, Links, Target};
use komod_kernel::find::{self, Roots};
use komod_kernel::prepared::prepare;
use komod_load::{Errno, RefusalCode};
use komod_object::{compress, signature};

const BASE: u64 = 0x1000_0000;
/// Bytes at the end of a signed file that are no signature.
const TRAILER: usize = signature::TRAILER_SIZE + signature::MARKER.len();

/// A kernel, and all its modules.
struct Signed {
    release: String,
    target: Target,
    modules: Vec<PathBuf>,
}

fn kernels() -> impl Iterator<Item = Signed> {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prepared");
    std::fs::create_dir_all(&cache).unwrap();
    kernels::kernels().into_iter().map(move |kernel| {
        let nowhere =
            Roots { prefix: cache.join("none"), cache: None, env_kernel: None, running: None };
        let found = find::select(&nowhere, Some(&kernel.root.to_string_lossy())).unwrap();
        let image = prepare(&kernel.vmlinuz(), BASE, &cache, &mut |_| {}).unwrap();
        let target = Target::of(&found, Some(&image)).unwrap();
        let mut modules = Vec::new();
        collect(&found.modules.clone().unwrap().join("kernel"), &mut modules);
        modules.sort();
        Signed { release: kernel.release, target, modules }
    })
}

fn collect(dir: &Path, modules: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, modules);
        } else {
            modules.push(path);
        }
    }
}

fn read(path: &Path) -> Vec<u8> {
    let file = std::fs::read(path).unwrap();
    compress::decompress(&file, 1 << 30).unwrap().into_owned()
}

/// How the load of one module ends, as far as the signature decides about it.
fn outcome(target: &Target, bytes: &[u8]) -> Result<bool, (RefusalCode, Errno)> {
    let links = [Links::of(bytes)];
    let verdict = Checker::new(target, &links).only_loading().check(Path::new("module.ko"), bytes);
    match verdict.refusal() {
        Some(refusal) => Err((refusal.code, refusal.errno)),
        None => {
            let unsigned = "module verification failed";
            Ok(!verdict.dmesg().iter().any(|line| line.text.contains(unsigned)))
        }
    }
}

const REJECTED: Result<bool, (RefusalCode, Errno)> =
    Err((RefusalCode::BadSignature, Errno::EKEYREJECTED));

/// Every fortieth module, or all with `KOMOD_TEST_ALL=1`.
#[test]
fn stock_modules_are_signed_by_a_key_in_the_image() {
    let all = std::env::var_os("KOMOD_TEST_ALL").is_some_and(|value| value == "1");
    for kernel in kernels() {
        let started = Instant::now();
        let mut count = 0;
        for path in kernel.modules.iter().step_by(if all { 1 } else { 40 }) {
            assert_eq!(outcome(&kernel.target, &read(path)), Ok(true), "{}", path.display());
            count += 1;
        }
        assert!(count > 90, "{count}");
        println!("{}: {count} signatures in {:?}", kernel.release, started.elapsed());
    }
}

#[test]
fn an_edited_byte_is_found_wherever_it_is() {
    for kernel in kernels() {
        for path in kernel.modules.iter().step_by(kernel.modules.len() / 3) {
            let bytes = read(path);
            let split = signature::split(&bytes).unwrap().unwrap();
            let (payload, signed) = (split.payload.len(), split.bytes.len());
            // In the module, and in the signature itself, which is at the end of the message.
            let places = (0..payload).step_by(payload / 12 + 1);
            let places = places.chain([payload - 1]);
            let places = places.chain((1..40).map(|back| payload + signed - back));
            let mut edited = bytes.clone();
            for place in places {
                edited[place] ^= 1;
                let found = outcome(&kernel.target, &edited);
                assert_eq!(found, REJECTED, "{} at {place:#x}", path.display());
                edited[place] ^= 1;
            }
            assert_eq!(outcome(&kernel.target, &edited), Ok(true));
        }
    }
}

/// What becomes of a bit in the message decides the kernel's parser: whatever it says, nothing
/// passes for signed that was changed where it counts, and nothing panics.
#[test]
fn a_damaged_message_is_never_a_signature() {
    for kernel in kernels() {
        let bytes = read(&kernel.modules[0]);
        let split = signature::split(&bytes).unwrap().unwrap();
        let start = split.payload.len();
        let end = bytes.len() - TRAILER;
        for cut in 1..end - start {
            let mut file = bytes[..end - cut].to_vec();
            let mut trailer = bytes[end..].to_vec();
            let length = u32::try_from(end - cut - start).unwrap();
            trailer[8..12].copy_from_slice(&length.to_be_bytes());
            file.extend(trailer);
            let malformed = Err((RefusalCode::MalformedSignature, Errno::EBADMSG));
            assert_eq!(outcome(&kernel.target, &file), malformed, "{cut} bytes less");
        }
    }
}

#[test]
fn one_modules_signature_is_none_for_another() {
    for kernel in kernels() {
        let [a, b] = [&kernel.modules[0], &kernel.modules[1]].map(|path| read(path));
        let split = signature::split(&a).unwrap().unwrap();
        let of_b = signature::split(&b).unwrap().unwrap().payload.len();
        let swapped = [split.payload, &b[of_b..]].concat();
        assert_eq!(outcome(&kernel.target, &swapped), REJECTED);
    }
}
