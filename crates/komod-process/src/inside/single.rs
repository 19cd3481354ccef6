//! State of a process with exactly one thread.

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts the faults that tore a native away in the middle; see [`abandon_all`].
static EPOCH: AtomicU32 = AtomicU32::new(1);

/// A global of the kernel process. The process never starts a second thread, so exclusive access
/// is a matter of not re-entering, which [`Single::with`] checks.
pub struct Single<T> {
    value: UnsafeCell<Option<T>>,
    /// The epoch in which somebody is inside `with`; 0 if nobody is.
    busy: Cell<u32>,
}

// SAFETY: the kernel process is single-threaded from exec to exit; see `child`.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    pub const fn new() -> Self {
        Single { value: UnsafeCell::new(None), busy: Cell::new(0) }
    }

    #[track_caller]
    fn enter(&self) {
        let now = EPOCH.load(Ordering::Relaxed);
        assert!(self.busy.replace(now) != now, "kernel state re-entered");
    }

    pub fn set(&self, value: T) {
        self.enter();
        // SAFETY: one thread, and `busy` shows that no reference from `with` is alive.
        unsafe { *self.value.get() = Some(value) };
        self.busy.set(0);
    }

    /// Runs `f` on the value. `f` must not call kernel code (which may come back here).
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        self.enter();
        // SAFETY: one thread, and the `busy` mark keeps this the only reference.
        let value = unsafe { (*self.value.get()).as_mut() };
        let result = f(value.expect("kernel state used before it was set up"));
        self.busy.set(0);
        result
    }

    /// As [`Single::with`], but `None` if somebody is inside (for signal handlers).
    pub fn try_with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let inside = self.busy.get() == EPOCH.load(Ordering::Relaxed);
        if inside || !self.is_set() { None } else { Some(self.with(f)) }
    }

    pub fn is_set(&self) -> bool {
        // SAFETY: one thread; only looks at the discriminant.
        unsafe { (*self.value.get()).is_some() }
    }
}

/// After a fault: whoever was inside a `with` will never come back, so all marks are void.
pub fn abandon_all() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
}
