//! Adding and removing fields.

use super::Records;
use crate::error::Result;
use crate::txn::{self, BuildSession};

impl Records {
    /// Begins to build a new field, or, to `resume`, continues what an interrupted build of it has left. It grows in
    /// [`BuildSession::partial`], a hidden directory, as any dataset does; once it has a sample for every record,
    /// [`BuildSession::finish`] makes it a field. No other field is touched, and records may be appended meanwhile.
    ///
    /// ```
    /// use mmap_ninja::{Dtype, FieldBatch, Mode, Records, Strings};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("train");
    /// Records::create(&path, &[FieldBatch::dense("label", &Dtype::of::<u8>(), &[2], &[7_u8, 8])])?;
    /// let mut train = Records::open(&path, Mode::ReadOnly)?;
    /// let build = train.add_field("name", false)?;
    /// Strings::create(build.partial().join(""), None, &["a", "b"])?;
    /// build.finish()?;
    /// train.refresh()?;
    /// assert_eq!(train.strings("name")?.get(1)?, "b");
    /// # Ok::<(), mmap_ninja::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed); [`Error::Argument`](crate::Error::Argument) where there is such a field, it
    /// cannot have this name, or only some are open; as [`BuildSession::begin`].
    pub fn add_field(&self, name: &str, resume: bool) -> Result<BuildSession> {
        self.view.check_open()?;
        self.check_whole()?;
        BuildSession::begin_field(&self.view.dir, name, None, resume, self.options.clone())
    }

    /// Removes a field and its files. Readers that have it open keep it.
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed); [`Error::Argument`](crate::Error::Argument) where there is no such field, or
    /// no other, or where only some are open; [`Error::Busy`](crate::Error::Busy); [`Error::Interrupted`](crate::Error::Interrupted);
    /// [`Error::Io`](crate::Error::Io).
    pub fn remove_field(&mut self, name: &str) -> Result<()> {
        self.view.check_open()?;
        self.check_whole()?;
        txn::remove_field(&self.view.dir, name, &self.options)?;
        self.refresh()
    }
}
