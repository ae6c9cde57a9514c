//! The syntax of INF files: sections, entries, values, strings.
//!
//! Key types: [`Inf`], [`Section`], [`Entry`]. A comment runs from a semicolon outside of quotes to the end of the line; values are
//! separated by commas outside of quotes; `%name%` stands for an entry of `[Strings]`, `%number%` for a directory, `%%` for a percent
//! sign. Section names and keys are the same in upper and lower case.

use std::collections::{BTreeMap, BTreeSet};

/// A file.
#[derive(Debug, Default)]
pub(super) struct Inf {
    pub(super) sections: Vec<Section>,
}

/// A section with its entries in order.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) entries: Vec<Entry>,
}

/// `key = value, ...` or `value, ...`, with strings put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Option<String>,
    pub(super) values: Vec<String>,
}

impl Inf {
    /// Reads a file; `broken` gets what the syntax does not allow, and strings that are missing or unused.
    pub(super) fn parse(text: &str, broken: &mut Vec<String>) -> Self {
        let mut raw = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = without_comment(line).trim();
            if line.is_empty() {
                continue;
            }
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                if raw.section(name).is_some() {
                    broken.push(format!("[{name}] is there twice"));
                }
                raw.sections.push(Section {
                    name: name.to_owned(),
                    entries: Vec::new(),
                });
                continue;
            }
            let Some(section) = raw.sections.last_mut() else {
                broken.push(format!("line {} is in no section", number + 1));
                continue;
            };
            if quotes(line) % 2 == 1 {
                broken.push(format!("line {} has an open quotation mark", number + 1));
            }
            section.entries.push(entry(line));
        }
        raw.with_strings(broken)
    }

    /// A section by name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.name.eq_ignore_ascii_case(name))
    }

    /// The first value of the entry with this key.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.section(section)?.value(key)
    }

    fn with_strings(mut self, broken: &mut Vec<String>) -> Self {
        let mut strings = BTreeMap::new();
        if let Some(section) = self.section("Strings") {
            for entry in &section.entries {
                if let (Some(key), Some(value)) = (&entry.key, entry.values.first()) {
                    strings.insert(key.to_ascii_lowercase(), value.clone());
                }
            }
        }
        let mut used = BTreeSet::new();
        let mut expand = |text: &str| expand(text, &strings, &mut used, broken);
        for section in &mut self.sections {
            if section.name.eq_ignore_ascii_case("Strings") {
                continue;
            }
            section.name = expand(&section.name);
            for entry in &mut section.entries {
                entry.key = entry.key.as_deref().map(&mut expand);
                for value in &mut entry.values {
                    *value = expand(value);
                }
            }
        }
        for name in strings.keys() {
            if !used.contains(name) {
                broken.push(format!("string {name} is not used"));
            }
        }
        self
    }
}

impl Section {
    /// The first value of the entry with this key.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        let entry = self.entry(key)?;
        entry.values.first().map(String::as_str)
    }

    /// The entry with this key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| {
            entry
                .key
                .as_deref()
                .is_some_and(|have| have.eq_ignore_ascii_case(key))
        })
    }
}

fn quotes(text: &str) -> usize {
    text.matches('"').count()
}

/// The position of the first `wanted` outside of quotation marks.
fn outside_quotes(text: &str, wanted: char) -> Option<usize> {
    let mut is_quoted = false;
    text.char_indices().find_map(|(at, character)| {
        is_quoted ^= character == '"';
        (character == wanted && !is_quoted).then_some(at)
    })
}

fn without_comment(line: &str) -> &str {
    outside_quotes(line, ';').map_or(line, |at| line.split_at(at).0)
}

fn entry(line: &str) -> Entry {
    let (key, mut rest) = match outside_quotes(line, '=') {
        Some(at) => {
            let (key, rest) = line.split_at(at);
            (Some(unquoted(key)), rest.split_at(1).1)
        }
        None => (None, line),
    };
    let mut values = Vec::new();
    while let Some(at) = outside_quotes(rest, ',') {
        let (value, tail) = rest.split_at(at);
        values.push(unquoted(value));
        rest = tail.split_at(1).1;
    }
    values.push(unquoted(rest));
    Entry { key, values }
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches('"').to_owned()
}

fn expand(
    text: &str,
    strings: &BTreeMap<String, String>,
    used: &mut BTreeSet<String>,
    broken: &mut Vec<String>,
) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('%') else {
            broken.push(format!("{text} has an open percent sign"));
            return out;
        };
        rest = tail;
        let key = name.to_ascii_lowercase();
        if name.is_empty() {
            out.push('%');
        } else if name.chars().all(|digit| digit.is_ascii_digit()) {
            // A directory; it stays as it is written.
            out.extend(["%", name, "%"]);
        } else if let Some(value) = strings.get(&key) {
            out.push_str(value);
            used.insert(key);
        } else {
            broken.push(format!("string {name} is not in [Strings]"));
        }
    }
    out.push_str(rest);
    out
}
