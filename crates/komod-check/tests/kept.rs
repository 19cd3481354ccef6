//! Facts of real kernels out of the cache, and modules checked at the same time: the verdicts are
//! those of facts just learned, one module after the other.
#![forbid(unsafe_code)]

#[path = "../../komod-kernel/tests/kernels/mod.rs"]
mod kernels;

use std::path::{Path, PathBuf};

use komod_check::{Checker, Links, Target, order, parallel, waves};
use komod_kernel::find::{self, Roots};
use komod_kernel::prepared::prepare;
use komod_object::compress;

const BASE: u64 = 0x1000_0000;
/// Every so many stock modules.
const SAMPLE: usize = 29;

#[test]
fn kept_facts_and_waves_give_the_same_verdicts() {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kept");
    let _ = std::fs::remove_dir_all(cache.join("targets"));
    for kernel in kernels::kernels() {
        let nowhere =
            Roots { prefix: cache.join("none"), cache: None, env_kernel: None, running: None };
        let found = find::select(&nowhere, Some(&kernel.root.to_string_lossy())).unwrap();
        let image = prepare(&kernel.vmlinuz(), BASE, &cache, &mut |_| {}).unwrap();
        assert!(Target::kept(&found, &cache).is_none(), "nothing was kept yet");
        let learned = Target::of(&found, Some(&image)).unwrap();
        learned.keep(&found, &cache);
        let kept = Target::kept(&found, &cache).unwrap();
        assert_eq!((kept.release(), kept.vermagic()), (learned.release(), learned.vermagic()));
        assert!(kept.builtin_names().eq(learned.builtin_names()));

        let mut files: Vec<PathBuf> = Vec::new();
        for kernel in kernels::kernels() {
            files.extend(kernel.stock_modules().into_iter().step_by(SAMPLE));
        }
        let read = |number: usize| {
            let file = std::fs::read(&files[number]).unwrap();
            compress::decompress(&file, 256 << 20).unwrap().into_owned()
        };
        let elves = parallel::each(files.len(), read, |_| ());
        let links: Vec<Links> = elves.iter().map(|elf| Links::of(elf)).collect();
        let order = order(&links);

        let mut checker = Checker::new(&learned, &links);
        let mut one_by_one = vec![String::new(); files.len()];
        for &number in &order {
            let verdict = checker.check(&files[number], &elves[number]);
            one_by_one[number] = format!("{verdict:?}");
        }
        let mut checker = Checker::new(&kept, &links);
        let mut in_waves = vec![String::new(); files.len()];
        for wave in waves(&links, &order) {
            let judge = |turn: usize| {
                let number = wave[turn];
                checker.judge(&files[number], &elves[number], &links[number])
            };
            let judged = parallel::each(wave.len(), judge, |_| ());
            for (&number, judged) in wave.iter().zip(judged) {
                in_waves[number] = format!("{:?}", checker.take(judged));
            }
        }
        let different: Vec<_> = (0..files.len())
            .filter(|&number| one_by_one[number] != in_waves[number])
            .map(|number| (&files[number], &one_by_one[number], &in_waves[number]))
            .collect();
        assert!(different.is_empty(), "{}: {different:#?}", kernel.release);
        assert!(files.len() > 100, "{} modules only", files.len());
    }
}
