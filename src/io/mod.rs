//! Files and mappings: opening untrusted files, mapping their bytes, advice to the kernel about them.

pub(crate) mod advice;
pub(crate) mod mapping;
pub(crate) mod residency;
pub(crate) mod untrusted;
