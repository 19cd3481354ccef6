//! Drives an in-process kernel from the command line, step by step:
//! `drive PREPARED RELEASE load:FILE.ko[:params] unload:NAME cat:PATH write:PATH:TEXT ls:PATH run:MS leaks:NAME modules status`.

use komod_process::client::{KERNEL_ARGV0, Kernel};
use komod_process::protocol::{BootSpec, Event, Loader, Mode, Request};
use std::time::Instant;

fn show(event: &Event) {
    match event {
        Event::Log(r) => println!("[{:5}.{:06}] {}", r.us / 1_000_000, r.us % 1_000_000, r.text),
        Event::Oops(o) => println!(
            "OOPS {} at {} trace {:?}",
            o.reason,
            o.rip,
            o.trace.iter().map(|f| f.at.to_string()).collect::<Vec<_>>()
        ),
        other => println!("{other:?}"),
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args[0] == KERNEL_ARGV0 {
        komod_process::child_main()
    }
    let cache = std::env::temp_dir().join("komod-drive");
    let prepared =
        komod_kernel::prepared::prepare(args[1].as_ref(), 0x1000_0000, &cache, &mut |_| {})
            .expect("a kernel image");
    let objects: Vec<(String, Vec<u8>)> = args[3..]
        .iter()
        .filter_map(|a| a.strip_prefix("builtin:"))
        .map(|f| {
            (
                f.rsplit('/').next().unwrap().trim_end_matches(".o").to_string(),
                std::fs::read(f).unwrap(),
            )
        })
        .collect();
    let bytes: Vec<u8> = objects.iter().flat_map(|o| o.1.clone()).collect();
    let spec = BootSpec {
        prepared: prepared.dir().to_path_buf(),
        release: args[2].clone(),
        cmdline: std::env::var("CMDLINE").unwrap_or_default(),
        builtin: objects
            .iter()
            .map(|o| komod_process::protocol::Builtin { name: o.0.clone(), len: o.1.len() })
            .collect(),
        mode: Mode::Single,
        cpu_seconds: 3,
        live_clock: false,
        boot_log: std::env::var_os("BOOT_LOG").is_some(),
    };
    let t = Instant::now();
    let mut kernel = match Kernel::boot(&spec, &bytes, None, &mut show) {
        Ok(k) => k,
        Err(e) => {
            println!("{e}");
            std::process::exit(1)
        }
    };
    println!("booted in {:?}", t.elapsed());
    for arg in args[3..].iter().filter(|a| !a.starts_with("builtin:")) {
        let mut parts = arg.splitn(3, ':');
        let mut next = || parts.next().unwrap_or_default().to_string();
        let (verb, a, b) = (next(), next(), next());
        let (request, data) = match verb.as_str() {
            "load" | "kload" => {
                let file = std::fs::read(&a).expect("module file");
                let data = komod_object::compress::decompress(&file, 1 << 30).unwrap().into_owned();
                let loader = if verb == "load" { Loader::Komod } else { Loader::Kernel };
                (
                    Request::Load {
                        file: a,
                        params: b,
                        loader,
                        force_vermagic: false,
                        force_modversions: false,
                    },
                    data,
                )
            }
            "unload" => (Request::Unload { name: a, force: false }, vec![]),
            "cat" => (Request::Read { path: a, limit: 1 << 25 }, vec![]),
            "write" => (Request::Write { path: a, append: false }, b.into_bytes()),
            "ls" => (Request::List { path: a }, vec![]),
            "run" => (Request::Advance { ns: a.parse::<u64>().unwrap() * 1_000_000 }, vec![]),
            "leaks" => (Request::Leaks { name: a }, vec![]),
            "modules" => (Request::Modules, vec![]),
            _ => (Request::Status, vec![]),
        };
        let t = Instant::now();
        match kernel.call(&request, &data, &mut show) {
            Ok((reply, data)) => {
                println!("{arg}: {reply:?} {} ({:?})", String::from_utf8_lossy(&data), t.elapsed())
            }
            Err(e) => {
                println!("{arg}: {e}");
                std::process::exit(1)
            }
        }
    }
}
