//! Progress bars on standard error: one per stage, with rate and time left.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use zerogr::{Progress, Stage};

use super::output;

/// Shows the stages of a long operation; silent when standard error is no terminal.
#[derive(Default)]
pub struct Stages {
    current: Option<(Stage, ProgressBar)>,
    started: Option<Instant>,
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
            // What an earlier run did says nothing about the time left.
            bar.set_position(progress.done.saturating_sub(1) as u64);
            bar.reset_eta();
            self.started = Some(Instant::now());
            self.current = Some((progress.stage, bar));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_position(progress.done as u64);
            if let Some(started) = self.started.filter(|_| progress.tokens > 0) {
                let seconds = started.elapsed().as_secs_f64().max(1e-3);
                let rate = progress.tokens as f64 / seconds;
                bar.set_message(format!("{} {rate:.0} tok/s", progress.stage.label()));
            }
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
    let bar = ProgressBar::new(total).with_message(output::inline(label));
    let template = "{msg:26} {bar:30} {pos}/{len}  {per_sec}  {elapsed}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_shown_and_not_obeyed() {
        assert_eq!(bar(1, "a\x1b[2Jb\r").message(), "a␛[2Jb␍");
    }
}
