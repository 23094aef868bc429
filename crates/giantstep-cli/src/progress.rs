//! A progress bar on standard error.

use std::io::{IsTerminal, stderr};

use giantstep_lab::work::{Event, Observer, Task};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error with the time left; silent where standard error is not a terminal. Gone when dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that people see, if there is a terminal.
    pub fn visible() -> Self {
        Self::drawn_on(if stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        })
    }

    /// A bar that nobody sees.
    pub fn hidden() -> Self {
        Self::drawn_on(ProgressDrawTarget::hidden())
    }

    fn drawn_on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{msg}{wide_bar} {percent:>3} %  {eta} left");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar }
    }
}

impl Observer for Progress {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Begins { task, units } => {
                self.bar.set_message(match task {
                    Task::Runs => "",
                    Task::Predictions => "predictions  ",
                    Task::Figures => "figures  ",
                });
                self.bar.set_position(0);
                self.bar.set_length(units);
                self.bar.reset_eta();
            }
            Event::Done { units, .. } => self.bar.inc(units),
            Event::Step { .. } | Event::Ended { .. } => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_follows_the_work() {
        let progress = Progress::hidden();
        let task = Task::Runs;
        progress.event(Event::Begins { task, units: 100 });
        progress.event(Event::Done { task, units: 40 });
        assert_eq!(
            (progress.bar.position(), progress.bar.length()),
            (40, Some(100))
        );
        progress.event(Event::Begins { task, units: 7 });
        assert_eq!(
            (progress.bar.position(), progress.bar.length()),
            (0, Some(7))
        );
    }
}
