//! Times each step from `vmlinuz` to types: `cargo run --release --example image_times FILE…`.

use std::path::PathBuf;
use std::time::Instant;

use komod_kernel::{btf, exports, image, kallsyms, prepared};

const BASE: u64 = 0x1000_0000;

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("  {what:<16} {:>9.1?}", start.elapsed());
    result
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = std::env::temp_dir().join(format!("komod-image-times-{}", std::process::id()));
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        println!("{}", path.display());
        let vmlinuz = std::fs::read(&path)?;
        let payload = timed("unpack", || image::unpack(&vmlinuz))?;
        let symbols = timed("kallsyms", || kallsyms::decode(&payload))?;
        let flat = timed("relocate", || image::relocate(&payload, BASE, &symbols))?;
        timed("rebase", || symbols.rebase(flat.delta()));
        let exports = timed("exports", || exports::read(&flat))?;
        let section = flat.section_bytes(".BTF").unwrap_or_default().to_vec();
        let btf = timed("btf", || btf::Btf::parse(section))?;
        let prepare = || prepared::prepare(&path, BASE, &cache, &mut |_| ());
        let made = timed("prepare (new)", prepare)?;
        timed("prepare (cached)", prepare)?;
        timed("open", || prepared::Prepared::open(made.dir()))?;
        let known = exports.iter().filter(|export| btf.func(export.name).is_some()).count();
        println!(
            "  {} bytes, {} symbols, {} exports ({known} with a prototype), {} types",
            flat.bytes.len(),
            symbols.len(),
            exports.len(),
            btf.len()
        );
    }
    std::fs::remove_dir_all(&cache)?;
    Ok(())
}
