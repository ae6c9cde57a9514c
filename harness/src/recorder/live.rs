//! A flight recorder in the memory of a running guest: found by its magic in the driver's image, wherever that was loaded.
//!
//! [`find`] reads through whatever memory its caller has; `cargo harness debug` gives it the debugger's.

use super::{HEADER_BYTES, MAGIC, Recording, decode};

/// Memory is asked for in pieces of this length: what is not mapped in between is left out.
const PAGE_BYTES: u64 = 4096;
/// The recorder's alignment.
const ALIGNMENT: usize = 8;

/// The recorder in the image of `bytes` bytes at `base`, and its address. `read` gives memory, or nothing where there is none.
pub fn find(
    base: u64,
    bytes: u64,
    mut read: impl FnMut(u64, u64) -> Option<Vec<u8>>,
) -> Option<(u64, Recording)> {
    let mut mapped: Option<(u64, Vec<u8>)> = None;
    for page in (0..bytes).step_by(4096) {
        match (read(base + page, PAGE_BYTES), &mut mapped) {
            (Some(content), Some((_, stretch))) => stretch.extend(content),
            (Some(content), none) => *none = Some((base + page, content)),
            (None, _) => {
                if let Some(found) = mapped.take().and_then(look) {
                    return Some(found);
                }
            }
        }
    }
    mapped.and_then(look)
}

/// The recorder in a stretch of memory. A copy of the magic alone, in the driver's code for instance, is none.
fn look((start, stretch): (u64, Vec<u8>)) -> Option<(u64, Recording)> {
    (0..stretch.len().saturating_sub(HEADER_BYTES))
        .step_by(ALIGNMENT)
        .filter(|offset| stretch[*offset..].starts_with(&MAGIC))
        .find_map(|offset| {
            let recording = decode(&stretch[offset..]).ok()?;
            Some((start + offset as u64, recording))
        })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::ring, find};

    const BASE: u64 = 0xFFFF_8000_0010_0000;

    /// An image of five pages of which the second is not mapped, with the magic alone in the third and a recorder across the last two.
    fn memory() -> Vec<u8> {
        let mut memory = vec![0; 5 * 4096];
        memory[2 * 4096..2 * 4096 + 8].copy_from_slice(b"HIBERREC");
        let recorder = ring(128, 7);
        let start = 3 * 4096 + 512;
        memory[start..start + recorder.len()].copy_from_slice(&recorder);
        memory
    }

    #[test]
    fn it_is_found_behind_a_hole_and_a_false_magic() {
        let memory = memory();
        let read = |address: u64, bytes: u64| {
            let page = address - BASE;
            let start = usize::try_from(page).expect("small");
            (page != 4096)
                .then(|| memory[start..start + usize::try_from(bytes).expect("small")].to_vec())
        };
        let (address, recording) = find(BASE, 5 * 4096, read).expect("found");
        assert_eq!(address, BASE + 3 * 4096 + 512);
        assert_eq!(recording.events.len(), 7);
    }

    #[test]
    fn an_image_without_one_has_none() {
        assert_eq!(
            find(BASE, 8192, |_, bytes| Some(vec![
                0;
                usize::try_from(bytes)
                    .expect("small")
            ])),
            None
        );
        assert_eq!(find(BASE, 8192, |_, _| None), None);
    }
}
