//! Times each step from `vmlinuz` to symbols: `cargo run --release --example image_times FILE`.

use std::time::Instant;

use komod_kernel::{image, kallsyms};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args_os().skip(1) {
        let vmlinuz = std::fs::read(&path)?;
        let start = Instant::now();
        let payload = image::unpack(&vmlinuz)?;
        println!("unpack    {:>9.1?}  {} bytes", start.elapsed(), payload.len());
        let start = Instant::now();
        let symbols = kallsyms::decode(&payload)?;
        println!("kallsyms  {:>9.1?}  {} symbols", start.elapsed(), symbols.len());
        let start = Instant::now();
        let flat = image::relocate(&payload, 0x1000_0000, &symbols)?;
        println!(
            "relocate  {:>9.1?}  {} bytes, {:?}",
            start.elapsed(),
            flat.bytes.len(),
            flat.relocations
        );
        let start = Instant::now();
        let moved = symbols.rebase(flat.delta());
        println!("rebase    {:>9.1?}  {} symbols", start.elapsed(), moved.len());
    }
    Ok(())
}
