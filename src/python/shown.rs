//! What readers of a map see: replaced as a whole when the map grows, and read on every access without a lock.

pub use imp::Shown;

/// Where the interpreter has its global lock, that lock is enough: a counter tells whether somebody still reads what
/// was replaced. It costs a nanosecond, an atomic exchange ten.
#[cfg(not(Py_GIL_DISABLED))]
mod imp {
    use std::cell::{Cell, UnsafeCell};
    use std::marker::PhantomData;
    use std::ops::Deref;
    use std::sync::Arc;

    use pyo3::prelude::*;

    pub struct Shown<T> {
        current: UnsafeCell<Arc<T>>,
        /// What was replaced while somebody read it.
        replaced: UnsafeCell<Vec<Arc<T>>>,
        readers: Cell<usize>,
        /// When `current` was made.
        turn: Cell<u64>,
    }

    // SAFETY: every access is made while attached to the interpreter, whose global lock lets one thread at a time be.
    unsafe impl<T: Send + Sync> Sync for Shown<T> {}

    /// A reader, which cannot leave its thread and the time in which that is attached.
    pub struct Reader<'a, 'py, T> {
        shown: &'a Shown<T>,
        value: &'a T,
        attached: PhantomData<(Python<'py>, *const ())>,
    }

    impl<T> Shown<T> {
        pub fn new(value: T) -> Self {
            let current = UnsafeCell::new(Arc::new(value));
            Self { current, replaced: UnsafeCell::default(), readers: Cell::new(0), turn: Cell::new(0) }
        }

        #[inline]
        pub fn load<'a, 'py>(&'a self, _py: Python<'py>) -> Reader<'a, 'py, T> {
            self.readers.set(self.readers.get() + 1);
            // SAFETY: nobody changes `current` at this moment, and `store` keeps the value as long as there are
            // readers.
            let value = unsafe { &**self.current.get() };
            Reader { shown: self, value, attached: PhantomData }
        }

        /// The value for a time without the interpreter.
        pub fn load_full(&self, _py: Python<'_>) -> Arc<T> {
            // SAFETY: nobody changes `current` at this moment.
            unsafe { (*self.current.get()).clone() }
        }

        /// What the garbage collector may see of the value: it runs while attached, but must not say so.
        pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
            // SAFETY: nobody changes `current` at this moment, and looking does not run code of Python's.
            look(unsafe { &*self.current.get() })
        }

        /// Shows `value`, unless what is shown was made later.
        pub fn store(&self, _py: Python<'_>, turn: u64, value: T) {
            if turn < self.turn.replace(turn.max(self.turn.get())) {
                return;
            }
            // SAFETY: nobody reads or changes the two at this moment; references that readers hold point to the value
            // behind the `Arc`, which is kept for them. What is dropped here is dropped after both are in order, since
            // that may run code of Python's, which may come back.
            let unused = unsafe {
                let last = std::mem::replace(&mut *self.current.get(), Arc::new(value));
                let replaced = &mut *self.replaced.get();
                replaced.push(last);
                if self.readers.get() == 0 { std::mem::take(replaced) } else { Vec::new() }
            };
            drop(unused);
        }
    }

    impl<T> Deref for Reader<'_, '_, T> {
        type Target = T;

        #[inline]
        fn deref(&self) -> &T {
            self.value
        }
    }

    impl<T> Drop for Reader<'_, '_, T> {
        #[inline]
        fn drop(&mut self) {
            self.shown.readers.set(self.shown.readers.get() - 1);
        }
    }
}

/// Without a global lock, readers of many threads meet.
#[cfg(Py_GIL_DISABLED)]
mod imp {
    use std::sync::{Arc, Mutex, PoisonError};

    use arc_swap::{ArcSwap, Guard};
    use pyo3::prelude::*;

    pub struct Shown<T> {
        current: ArcSwap<T>,
        /// When `current` was made.
        turn: Mutex<u64>,
    }

    impl<T> Shown<T> {
        pub fn new(value: T) -> Self {
            Self { current: ArcSwap::from_pointee(value), turn: Mutex::new(0) }
        }

        pub fn load(&self, _py: Python<'_>) -> Guard<Arc<T>> {
            self.current.load()
        }

        pub fn load_full(&self, _py: Python<'_>) -> Arc<T> {
            self.current.load_full()
        }

        /// What the garbage collector may see of the value.
        pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
            look(&self.current.load())
        }

        /// Shows `value`, unless what is shown was made later.
        pub fn store(&self, _py: Python<'_>, turn: u64, value: T) {
            let mut shown = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if turn >= *shown {
                *shown = turn;
                self.current.store(Arc::new(value));
            }
        }
    }
}
