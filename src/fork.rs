//! Which process made a thing. A forked child has a copy of it, and must neither use nor remove what belongs to its parent.

/// The process that made something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnerPid(u32);

impl OwnerPid {
    /// This process.
    pub fn current() -> Self {
        Self(std::process::id())
    }

    /// Whether this process is the owner, and not a child that was forked since.
    pub fn is_current(self) -> bool {
        self == Self::current()
    }
}
