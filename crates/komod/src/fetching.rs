//! Getting a kernel from the distribution, with people kept informed.

use crate::console;
use crate::explained::Explained;
use crate::kernels;
use crate::progress::{Progress, bytes};
use anyhow::Result;
use komod_kernel::fetch::{self, FetchError, Progress as At, Request};
use komod_kernel::find::FoundKernel;

/// For commands that need a kernel when there is none.
pub fn fetch_default() -> Result<FoundKernel> {
    console::note("no usable kernel here; fetching the distribution's (`komod kernel fetch`)");
    fetch(None)
}

pub fn fetch(what: Option<&str>) -> Result<FoundKernel> {
    let cache = kernels::cache()?;
    let line = Progress::start("looking for the kernel's packages");
    let mut show = |at: At<'_>| {
        if let At::Resolved { release, packages, bytes: size } = at {
            // Also for those who have no terminal: this is what takes the time.
            line.pause();
            console::people(&format!(
                "fetching kernel {release}: {packages} packages, {}",
                bytes(size)
            ));
        }
        line.set(words(at));
    };
    let mut request = Request { what, cache: &cache, progress: &mut show };
    let fetched = fetch::fetch(&mut request);
    drop(line);
    match fetched {
        Ok(kernel) => Ok(kernel),
        Err(e) => Err(explain(&e).into()),
    }
}

fn explain(error: &FetchError) -> Explained {
    let e = Explained::from_error(error);
    match error {
        FetchError::NoSuchKernel { .. } => {
            e.hint("a line (6.1), a release (6.1.0-56-amd64), or nothing for the default")
        }
        FetchError::Checksum { .. } => e.hint("run the same command again to download it anew"),
        _ => e,
    }
}

fn words(at: At<'_>) -> String {
    match at {
        At::Waiting => "waiting for another fetch to end".into(),
        At::Updating => "updating the lists of packages".into(),
        At::Resolved { release, .. } => format!("fetching kernel {release}"),
        At::Downloading { done, total } => format!(
            "downloading {} of {} ({} %)",
            bytes(done),
            bytes(total),
            (done * 100).checked_div(total).unwrap_or(100)
        ),
        At::Verifying { package } => format!("verifying {package}"),
        At::Unpacking { package, index, count } => {
            format!("unpacking {package} ({} of {count})", index + 1)
        }
        At::Finishing => "finishing".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}
