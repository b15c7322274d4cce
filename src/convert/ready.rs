//! A folder that appears whole.
//!
//! I1. The folder appears by one rename when all is written: a failure or a kill leaves nothing
//! at its place (a killed import leaves a `.zerogr-import-…` folder beside it).

use std::fs;
use std::path::Path;

use crate::{Error, ErrorKind, Result};

/// A folder under construction, beside its place.
pub(super) struct Ready(tempfile::TempDir);

impl Ready {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AlreadyExists`] when something is at the place; [`ErrorKind::Io`] when the
    /// folder cannot be made.
    pub fn beside(dir: &Path) -> Result<Ready> {
        // A link that leads nowhere is something, too.
        if dir.symlink_metadata().is_ok() {
            let message = format!(
                "{} exists; name a folder that does not, or remove it",
                dir.display()
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
        let parent = match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(|e| Error::io("creating", parent, e))?;
        let folder = tempfile::Builder::new()
            .prefix(".zerogr-import-")
            .tempdir_in(parent);
        let folder = folder.map_err(|e| Error::io("creating a folder in", parent, e))?;
        Ok(Ready(folder))
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Moves the folder to its place (I1).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when it cannot be moved.
    pub fn publish(self, dir: &Path) -> Result<()> {
        #[cfg(unix)]
        {
            // Temporary folders are private; a model is not.
            use std::os::unix::fs::PermissionsExt;
            let permissions = fs::Permissions::from_mode(0o755);
            fs::set_permissions(self.path(), permissions)
                .map_err(|e| Error::io("finishing", self.path(), e))?;
        }
        fs::rename(self.path(), dir).map_err(|e| Error::io("creating", dir, e))?;
        // What the guard would remove is gone.
        let _ = self.0.keep();
        Ok(())
    }
}
