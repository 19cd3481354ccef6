//! Scenes about signatures: stock modules with a changed, cut or foreign one, and modules signed
//! with keys of our own, in the many ways openssl(1) can sign.

use super::scene::{Scene, State};
use crate::modules::ModuleTree;
use crate::oracle::loaders::case::Load;
use crate::oracle::loaders::ours::Built;
use anyhow::{Context, Result, bail};
use komod_object::signature::{self, MARKER};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Stock modules without devices; the first is changed, the second lends its signature.
const STOCK: [&str; 2] = ["drivers/net/dummy.ko", "lib/crc7.ko"];
/// Hashes to sign with, some of which a kernel lacks.
const HASHES: &[&str] =
    &["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512", "sm3"];
/// Ways to sign: the name, the keys, the options.
const WAYS: &[(&str, &[&str], &str)] = &[
    ("as sign-file does", &["rsa"], "-noattr -nocerts"),
    ("with its certificate", &["rsa"], "-noattr"),
    ("with attributes", &["rsa"], "-nosmimecap -nocerts"),
    ("with all attributes", &["rsa"], ""),
    ("by key identifier", &["rsa"], "-noattr -nocerts -keyid"),
    ("by key identifier, with its certificate", &["rsa"], "-noattr -keyid"),
    ("around the contents", &["rsa"], "-noattr -nocerts -nodetach"),
    ("without a chain", &["leaf"], "-noattr"),
    ("with a chain", &["leaf"], "-noattr -certfile rsa.pem"),
    ("with a chain without its middle", &["low"], "-noattr -certfile rsa.pem"),
    ("with a chain of three", &["low"], "-noattr -certfile both.pem"),
    ("twice", &["rsa", "leaf"], "-noattr -nocerts"),
    ("twice with certificates", &["rsa", "leaf"], "-noattr"),
    ("on P-256", &["p256"], "-noattr -nocerts"),
    ("on P-256 with its certificate", &["p256"], "-noattr"),
    ("on P-384 with its certificate", &["p384"], "-noattr -md sha384"),
    ("on P-521 with its certificate", &["p521"], "-noattr"),
    ("on secp256k1 with its certificate", &["k1"], "-noattr"),
    ("with 1024 bits and their certificate", &["rsa1024"], "-noattr"),
    ("with 2040 bits and their certificate", &["rsa2040"], "-noattr"),
    ("with 2056 bits and their certificate", &["rsa2056"], "-noattr"),
    ("with PSS and its certificate", &["rsa"], "-noattr -keyopt rsa_padding_mode:pss"),
    ("by a certificate with odd limits", &["odd"], "-noattr"),
];

pub fn scenes(built: &Built, tree: &ModuleTree) -> Result<Vec<Scene>> {
    let mut all = Vec::new();
    let [stock, other] = [tree.module(STOCK[0])?, tree.module(STOCK[1])?];
    changed(&stock.name, &stock.bytes, &other.bytes, &mut all)?;
    self_made(&built.load("hello")?, &stock.bytes, &mut all)?;
    Ok(all)
}

/// A file put together: module, message, kind of message.
fn file(payload: &[u8], message: &[u8], id_type: u8) -> Result<Vec<u8>> {
    let length = u32::try_from(message.len())?.to_be_bytes();
    Ok([payload, message, &[0, 0, id_type, 0, 0, 0, 0, 0], &length, MARKER].concat())
}

fn parts(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let split = signature::split(bytes)?.context("the stock module has no signature")?;
    Ok((split.payload, split.bytes))
}

