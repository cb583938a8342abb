//! The snapshot that readers of a map see: replaced as a whole when the map grows, and read without a lock.

pub use imp::SnapshotCell;

/// Under the interpreter's global lock, plain reference counts are enough. They cost a nanosecond, atomic ones ten.
#[cfg(not(Py_GIL_DISABLED))]
mod imp {
    use std::cell::{Cell, UnsafeCell};
    use std::marker::PhantomData;
    use std::ops::Deref;
    use std::rc::Rc;

    use pyo3::prelude::*;

    pub struct SnapshotCell<T> {
        current: UnsafeCell<Rc<T>>,
        /// The generation of `current`.
        generation: Cell<u64>,
    }

    // SAFETY: the values may be sent, and the count of an `Rc` only changes while attached to the interpreter, whose
    // global lock admits one thread at a time: in the methods, in readers, and where a Python object that holds a
    // `SnapshotCell` is made or dropped.
    unsafe impl<T: Send + Sync> Send for SnapshotCell<T> {}
    // SAFETY: as above.
    unsafe impl<T: Send + Sync> Sync for SnapshotCell<T> {}

    /// A reader, which cannot leave its thread. Its value may be used while detached from the interpreter.
    pub struct Reader<'py, T> {
        value: Rc<T>,
        attached: PhantomData<Python<'py>>,
    }

    impl<T> SnapshotCell<T> {
        pub fn new(value: T) -> Self {
            Self { current: UnsafeCell::new(Rc::new(value)), generation: Cell::new(0) }
        }

        #[inline]
        pub fn load<'py>(&self, _py: Python<'py>) -> Reader<'py, T> {
            // SAFETY: nobody changes `current` at this moment.
            let value = unsafe { (*self.current.get()).clone() };
            Reader { value, attached: PhantomData }
        }

        /// Shows the value to the garbage collector, which runs while attached but has no token that says so.
        pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
            // SAFETY: nobody changes `current` at this moment, and looking does not run Python code.
            look(unsafe { &*self.current.get() })
        }

        /// Publishes `make(current)` unless a newer generation is already published. `make` must not run Python code.
        pub fn store(&self, py: Python<'_>, generation: u64, make: impl FnOnce(&T) -> T) {
            if generation >= self.generation.get() {
                self.generation.set(generation);
                self.update(py, make);
            }
        }

        /// Publishes `make(current)` and keeps the generation.
        pub fn update(&self, py: Python<'_>, make: impl FnOnce(&T) -> T) {
            let value = Rc::new(make(&self.load(py)));
            // SAFETY: nobody reads or changes `current` at this moment: readers have counts of their own.
            let last = unsafe { std::mem::replace(&mut *self.current.get(), value) };
            // Dropped last, when `current` is consistent: this may run Python code, which may use the cell.
            drop(last);
        }
    }

    impl<T> Deref for Reader<'_, T> {
        type Target = T;

        #[inline]
        fn deref(&self) -> &T {
            &self.value
        }
    }
}

/// Without a global lock, threads read at the same time.
#[cfg(Py_GIL_DISABLED)]
mod imp {
    use std::sync::{Arc, Mutex, PoisonError};

    use arc_swap::{ArcSwap, Guard};
    use pyo3::prelude::*;

    pub struct SnapshotCell<T> {
        current: ArcSwap<T>,
        /// The generation of `current`.
        generation: Mutex<u64>,
    }

    impl<T> SnapshotCell<T> {
        pub fn new(value: T) -> Self {
            Self { current: ArcSwap::from_pointee(value), generation: Mutex::new(0) }
        }

        pub fn load(&self, _py: Python<'_>) -> Guard<Arc<T>> {
            self.current.load()
        }

        /// Shows the value to the garbage collector.
        pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
            look(&self.current.load())
        }

        /// Publishes `make(current)` unless a newer generation is already published. `make` must not run Python code.
        pub fn store(&self, _py: Python<'_>, generation: u64, make: impl FnOnce(&T) -> T) {
            self.replace(Some(generation), make);
        }

        /// Publishes `make(current)` and keeps the generation.
        pub fn update(&self, _py: Python<'_>, make: impl FnOnce(&T) -> T) {
            self.replace(None, make);
        }

        fn replace(&self, generation: Option<u64>, make: impl FnOnce(&T) -> T) {
            let mut published = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
            let generation = generation.unwrap_or(*published);
            if generation < *published {
                return;
            }
            *published = generation;
            let value = Arc::new(make(&self.current.load()));
            let last = self.current.swap(value);
            drop(published);
            // Dropped last, without the lock: this may run Python code, which may use the cell.
            drop(last);
        }
    }
}
