//! Why komod's loader refused the module that was loaded last.

use super::super::single::Single;
use komod_load::RefusalCode;

static LAST: Single<Option<RefusalCode>> = Single::new();

pub fn setup() {
    LAST.set(None);
}

pub fn note(code: RefusalCode) {
    LAST.with(|last| *last = Some(code));
}

/// The reason, if there was a refusal since the last call.
pub fn take_refused() -> Option<RefusalCode> {
    LAST.with(Option::take)
}
