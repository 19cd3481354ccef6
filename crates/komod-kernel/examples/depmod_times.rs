//! Writes the indexes of a kernel's folder of modules and says how long each step takes:
//! `depmod_times FOLDER THREADS OUTPUT`.

use komod_kernel::depmod::cache::Cache;
use komod_kernel::depmod::config::Config;
use komod_kernel::depmod::indexes::Watch;
use komod_kernel::depmod::publish;
use komod_kernel::depmod::read::How;
use komod_kernel::depmod::set::Making;
use komod_kernel::depmod::tree::{Modules, Request, Tree};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("which folder?")?;
    let threads = arguments.next().ok_or("how many threads?")?.parse()?;
    let directory = Path::new(&directory);
    let mut started = Instant::now();
    let mut step = |name: &str| {
        eprintln!("{name:10} {:7.1} ms", started.elapsed().as_secs_f64() * 1000.0);
        started = Instant::now();
    };
    let mut remarks = Vec::new();
    let release = directory.file_name().unwrap_or_default();
    let config = Config::read(release, &[], &mut remarks)?;
    let how = How { threads, checksums: false };
    let request = Request { directory, files: &[], config: &config, how, prefix: None };
    let cache = Cache::default();
    let modules = Modules::find(&request, &cache, &mut remarks)?;
    step("read");
    let making = Making { modules: &modules, directory, watch: Watch::default(), threads };
    let output = arguments.next().ok_or("where to?")?;
    let output = Path::new(&output);
    let tree = || Tree::resolve(&modules, None);
    let set = making.make(tree, |index| publish::write(output, index), &mut remarks)?;
    step("write");
    publish::put_in_place(output, set.into_iter().map(|(_, file)| file).collect())?;
    step("publish");
    for remark in remarks {
        eprintln!("{remark}");
    }
    Ok(())
}
