//! The memory of batches. It is used again once a batch is dropped: fresh memory costs a page fault for every 4 kB.

use std::alloc::{Layout, alloc, dealloc};
use std::mem::MaybeUninit;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, Weak};

use crate::batch::Out;
use crate::error::Result;
use crate::memory::{self, HUGE_PAGE, MIN_HUGE};

/// Batches begin on a cache line, which is also what JAX needs to use them without a copy.
const ALIGNMENT: usize = 64;

/// Memory of at least one byte, which belongs to one batch or to the pool.
#[derive(Debug)]
struct Memory {
    start: NonNull<u8>,
    capacity: usize,
}

// SAFETY: it owns its bytes, as a `Box` does.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    fn layout(capacity: usize) -> Option<Layout> {
        let alignment = if capacity < MIN_HUGE { ALIGNMENT } else { HUGE_PAGE };
        Layout::from_size_align(capacity, alignment).ok()
    }

    fn new(dir: &Path, capacity: usize) -> Result<Self> {
        let layout = Self::layout(capacity).filter(|layout| layout.size() > 0).ok_or_else(|| memory::refused(dir))?;
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or_else(|| memory::refused(dir))?;
        // SAFETY: it was just allocated, and nothing else refers to it.
        memory::request_huge_pages(unsafe { std::slice::from_raw_parts(start.as_ptr().cast(), capacity) });
        Ok(Self { start, capacity })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.capacity) {
            // SAFETY: it was allocated with this layout, and nothing else owns it.
            unsafe { dealloc(self.start.as_ptr(), layout) }
        }
    }
}

/// The initialized bytes of a batch.
#[derive(Debug)]
pub struct Buffer {
    /// `None` only while it is dropped.
    memory: Option<Memory>,
    len: usize,
    pool: Weak<Pool>,
}

impl Buffer {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.memory {
            // SAFETY: `Pool::fill` has initialized `len` bytes, which are not changed while they are borrowed.
            Some(memory) => unsafe { std::slice::from_raw_parts(memory.start.as_ptr(), self.len) },
            None => &[],
        }
    }

    /// The address of the bytes, for their owner to write to.
    #[cfg_attr(not(feature = "python"), expect(dead_code, reason = "arrays of NumPy are writable"))]
    pub(crate) fn start(&self) -> *mut u8 {
        self.memory.as_ref().map_or(std::ptr::null_mut(), |memory| memory.start.as_ptr())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let (Some(memory), Some(pool)) = (self.memory.take(), self.pool.upgrade()) {
            pool.put(memory);
        }
    }
}

/// Memory of batches that were dropped.
#[derive(Debug)]
pub(super) struct Pool {
    spare: Mutex<Vec<Memory>>,
    most: usize,
}

impl Pool {
    /// A pool that keeps the memory of up to `most` batches.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { spare: Mutex::new(Vec::new()), most })
    }

    /// A buffer of `len` bytes, all of which `write` initializes, unless it fails.
    ///
    /// # Errors
    /// That of `write`; [`Error::Io`](crate::Error::Io) where `len` is `None`, or the memory cannot be allocated.
    pub fn fill(
        self: &Arc<Self>,
        dir: &Path,
        len: Option<usize>,
        write: impl FnOnce(&mut Out) -> Result<()>,
    ) -> Result<Buffer> {
        let len = len.ok_or_else(|| memory::refused(dir))?;
        let memory = match self.take(len) {
            Some(memory) => memory,
            // Room for somewhat larger batches, so that it serves them as well.
            None => Memory::new(dir, len.saturating_add(len / 8).max(1))?,
        };
        // SAFETY: there are `len` bytes, which nothing else refers to.
        let out: &mut Out =
            unsafe { std::slice::from_raw_parts_mut(memory.start.as_ptr().cast::<MaybeUninit<u8>>(), len) };
        if let Err(error) = write(out) {
            self.put(memory);
            return Err(error);
        }
        Ok(Buffer { memory: Some(memory), len, pool: Arc::downgrade(self) })
    }

    /// The smallest memory for `len` bytes. Where there is none, a smaller one is given back to the system.
    fn take(&self, len: usize) -> Option<Memory> {
        let mut spare = self.spare.lock().ok()?;
        let fitting = spare.iter().enumerate().filter(|(_, memory)| memory.capacity >= len);
        let place = fitting.min_by_key(|(_, memory)| memory.capacity).map(|(place, _)| place);
        if place.is_none() {
            spare.pop();
        }
        place.map(|place| spare.swap_remove(place))
    }

    /// Keeps memory. In a forked child, the lock may be held by a thread that the fork did not copy.
    fn put(&self, memory: Memory) {
        if let Ok(mut spare) = self.spare.try_lock()
            && spare.len() < self.most
        {
            spare.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(pool: &Arc<Pool>, len: usize) -> Buffer {
        let write = |out: &mut Out| {
            out.fill(MaybeUninit::new(7));
            Ok(())
        };
        pool.fill(Path::new("map"), Some(len), write).unwrap()
    }

    #[test]
    fn memory_is_used_again_only_once_its_batch_is_dropped() {
        let pool = Pool::new(2);
        let (one, other) = (buffer(&pool, 100), buffer(&pool, 100));
        assert_ne!(one.bytes().as_ptr(), other.bytes().as_ptr());
        let address = one.bytes().as_ptr();
        drop(one);
        let again = buffer(&pool, 90);
        assert_eq!((again.bytes().as_ptr(), again.bytes()), (address, &[7; 90][..]));
        assert_eq!(address as usize % ALIGNMENT, 0);
    }

    #[test]
    fn a_pool_keeps_a_few_batches_and_a_batch_outlives_it() {
        let pool = Pool::new(2);
        let buffers: Vec<Buffer> = (0..5).map(|_| buffer(&pool, 10)).collect();
        let last = buffer(&pool, 0);
        drop(buffers);
        assert_eq!(pool.spare.lock().unwrap().len(), 2);
        drop(pool);
        assert!(last.bytes().is_empty());
    }

    #[test]
    fn memory_of_a_batch_that_failed_is_used_again() {
        let pool = Pool::new(1);
        assert!(pool.fill(Path::new("map"), Some(10), |_| Err(memory::refused(Path::new("map")))).is_err());
        assert_eq!(pool.spare.lock().unwrap().len(), 1);
    }

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        let pool = Pool::new(1);
        for len in [None, Some(usize::MAX), Some(isize::MAX as usize)] {
            assert!(pool.fill(Path::new("map"), len, |_| unreachable!()).is_err());
        }
    }
}