fn changed(name: &str, stock: &[u8], other: &[u8], all: &mut Vec<Scene>) -> Result<()> {
    let mut add = |title: String, bytes: &[u8]| {
        all.push(Scene::of(format!("signature: {title}"), Load::new(name, bytes)));
    };
    let (payload, message) = parts(stock)?;
    let with = |message: &[u8]| file(payload, message, signature::PKEY_ID_PKCS7);
    let own = komod_object::cms::Signed::of_message(message).context("no PKCS#7")?;
    let described = message.len() - own.signature.len();
    for at in 0..described {
        let mut edited = message.to_vec();
        edited[at] ^= 1 << (at % 8);
        add(format!("byte {at}, bit {}", at % 8), &with(&edited)?);
    }
    for at in (0..described).step_by(3) {
        let mut edited = message.to_vec();
        edited[at] = [0x30, 0x80, 0x82, 0xff, 0x00][at % 5];
        add(format!("byte {at} as {:#04x}", edited[at]), &with(&edited)?);
        let shorter = [&message[..at], &message[at + 1..]].concat();
        add(format!("byte {at} missing"), &with(&shorter)?);
    }
    for back in [1, own.signature.len() / 2, own.signature.len()] {
        let mut edited = message.to_vec();
        edited[message.len() - back] ^= 0x10;
        add(format!("its own byte {back} from its end"), &with(&edited)?);
    }
    for length in [1, 2, 4, 20, described - 2, described, message.len() - 1] {
        add(format!("cut to {length} bytes"), &with(&message[..length])?);
    }
    for at in [0, 16, payload.len() / 2, payload.len() - 1] {
        let mut edited = payload.to_vec();
        edited[at] ^= 1;
        add(format!("byte {at} of the module"), &file(&edited, message, 2)?);
    }
    add("with bytes behind".into(), &with(&[message, b"behind"].concat())?);
    add("with bytes in front".into(), &with(&[b"front", message].concat())?);
    add("with bytes behind the module".into(), &file(&[payload, b"x"].concat(), message, 2)?);
    add("of another module".into(), &with(parts(other)?.1)?);
    add("twice".into(), &file(stock, message, 2)?);
    add("longer than the decoder reads".into(), &with(&[message, &[0; 1 << 16]].concat())?);
    for id_type in [0, 1, 3, 0xff] {
        add(format!("of kind {id_type}"), &file(payload, message, id_type)?);
    }
    // The message's outer elements without lengths.
    if let [0x30, 0x82, _, _, inside @ ..] = message {
        add("without length".into(), &with(&[&[0x30, 0x80], inside, &[0, 0]].concat())?);
        add("without length and end".into(), &with(&[&[0x30, 0x80], inside].concat())?);
    }
    Ok(())
}

