//! Names the formats of this crate by a hash of its sources: whoever shares not all of them does not share the formats.

use std::{fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    files.sort();
    let mut hash = FNV_OFFSET;
    for file in &files {
        let name = file.replace('\\', "/");
        // A hash of what cannot be read would name formats that nobody has.
        let content = fs::read(file).unwrap_or_else(|error| panic!("cannot read {file}: {error}"));
        for part in [name.as_bytes(), &[0], &content, &[0]] {
            hash = part.iter().fold(hash, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
            });
        }
    }
    println!("cargo::rustc-env=PROTO_FINGERPRINT={hash:016x}");
}

/// FNV-1a, 64 bits.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x100_0000_01b3;

fn collect(directory: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path.to_string_lossy().into_owned());
        }
    }
}
