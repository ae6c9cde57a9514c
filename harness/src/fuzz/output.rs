//! What a fuzz target of libFuzzer says of itself, as figures. Pure.
//!
//! Source: LLVM's documentation, "libFuzzer – a library for coverage-guided fuzz testing", section "Output".

use std::path::PathBuf;

/// How a run went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Edges of the program that are watched.
    pub edges: u64,
    /// Edges that the inputs kept from earlier runs reach.
    pub reached_before: Option<u64>,
    /// Edges that were reached in the end.
    pub reached: u64,
    /// Inputs that are kept, each of which reaches something that the others do not.
    pub kept: u64,
    /// Inputs that were tried.
    pub tried: u64,
    /// Input that makes the target fail.
    pub artifact: Option<PathBuf>,
    /// Why it failed: the panic's place and words, or libFuzzer's own.
    pub failure: Option<String>,
}

impl Outcome {
    /// Reads the whole output.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut outcome = Self::default();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some((_, tail)) = line.split_once(" PC tables (") {
                outcome.edges = leading_number(tail);
            } else if line.starts_with('#') {
                outcome.status(line);
            } else if let Some((_, path)) = line.split_once("Test unit written to ") {
                outcome.artifact = Some(path.trim().into());
            } else if line.starts_with("thread ") && line.contains(" panicked at ") {
                let place = line
                    .split_once(" panicked at ")
                    .map_or("", |(_, place)| place);
                let words = lines.next().unwrap_or_default();
                outcome.failure = Some(format!("{place} {}", words.trim()));
            } else if let Some((_, words)) = line.split_once("ERROR: libFuzzer: ") {
                outcome
                    .failure
                    .get_or_insert_with(|| words.trim().to_owned());
            }
        }
        outcome
    }

    /// `#1024  NEW    cov: 32 ft: 35 corp: 4/99b lim: 4096 exec/s: 0 rss: 28Mb ...`.
    fn status(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        if let Some(tried) = words.next().and_then(|word| word.strip_prefix('#')) {
            self.tried = tried.parse().unwrap_or(self.tried);
        }
        let event = words.next();
        while let Some(word) = words.next() {
            match word {
                "cov:" => self.reached = words.next().map_or(0, leading_number),
                "corp:" => self.kept = words.next().map_or(0, leading_number),
                _ => {}
            }
        }
        if event == Some("INITED") {
            self.reached_before = Some(self.reached);
        }
    }
}

fn leading_number(text: &str) -> u64 {
    let digits = text.find(|character: char| !character.is_ascii_digit());
    let number = digits.map_or(Some(text), |end| text.get(..end));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
INFO: Running with entropic power schedule (0xFF, 100).
INFO: Loaded 1 modules   (700 inline 8-bit counters): 700 [0x1, 0x2), 
INFO: Loaded 1 PC tables (700 PCs): 700 [0x1,0x2), 
#2	INITED cov: 12 ft: 12 corp: 1/1b exec/s: 0 rss: 27Mb
#304904	NEW    cov: 193 ft: 879 corp: 358/35Kb lim: 1220 exec/s: 76226 rss: 28Mb L: 1182/1182 MS: 1 PersAutoDict- DE: \"\\000\"-
#771013	DONE   cov: 195 ft: 907 corp: 377/48Kb lim: 3689 exec/s: 48188 rss: 28Mb
";

    #[test]
    fn a_good_run_has_figures() {
        assert_eq!(
            Outcome::read(GOOD),
            Outcome {
                edges: 700,
                reached_before: Some(12),
                reached: 195,
                kept: 377,
                tried: 771_013,
                artifact: None,
                failure: None,
            }
        );
    }

    #[test]
    fn a_panic_is_named_with_its_place_and_its_input() {
        let text = format!(
            "{GOOD}\nthread '<unnamed>' (77) panicked at src/ring.rs:5:9:\na request was lost\nnote: run with\n==77== ERROR: libFuzzer: deadly signal\nartifact_prefix='a/'; Test unit written to a/crash-12\nBase64: AA==\n"
        );
        let outcome = Outcome::read(&text);
        assert_eq!(
            outcome.failure.as_deref(),
            Some("src/ring.rs:5:9: a request was lost")
        );
        assert_eq!(outcome.artifact, Some(PathBuf::from("a/crash-12")));
        let slow = Outcome::read("==1== ERROR: libFuzzer: timeout after 20 seconds\n");
        assert_eq!(slow.failure.as_deref(), Some("timeout after 20 seconds"));
    }
}