/// A folder with keys, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("komod-keys-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }

    fn openssl(&self, words: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(words.split_whitespace()).current_dir(&self.0);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Whether openssl(1) can do it.
    fn try_openssl(&self, words: &str) -> Result<bool> {
        let made = self.openssl(words).status().context("openssl(1) is needed to sign")?;
        Ok(made.success())
    }

    fn must_openssl(&self, words: &str) -> Result<()> {
        if !self.try_openssl(words)? {
            bail!("openssl {words}");
        }
        Ok(())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.0.join(name);
        std::fs::read(&path).with_context(|| path.display().to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Keys that sign themselves: name, kind.
const KEYS: &[(&str, &str)] = &[
    ("rsa", "rsa:2048"),
    ("rsa1024", "rsa:1024"),
    ("rsa2040", "rsa:2040"),
    ("rsa2056", "rsa:2056"),
    ("p256", "ec -pkeyopt ec_paramgen_curve:P-256"),
    ("p384", "ec -pkeyopt ec_paramgen_curve:P-384"),
    ("p521", "ec -pkeyopt ec_paramgen_curve:P-521"),
    ("k1", "ec -pkeyopt ec_paramgen_curve:secp256k1"),
];
/// Extensions of certificates that others sign.
const LINKED: &str = "authorityKeyIdentifier=keyid,issuer:always\nsubjectKeyIdentifier=hash\n\
                      subjectAltName=DNS:a.b,IP:1.2.3.4\nbasicConstraints=CA:TRUE\n";
const ODD: &str = "keyUsage=DER:03:01:00\nbasicConstraints=CA:FALSE\n";

fn keys(folder: &Folder) -> Result<()> {
    for (name, kind) in KEYS {
        folder.must_openssl(&format!(
            "req -x509 -newkey {kind} -nodes -keyout {name}.key -out {name}.pem -days 9000 \
             -subj /O=komod/CN={name}/emailAddress=a@b"
        ))?;
    }
    std::fs::write(folder.0.join("linked"), LINKED)?;
    std::fs::write(folder.0.join("odd"), ODD)?;
    for (name, by, extensions) in
        [("leaf", "rsa", "linked"), ("low", "leaf", "linked"), ("odd", "rsa", "odd")]
    {
        folder.must_openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ))?;
        folder.must_openssl(&format!(
            "x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -set_serial 77 -out {name}.pem \
             -days 9000 -extfile {extensions}"
        ))?;
    }
    let both = [folder.read("leaf.pem")?, folder.read("rsa.pem")?].concat();
    std::fs::write(folder.0.join("both.pem"), both)?;
    Ok(())
}

/// A detached message about what is in `module`; `None` if openssl(1) cannot make such a one.
fn sign(folder: &Folder, by: &[&str], options: &str) -> Result<Option<Vec<u8>>> {
    let signers: Vec<String> =
        by.iter().map(|key| format!("-signer {key}.pem -inkey {key}.key")).collect();
    let _ = std::fs::remove_file(folder.0.join("message"));
    let words = format!(
        "cms -sign -binary -outform DER -in module -out message {} {options}",
        signers.join(" ")
    );
    if folder.try_openssl(&words)? { folder.read("message").map(Some) } else { Ok(None) }
}

fn self_made(hello: &Load, stock: &[u8], all: &mut Vec<Scene>) -> Result<()> {
    let folder = Folder::new()?;
    keys(&folder)?;
    let module: &Path = &folder.0.join("module");
    std::fs::write(module, &hello.bytes)?;
    let edited = |at: usize| {
        let mut edited = hello.bytes.to_vec();
        edited[at] ^= 1;
        edited
    };
    let mut add = |title: String, state: State, name: &str, bytes: Vec<u8>| {
        let scene = Scene::of(format!("signature: {title}"), Load::new(name, &bytes));
        all.push(Scene { state, ..scene });
    };
    for (way, by, options) in WAYS {
        let Some(message) = sign(&folder, by, options)? else { continue };
        let whole = file(&hello.bytes, &message, signature::PKEY_ID_PKCS7)?;
        add(format!("own key, {way}"), State::Plain, "hello", whole.clone());
        add(format!("own key, {way}, enforced"), State::SigEnforce, "hello", whole);
        let mut broken = message.clone();
        let last = broken.len() - 1;
        broken[last] ^= 1;
        for (what, payload, message) in [
            ("edited", edited(9), &message),
            ("with another signature", hello.bytes.to_vec(), &broken),
        ] {
            let bytes = file(&payload, message, signature::PKEY_ID_PKCS7)?;
            add(format!("own key, {way}, {what}"), State::Plain, "hello", bytes);
        }
    }
    for hash in HASHES {
        for (way, options) in [("", "-nocerts"), (" with certificate", "")] {
            let options = format!("-noattr {options} -md {hash}");
            let Some(message) = sign(&folder, &["rsa"], &options)? else { continue };
            let bytes = file(&hello.bytes, &message, signature::PKEY_ID_PKCS7)?;
            add(format!("own key, {hash}{way}"), State::Plain, "hello", bytes.clone());
            add(format!("own key, {hash}{way}, enforced"), State::SigEnforce, "hello", bytes);
        }
    }
    // Around a file that is signed already.
    std::fs::write(module, stock)?;
    if let Some(message) = sign(&folder, &["rsa"], "-noattr -nocerts")? {
        let bytes = file(stock, &message, signature::PKEY_ID_PKCS7)?;
        add("own key around the kernel's".into(), State::Plain, "dummy", bytes);
    }
    Ok(())
}
