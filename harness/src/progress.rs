//! Progress of long work: a spinner on a terminal, plain lines elsewhere. Everything goes to standard error; standard output
//! belongs to reports.

use std::{
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Nothing: somebody else reports.
    Silent,
    /// Steps only.
    Normal,
    /// Steps, and what the kernel and the tools print.
    Verbose,
}

/// Where progress is shown.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    verbosity: Verbosity,
    start: Instant,
}

impl Progress {
    /// Looks at standard error and chooses the form.
    #[must_use]
    pub fn new(verbosity: Verbosity) -> Self {
        let shown = verbosity != Verbosity::Silent && stderr().is_terminal();
        let bar = shown.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            bar,
            verbosity,
            start: Instant::now(),
        }
    }

    /// A new step begins.
    pub fn step(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self.line(text),
        }
    }

    /// A line that stays.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.line(text),
        }
    }

    /// A line that stays, shown only with `--verbose`.
    pub fn detail(&self, text: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.note(text);
        }
    }

    /// Removes the spinner, so that what follows stands alone.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        if self.verbosity == Verbosity::Silent {
            return;
        }
        eprintln!("[{:6.1} s] {text}", self.start.elapsed().as_secs_f64());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
