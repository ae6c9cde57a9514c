//! Whether an instruction that writes memory is atomic: such a one orders itself with others and is no half of a race.
//!
//! Pure: looks at prefixes and opcode only (Intel SDM volume 2, 2.1.1, and `XCHG`, which is locked without a prefix).
//! Neighbour: [`super::race`].

/// Longest instruction, in bytes.
pub const LONGEST: usize = 15;

const LOCK: u8 = 0xF0;

/// Whether the instruction at the start of `bytes` has a LOCK prefix or is an `XCHG` with memory.
#[must_use]
pub fn is_atomic(bytes: &[u8]) -> bool {
    for &byte in bytes.iter().take(LONGEST) {
        match byte {
            LOCK => return true,
            // Operand and address size, segments, repetition, REX.
            0x26 | 0x2E | 0x36 | 0x3E | 0x64..=0x67 | 0xF2 | 0xF3 | 0x40..=0x4F => {}
            opcode => return matches!(opcode, 0x86 | 0x87),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_atomic;

    #[test]
    fn plain_stores_are_not() {
        for store in [
            // mov [rax], cx; mov [r8], rdx; movups [rax], xmm0; rep stosq; add [rax], ecx; stosb
            &[0x66, 0x89, 0x08][..],
            &[0x49, 0x89, 0x10],
            &[0x0F, 0x11, 0x00],
            &[0xF3, 0x48, 0xAB],
            &[0x01, 0x08],
            &[0xAA],
            &[],
        ] {
            assert!(!is_atomic(store), "{store:x?}");
        }
    }

    #[test]
    fn locked_instructions_and_exchanges_are() {
        for atomic in [
            // lock xadd [rax], cx; lock cmpxchg [r8], rdx; xchg [rax], ecx; xchg [r9], r10w
            &[0x66, 0xF0, 0x0F, 0xC1, 0x08][..],
            &[0xF0, 0x49, 0x0F, 0xB1, 0x10],
            &[0x87, 0x08],
            &[0x66, 0x45, 0x87, 0x11],
        ] {
            assert!(is_atomic(atomic), "{atomic:x?}");
        }
    }
}
