//! A lock that costs two loads and two stores; a `Mutex` costs two locked instructions, a tenth of a call of the book.
//!
//! Threads take it and give it back only while they are attached to the interpreter, and of those there is one at a time
//! (PyO3 loads a module into one interpreter only): the GIL orders all that happens to `held` and `waiting`, which are
//! atomic for the compiler's sake alone. A thread may detach while it has the lock: then others find it held, and wait.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use pyo3::prelude::*;

/// Without a GIL attached threads run at once, and the processor has to order what they do.
const ALONE: bool = cfg!(not(Py_GIL_DISABLED));
const ORDER: Ordering = if ALONE { Ordering::Relaxed } else { Ordering::SeqCst };

/// A value behind such a lock.
pub struct AttachedLock<T> {
    held: AtomicBool,
    /// How many threads wait, or are about to.
    waiting: AtomicUsize,
    gate: Mutex<()>,
    freed: Condvar,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a `Held` alone, of which there is one at a time (see `take`), and by whoever owns
// the lock. So sharing the lock moves the value between threads, one after the other, which `Send` allows.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for AttachedLock<T> {}

/// The right to use the value, until it is dropped. The token in it keeps it from other threads, and from closures that
/// run detached; a plain reference to the value may go there.
pub struct Held<'a, 'py, T> {
    lock: &'a AttachedLock<T>,
    _attached: Python<'py>,
}

impl<T: Send> AttachedLock<T> {
    pub fn new(value: T) -> Self {
        Self {
            held: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            gate: Mutex::new(()),
            freed: Condvar::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// The value, when no other thread has it; until then this one waits detached.
    #[inline(always)]
    pub fn lock<'py>(&self, py: Python<'py>) -> Held<'_, 'py, T> {
        if !self.take(py) {
            self.wait(py);
        }
        Held { lock: self, _attached: py }
    }

    /// Take the lock if it is free. The token says that this thread is attached: no other is between the load and the
    /// store, as nothing here calls the interpreter, and so the GIL stays. Without a GIL one instruction does both.
    #[inline(always)]
    fn take(&self, _attached: Python<'_>) -> bool {
        if !ALONE {
            return !self.held.swap(true, ORDER);
        }
        let free = !self.held.load(ORDER);
        if free {
            self.held.store(true, ORDER);
        }
        free
    }

    /// Who gives the lock back counts those that wait after that, and they count themselves before they look once more:
    /// so one of the two sees the other. It passes the gate before it wakes one, so that this one is not just between its
    /// look at the lock and its sleep.
    #[cold]
    #[inline(never)]
    fn wait(&self, py: Python<'_>) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while !self.take(py) {
            py.detach(|| {
                let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
                while self.held.load(Ordering::SeqCst) {
                    gate = self.freed.wait(gate).unwrap_or_else(PoisonError::into_inner);
                }
            });
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<T> AttachedLock<T> {
    #[cold]
    #[inline(never)]
    fn wake(&self) {
        drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
        self.freed.notify_one();
    }
}

impl<T> Deref for Held<'_, '_, T> {
    type Target = T;

    #[inline(always)]
    #[allow(unsafe_code)]
    fn deref(&self) -> &T {
        // SAFETY: there is one `Held` of a lock at a time, and nobody has a `&mut` from it while it is borrowed here.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Held<'_, '_, T> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: there is one `Held` of a lock at a time, and nobody has another reference from it: it is borrowed here.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Held<'_, '_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.held.store(false, ORDER);
        if self.lock.waiting.load(ORDER) > 0 {
            self.lock.wake();
        }
    }
}
