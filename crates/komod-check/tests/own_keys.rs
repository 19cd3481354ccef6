//! Modules signed with keys of our own, by openssl(1), and a kernel that is told to trust them.
#![forbid(unsafe_code)]

#[path = "../../komod-load/tests/elf_builder/mod.rs"]
mod elf_builder;

use elf_builder::{LAYOUT_CRC, PRINTK_CRC, hello};
use komod_check::{Checker, Links, Machine, Target};
use komod_kernel::find::{FoundKernel, Origin};
use komod_load::{Errno, RefusalCode, Version};
use komod_object::signature::{MARKER, PKEY_ID_PKCS7};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const RELEASE: &str = "6.12.1-test";

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let dir = std::env::temp_dir().join(format!("komod-keys-{}-{test}", std::process::id()));
        std::fs::create_dir_all(dir.join("include/config")).unwrap();
        let symvers = format!(
            "{LAYOUT_CRC:#010x}\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n\
             {PRINTK_CRC:#010x}\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n"
        );
        std::fs::write(dir.join("Module.symvers"), symvers).unwrap();
        Folder(dir)
    }

    /// A kernel with these options, built in or as modules.
    fn target(&self, built_in: &[&str], modules: &[&str]) -> Target {
        let mut config = String::new();
        for option in ["SMP", "PREEMPT_BUILD", "MODULE_UNLOAD", "MODVERSIONS", "MODULE_SIG"] {
            config += &format!("CONFIG_{option}=y\n");
        }
        built_in.iter().for_each(|option| config += &format!("CONFIG_CRYPTO_{option}=y\n"));
        modules.iter().for_each(|option| config += &format!("CONFIG_CRYPTO_{option}=m\n"));
        std::fs::write(self.0.join("include/config/auto.conf"), config).unwrap();
        let kernel = FoundKernel {
            release: RELEASE.into(),
            tree: Some(self.0.clone()),
            image: None,
            modules: None,
            origin: Origin::Named,
            running: false,
            problems: Vec::new(),
        };
        Target::of(&kernel, None).unwrap()
    }

    fn openssl(&self, words: &str) {
        let mut command = Command::new("openssl");
        command.args(words.split_whitespace()).current_dir(&self.0);
        let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(done.success(), "openssl {words}");
    }

    fn key(&self, name: &str, kind: &str) -> Vec<u8> {
        self.openssl(&format!(
            "req -x509 -newkey {kind} -nodes -keyout {name}.key -out {name}.pem -days 9000 \
             -subj /CN={name}"
        ));
        std::fs::read(self.0.join(format!("{name}.pem"))).unwrap()
    }

    /// The module, signed.
    fn signed(&self, module: &[u8], key: &str, hash: &str) -> Vec<u8> {
        std::fs::write(self.0.join("module"), module).unwrap();
        self.openssl(&format!(
            "cms -sign -binary -outform DER -in module -out message -signer {key}.pem \
             -inkey {key}.key -noattr -nocerts -md {hash}"
        ));
        let message = std::fs::read(self.0.join("message")).unwrap();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [module, &message, &[0, 0, PKEY_ID_PKCS7, 0, 0, 0, 0, 0], &length, MARKER].concat()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn no_openssl() -> bool {
    let missing = Command::new("openssl").arg("version").output().is_err();
    if missing {
        assert!(std::env::var_os("CI").is_none(), "openssl(1) is missing");
        eprintln!("SKIPPED: no openssl(1) here");
    }
    missing
}

/// Whether it counts as signed; the code and the error number if it is refused.
fn outcome(target: &Target, modprobe: bool, bytes: &[u8]) -> Result<bool, (RefusalCode, Errno)> {
    let links = [Links::of(bytes)];
    let machine = Machine { modprobe, ..Machine::fresh() };
    let verdict = Checker::new(target, &links).on(machine).check(Path::new("hello.ko"), bytes);
    match verdict.refusal() {
        Some(refusal) => Err((refusal.code, refusal.errno)),
        None => Ok(verdict.conditions.is_empty()),
    }
}

const REJECTED: Result<bool, (RefusalCode, Errno)> =
    Err((RefusalCode::BadSignature, Errno::EKEYREJECTED));

#[test]
fn every_kind_of_key_and_hash() {
    if no_openssl() {
        return;
    }
    let folder = Folder::new("kinds");
    let module = hello(Version::new(6, 12, 1)).build();
    let all = ["MD5", "SHA1", "SHA256", "SHA512", "SHA3", "ECDSA"];
    let untold = folder.target(&all, &[]);
    for (key, kind, hashes) in [
        ("rsa", "rsa:2048", &["sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256"][..]),
        ("rsa4096", "rsa:4096", &["sha256"]),
        ("p256", "ec -pkeyopt ec_paramgen_curve:P-256", &["sha1", "sha256", "sha512"]),
        ("p384", "ec -pkeyopt ec_paramgen_curve:P-384", &["sha256", "sha384", "sha512"]),
        ("p521", "ec -pkeyopt ec_paramgen_curve:P-521", &["sha256", "sha512"]),
    ] {
        let mut target = folder.target(&all, &[]);
        assert_eq!(target.trust(&folder.key(key, kind)).unwrap(), 1);
        for hash in hashes {
            let signed = folder.signed(&module, key, hash);
            assert_eq!(outcome(&target, false, &signed), Ok(true), "{key} {hash}");
            assert_eq!(outcome(&untold, false, &signed), Ok(false), "{key} {hash}");
            let mut edited = signed.clone();
            edited[9] ^= 1;
            assert_eq!(outcome(&target, false, &edited), REJECTED, "{key} {hash}");
            assert_eq!(outcome(&untold, false, &edited), Ok(false), "{key} {hash}");
        }
    }
}

/// After many signatures by one key, another way of computing takes over.
#[test]
fn the_hundredth_signature_is_verified_like_the_first() {
    if no_openssl() {
        return;
    }
    let folder = Folder::new("many");
    let module = hello(Version::new(6, 12, 1)).build();
    for curve in ["P-256", "P-384", "P-521"] {
        let mut target = folder.target(&["SHA256", "ECDSA"], &[]);
        let kind = format!("ec -pkeyopt ec_paramgen_curve:{curve}");
        target.trust(&folder.key("key", &kind)).unwrap();
        let signed: Vec<Vec<u8>> =
            (0..4).map(|_| folder.signed(&module, "key", "sha256")).collect();
        for turn in 0..100 {
            let good = &signed[turn % signed.len()];
            assert_eq!(outcome(&target, true, good), Ok(true), "{curve}, {turn}");
            let mut edited = good.clone();
            // In the module, or in the signature.
            let place =
                if turn % 2 == 0 { turn } else { module.len() + good.len() - 70 - turn / 4 };
            edited[place % good.len()] ^= 0x40;
            assert_ne!(outcome(&target, true, &edited), Ok(true), "{curve}, {turn}");
        }
    }
}

#[test]
fn what_the_kernel_lacks_is_no_key_or_no_hash() {
    if no_openssl() {
        return;
    }
    let folder = Folder::new("lacks");
    let module = hello(Version::new(6, 12, 1)).build();
    let mut target = folder.target(&["SHA256"], &["SHA512", "ECDSA"]);
    for (key, kind) in [("rsa", "rsa:2048"), ("ec", "ec -pkeyopt ec_paramgen_curve:P-256")] {
        target.trust(&folder.key(key, kind)).unwrap();
    }
    let rsa = |hash: &str| folder.signed(&module, "rsa", hash);
    assert_eq!(outcome(&target, false, &rsa("sha256")), Ok(true));
    assert_eq!(outcome(&target, true, &rsa("sha512")), Ok(true));
    // Without modprobe there is no module with SHA-512, and without a hash no check.
    let mut edited = rsa("sha512");
    edited[9] ^= 1;
    assert_eq!(outcome(&target, false, &edited), Ok(false));
    assert_eq!(outcome(&target, true, &edited), REJECTED);
    // When the kernel boots there are no modules, so the key does not get into its keyring.
    assert_eq!(outcome(&target, true, &folder.signed(&module, "ec", "sha256")), Ok(false));
}

#[test]
fn files_without_keys() {
    let folder = Folder::new("none");
    let mut target = folder.target(&["SHA256"], &[]);
    let error = |target: &mut Target, file: &[u8]| target.trust(file).unwrap_err().to_string();
    let no_certificate = error(&mut target, b"-----BEGIN PRIVATE KEY-----\nAAAA\n");
    assert_eq!(no_certificate, "it holds no certificate");
    assert!(error(&mut target, b"hello").starts_with("its certificate cannot be read: "));
    assert!(error(&mut target, b"").starts_with("its certificate cannot be read: "));
}
