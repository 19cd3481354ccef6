//! A signal in the middle of a build: what the build has started ends first.

use std::sync::Once;
use std::time::Duration;

static WATCHING: Once = Once::new();

/// From now on signals that end komod end what its builds have started, too.
pub fn watch() {
    WATCHING.call_once(|| {
        // Without it, signals do what they always did.
        let _ = komod_process::signals::before_ending(komod_build::stop::stop);
    });
}

/// After a build: if it failed because komod is ending, there is nothing to say any more.
pub fn wait_if_ending() {
    while komod_build::stop::stopped() {
        std::thread::sleep(Duration::from_secs(1));
    }
}
