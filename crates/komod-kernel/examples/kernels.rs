//! Lists the kernels found below a root (default `/`): `cargo run --example kernels [ROOT]`.

use komod_kernel::find::{Roots, discover};

fn main() {
    let mut roots = Roots::system();
    if let Some(prefix) = std::env::args_os().nth(1) {
        roots.prefix = prefix.into();
    }
    for kernel in discover(&roots) {
        println!("{kernel:#?}");
    }
}
