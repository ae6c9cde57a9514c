//! The register block of QEMU's x86-64 stub: sixteen general registers, `rip`, `eflags`, segments.
//!
//! Source: gdb's target description `org.gnu.gdb.i386.core` for 64-bit targets.

/// The registers that a call's arguments and its return address need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// Return value, and the entry point that a call goes to.
    pub rax: u64,
    /// Preserved by calls.
    pub rbx: u64,
    /// First argument (Windows x64).
    pub rcx: u64,
    /// Second argument.
    pub rdx: u64,
    /// First argument of the System V convention.
    pub rdi: u64,
    /// Second argument of the System V convention.
    pub rsi: u64,
    /// Frame pointer.
    pub rbp: u64,
    /// Stack pointer.
    pub rsp: u64,
    /// Third argument.
    pub r8: u64,
    /// Fourth argument.
    pub r9: u64,
    /// Instruction pointer.
    pub rip: u64,
    /// Flags.
    pub eflags: u32,
}

impl Registers {
    /// Reads the answer to the `g` packet; `None` if it is too short.
    #[must_use]
    pub fn parse(block: &[u8]) -> Option<Self> {
        let at = |index: usize| -> Option<u64> {
            let bytes = block.get(index * 8..index * 8 + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let eflags = block.get(17 * 8..17 * 8 + 4)?;
        Some(Self {
            rax: at(0)?,
            rbx: at(1)?,
            rcx: at(2)?,
            rdx: at(3)?,
            rsi: at(4)?,
            rdi: at(5)?,
            rbp: at(6)?,
            rsp: at(7)?,
            r8: at(8)?,
            r9: at(9)?,
            rip: at(16)?,
            eflags: u32::from_le_bytes(eflags.try_into().ok()?),
        })
    }
}
