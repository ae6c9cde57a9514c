//! House rules that no compiler knows: where unsafe code may be, what a file looks like, what the documents must name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use harness::{red::Case, verdict::CHECKS};

/// Longest source file in lines.
const SOURCE_LINES_MAX: usize = 500;
/// Longest document in lines.
const DOCUMENT_LINES_MAX: usize = 400;
/// Directories and files in which unsafe code may be.
const UNSAFE_ALLOWED: [&str; 7] = [
    "miniport/ddi/",
    "harness/kernel/src/hw/",
    "harness/kernel/src/mem/raw.rs",
    "harness/kernel/src/boot.rs",
    "miniport/src/lib.rs",
    "miniport/dump-header/src/lib.rs",
    "miniport/dump-filter/src/lib.rs",
];
/// Crates that forbid it in their roots.
const UNSAFE_FORBIDDEN: [&str; 5] = [
    "miniport/hba/src/lib.rs",
    "miniport/dump-header/fwcfg/src/lib.rs",
    "harness/proto/src/lib.rs",
    "harness/floor/src/lib.rs",
    "harness/src/lib.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file of the repository with its path in it and its text.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(&root(), "", extensions, &mut found);
    assert!(!found.is_empty());
    found
}

fn collect(directory: &Path, prefix: &str, extensions: &[&str], found: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(directory)
        .expect("readable")
        .map(|entry| entry.expect("readable"))
        .collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            let skipped = name == "target" || name == ".git" || name == "corpus";
            if !skipped {
                collect(&entry.path(), &format!("{path}/"), extensions, found);
            }
        } else if extensions.iter().any(|extension| name.ends_with(extension)) {
            let text = fs::read_to_string(entry.path()).expect("text");
            found.push((path, text));
        }
    }
}

/// Fails with all offenders at once.
fn none(what: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{what}:\n{}", offenders.join("\n"));
}

/// A source line without its comment; good enough to find keywords.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn every_source_file_has_a_header_and_is_short() {
    let mut offenders = Vec::new();
    for (path, text) in files(&[".rs"]) {
        // The bindings are included into modules of wdk-sys, where the inner form of a comment is not allowed.
        let bindings = path.starts_with("miniport/ddi/bindings/");
        if !text.starts_with(if bindings { "//" } else { "//!" }) {
            offenders.push(format!("{path}: no header"));
        }
        let lines = text.lines().count();
        if lines > SOURCE_LINES_MAX && !bindings {
            offenders.push(format!("{path}: {lines} lines"));
        }
    }
    none("source files", &offenders);
}

#[test]
fn unsafe_code_is_where_it_may_be_and_says_why() {
    let mut offenders = Vec::new();
    for (path, text) in files(&[".rs"]) {
        let keyword = concat!("un", "safe");
        let uses = text.lines().any(|line| {
            let code = code(line);
            [" {", " fn", " impl", " extern", " trait", "("]
                .iter()
                .any(|after| code.contains(&format!("{keyword}{after}")))
                && !code.contains('"')
        });
        if !uses {
            continue;
        }
        if !UNSAFE_ALLOWED
            .iter()
            .any(|allowed| path.starts_with(allowed))
        {
            offenders.push(format!("{path}: not the place"));
        }
        let generated = path.starts_with("miniport/ddi/bindings/");
        let opts_in = text.contains(concat!("expect(", "\n    unsafe_code"))
            || text.contains("expect(unsafe_code");
        if opts_in && !generated && path != "miniport/src/lib.rs" && !text.contains("UNSAFETY:") {
            offenders.push(format!("{path}: no UNSAFETY sentence"));
        }
    }
    none("unsafe code", &offenders);
}

#[test]
fn the_other_crates_forbid_it() {
    for path in UNSAFE_FORBIDDEN {
        let text = fs::read_to_string(root().join(path)).expect("readable");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{path}");
    }
}

#[test]
fn nothing_names_a_machine_or_a_registry() {
    let words = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("arti", "factory"),
        concat!("index.", "crates.io"),
    ];
    let mut offenders = Vec::new();
    for (path, text) in files(&[
        ".rs", ".toml", ".md", ".inf", ".txt", ".json", ".lock", "run",
    ]) {
        for (number, line) in (1..).zip(text.lines()) {
            if words.iter().any(|word| line.contains(word)) {
                offenders.push(format!("{path}:{number}: {line}"));
            }
        }
    }
    none("places", &offenders);
}

#[test]
fn documents_are_short_and_their_links_lead_somewhere() {
    let mut offenders = Vec::new();
    for (path, text) in files(&[".md"]) {
        let lines = text.lines().count();
        if lines > DOCUMENT_LINES_MAX {
            offenders.push(format!("{path}: {lines} lines"));
        }
        let directory = root().join(&path);
        let directory = directory.parent().expect("a file is in a directory");
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || file.is_empty();
            if !outside && !directory.join(file).exists() {
                offenders.push(format!("{path}: {target} does not exist"));
            }
        }
    }
    none("documents", &offenders);
}

#[test]
fn the_files_that_documents_name_exist() {
    let mut offenders = Vec::new();
    for (path, text) in files(&[".md"]) {
        for word in text.split('`').skip(1).step_by(2) {
            let in_repository = ["miniport/", "harness/", "inf/", "docs/"]
                .iter()
                .any(|start| word.starts_with(start));
            let plain = !word.contains([' ', '*', '<', '\\']);
            if in_repository && plain && !root().join(word).exists() {
                offenders.push(format!("{path}: {word}"));
            }
        }
    }
    none("no such file", &offenders);
}

#[test]
fn every_check_rule_and_red_case_is_documented() {
    let document = fs::read_to_string(root().join("docs/testing.md")).expect("readable");
    let table = root().join("harness/kernel/src/rules/table.rs");
    let table = fs::read_to_string(table).expect("readable");
    let rules: Vec<&str> = table
        .split_once("\nrules! {")
        .expect("the table of rules")
        .1
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(", "))
        .map(|(name, _)| name)
        .filter(|name| {
            name.chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_')
        })
        .collect();
    assert!(rules.len() > 80, "{} rules", rules.len());
    let cases = Case::all(&root()).expect("readable");
    let names = rules
        .into_iter()
        .map(str::to_owned)
        .chain(CHECKS.iter().map(|(name, _)| (*name).to_owned()))
        .chain(cases.into_iter().map(|case| case.name));
    let missing: Vec<String> = names
        .filter(|name| !document.contains(&format!("| `{name}` |")))
        .collect();
    none("not in docs/testing.md", &missing);
}

#[test]
fn red_cases_expect_names_that_exist() {
    let document = fs::read_to_string(root().join("docs/testing.md")).expect("readable");
    for case in Case::all(&root()).expect("readable") {
        for name in &case.expect {
            assert!(
                document.contains(&format!("| `{name}` |")),
                "{} expects {name}",
                case.name
            );
        }
    }
}
