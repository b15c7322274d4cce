//! Progress bars on standard error: one per stage, with rate and time left.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use zerogr::index::{Progress, Stage};

/// Shows the stages of a long operation; silent when standard error is no terminal.
#[derive(Default)]
pub struct Stages {
    current: Option<(Stage, ProgressBar)>,
}

impl Stages {
    /// Takes a report of the library.
    pub fn report(&mut self, progress: Progress) {
        let started = self
            .current
            .as_ref()
            .is_some_and(|(stage, _)| *stage == progress.stage);
        if !started {
            self.finish();
            let bar = bar(progress.total as u64, progress.stage.label());
            self.current = Some((progress.stage, bar));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_position(progress.done as u64);
        }
    }

    /// Ends the last stage.
    pub fn finish(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish();
        }
    }
}

/// A bar over `total` units.
pub fn bar(total: u64, label: &str) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(label.to_owned());
    let template = "{msg:26} {bar:30} {pos}/{len}  {per_sec}  {elapsed}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
