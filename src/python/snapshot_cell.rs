//! What readers of a map see: replaced as a whole when the map grows, and read on every access without a lock.

pub use imp::SnapshotCell;

/// Where the interpreter has its global lock, that lock is enough: plain counts tell who still reads what was replaced.
/// They cost a nanosecond, an atomic exchange ten.
#[cfg(not(Py_GIL_DISABLED))]
mod imp {
    use std::cell::{Cell, UnsafeCell};
    use std::marker::PhantomData;
    use std::ops::Deref;
    use std::rc::Rc;

    use pyo3::prelude::*;

    pub struct SnapshotCell<T> {
        current: UnsafeCell<Rc<T>>,
        /// PrefetchPolicy `current` was made.
        turn: Cell<u64>,
    }

    // SAFETY: the values may be sent, and every count of an `Rc` is changed while attached to the interpreter, whose
    // global lock lets one thread at a time be: by the methods and by readers, and where an object of Python's that holds
    // a `SnapshotCell` is made or dropped.
    unsafe impl<T: Send + Sync> Send for SnapshotCell<T> {}
    // SAFETY: as above.
    unsafe impl<T: Send + Sync> Sync for SnapshotCell<T> {}

    /// A reader, which cannot leave its thread. What it refers to may be used without the interpreter meanwhile.
    pub struct Reader<'py, T> {
        value: Rc<T>,
        attached: PhantomData<Python<'py>>,
    }

    impl<T> SnapshotCell<T> {
        pub fn new(value: T) -> Self {
            Self { current: UnsafeCell::new(Rc::new(value)), turn: Cell::new(0) }
        }

        #[inline]
        pub fn load<'py>(&self, _py: Python<'py>) -> Reader<'py, T> {
            // SAFETY: nobody changes `current` at this moment.
            let value = unsafe { (*self.current.get()).clone() };
            Reader { value, attached: PhantomData }
        }

        /// What the garbage collector may see of the value: it runs while attached, but must not say so.
        pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
            // SAFETY: nobody changes `current` at this moment, and looking does not run code of Python's.
            look(unsafe { &*self.current.get() })
        }

        /// Shows what is made of what is shown, unless that was made later. Making it runs no code of Python's.
        pub fn store(&self, py: Python<'_>, turn: u64, make: impl FnOnce(&T) -> T) {
            if turn >= self.turn.get() {
                self.turn.set(turn);
                self.update(py, make);
            }
        }

        /// The same, whenever it was made.
        pub fn update(&self, py: Python<'_>, make: impl FnOnce(&T) -> T) {
            let value = Rc::new(make(&self.load(py)));
            // SAFETY: nobody reads or changes `current` at this moment: readers have counts of their own.
            let last = unsafe { std::mem::replace(&mut *self.current.get(), value) };
            // Now that `current` is in order, since this may run code of Python's, which may come back.
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

/// Without a global lock, readers of many threads meet.
#[cfg(Py_GIL_DISABLED)]
mod imp {
    use std::sync::{Arc, Mutex, PoisonError};

    use arc_swap::{ArcSwap, Guard};
    use pyo3::prelude::*;

    pub struct SnapshotCell<T> {
        current: ArcSwap<T>,
        /// PrefetchPolicy `current` was made.
        turn: Mutex<u64>,
    }

    impl<T> SnapshotCell<T> {
        pub fn new(value: T) -> Self {
            Self { current: ArcSwap::from_pointee(value), turn: Mutex::new(0) }
        }

        pub fn load(&self, _py: Python<'_>) -> Guard<Arc<T>> {
            self.current.load()
        }

        /// What the garbage collector may see of the value.
        pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
            look(&self.current.load())
        }

        /// Shows what is made of what is shown, unless that was made later. Making it runs no code of Python's.
        pub fn store(&self, _py: Python<'_>, turn: u64, make: impl FnOnce(&T) -> T) {
            self.replace(Some(turn), make);
        }

        /// The same, whenever it was made.
        pub fn update(&self, _py: Python<'_>, make: impl FnOnce(&T) -> T) {
            self.replace(None, make);
        }

        fn replace(&self, turn: Option<u64>, make: impl FnOnce(&T) -> T) {
            let mut shown = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = turn.unwrap_or(*shown);
            if turn < *shown {
                return;
            }
            *shown = turn;
            let value = Arc::new(make(&self.current.load()));
            let last = self.current.swap(value);
            drop(shown);
            // Now that nobody is kept out, since this may run code of Python's, which may come back.
            drop(last);
        }
    }
}
