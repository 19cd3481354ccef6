//! How many jobs run at a time, over all builds of this process.

use komod_build::jobserver::Jobserver;
use std::num::NonZero;
use std::sync::{Arc, OnceLock};

static JOBS: OnceLock<Option<Arc<Jobserver>>> = OnceLock::new();

/// What all builds share: jobs of the make above, or as many of komod's own as are asked for.
pub fn shared(jobs: Option<NonZero<usize>>) -> Option<Arc<Jobserver>> {
    JOBS.get_or_init(|| Jobserver::open(jobs).ok().map(Arc::new)).clone()
}
