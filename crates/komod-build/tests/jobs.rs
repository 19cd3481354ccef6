//! How many jobs run at a time over several builds.
#![forbid(unsafe_code)]

mod common;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Scratch, options, trees};
use komod_build::jobserver::Jobserver;
use komod_build::{Compile, Finished, Job, Options, Plain, Project, build};

/// Counts how many compile at a time.
#[derive(Debug, Default)]
struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Compile for Counting {
    fn compile(&self, job: &Job<'_>) -> io::Result<Finished> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(50));
        let finished = Plain.compile(job);
        self.now.fetch_sub(1, Ordering::SeqCst);
        finished
    }
}

#[test]
fn builds_at_the_same_time_share_the_jobs() {
    let trees = trees();
    let scratch = Scratch::new("jobs");
    scratch.write("p/Makefile", "obj-m := m.o\nm-y := a.o b.o c.o\n");
    let text = "#include <linux/module.h>\n";
    scratch
        .write("p/a.c", &format!("{text}MODULE_DESCRIPTION(\"x\");\nMODULE_LICENSE(\"GPL\");\n"));
    scratch.write("p/b.c", text);
    scratch.write("p/c.c", text);
    let project = Project::open(scratch.0.join("p")).unwrap();
    for jobs in [1, 2, 3] {
        let compiler = Arc::new(Counting::default());
        let jobserver = Arc::new(Jobserver::new(jobs).unwrap());
        std::thread::scope(|scope| {
            for (number, tree) in trees.iter().chain(&trees).enumerate() {
                let options = Options {
                    out: Some(scratch.0.join(format!("out-{jobs}-{number}"))),
                    compiler: Some(compiler.clone()),
                    jobserver: Some(jobserver.clone()),
                    ..options()
                };
                let project = &project;
                scope.spawn(move || build(project, tree, &options).unwrap());
            }
        });
        if !trees.is_empty() {
            assert_eq!(compiler.most.load(Ordering::SeqCst), jobs);
        }
    }
}
