//! Fetches a kernel and prints each change of phase: `cargo run --example fetch [WHAT]`.

use komod_kernel::fetch::{Progress, Request, fetch};
use komod_kernel::find::cache_dir;

fn main() {
    let what = std::env::args().nth(1);
    let Some(cache) = cache_dir() else {
        eprintln!("no cache directory: set HOME or KOMOD_CACHE");
        std::process::exit(2);
    };
    let mut tenth = 0;
    let mut progress = |progress: Progress<'_>| match progress {
        Progress::Downloading { done, total } => {
            let now = done * 10 / total.max(1);
            if now != tenth {
                eprintln!("{done} of {total} bytes");
            }
            tenth = now;
        }
        other => eprintln!("{other:?}"),
    };
    let mut request = Request { what: what.as_deref(), cache: &cache, progress: &mut progress };
    match fetch(&mut request) {
        Ok(kernel) => println!("{kernel:#?}"),
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    }
}
