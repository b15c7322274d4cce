//! What version control ignores is not read: what a build makes, and what others wrote.
//!
//! The rules of the `.gitignore` files of a folder and of the folders in it count, the inner ones
//! first; those of folders above it do not.

use std::path::Path;

#[cfg(feature = "files")]
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules that hold in a folder.
#[derive(Clone, Default)]
pub(super) struct IgnoreRules {
    /// Of the outermost folder first.
    #[cfg(feature = "files")]
    chain: Vec<Gitignore>,
}

#[cfg(feature = "files")]
impl IgnoreRules {
    /// These rules and those of `folder`, which lies where they hold. A file of rules that cannot be
    /// read has none, and so has a line that is no rule.
    pub(super) fn inside(&self, folder: &Path) -> Self {
        let mut rules = self.clone();
        let path = folder.join(".gitignore");
        if !path.exists() {
            return rules;
        }
        if let Ok(text) = super::lines::read_text(&path, &std::sync::Arc::default()) {
            let mut builder = GitignoreBuilder::new(folder);
            for line in text.lines() {
                let _ = builder.add_line(None, line);
            }
            rules.chain.extend(builder.build().ok());
        }
        rules
    }

    /// Whether something in the folder is ignored.
    pub(super) fn ignore(&self, path: &Path, is_folder: bool) -> bool {
        let said = |rules: &Gitignore| match rules.matched(path, is_folder) {
            ignore::Match::None => None,
            ignore::Match::Ignore(_) => Some(true),
            ignore::Match::Whitelist(_) => Some(false),
        };
        self.chain.iter().rev().find_map(said).unwrap_or(false)
    }
}

#[cfg(not(feature = "files"))]
impl IgnoreRules {
    pub(super) fn inside(&self, _folder: &Path) -> Self {
        self.clone()
    }

    pub(super) fn ignore(&self, _path: &Path, _is_folder: bool) -> bool {
        false
    }
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use super::*;

    #[test]
    fn inner_rules_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let (outer, inner) = (folder.path(), folder.path().join("docs"));
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(outer.join(".gitignore"), "# made\n/target\n*.log.md\n[\n").unwrap();
        std::fs::write(inner.join(".gitignore"), "!kept.log.md\n").unwrap();
        let rules = IgnoreRules::default().inside(outer);
        assert!(rules.ignore(&outer.join("target"), true));
        assert!(!rules.ignore(&inner.join("target"), true));
        assert!(rules.ignore(&outer.join("a.log.md"), false));
        assert!(!rules.ignore(&outer.join("a.md"), false));
        let rules = rules.inside(&inner);
        assert!(!rules.ignore(&inner.join("kept.log.md"), false));
        assert!(rules.ignore(&inner.join("other.log.md"), false));
    }
}
