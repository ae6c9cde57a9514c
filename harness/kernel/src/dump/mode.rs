//! `PORT_CONFIGURATION_INFORMATION.DumpMode`: the four lives of a dump instance.

/// Why a dump instance is started (storport.h, `DUMP_MODE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpMode {
    /// Writes a crash dump.
    Crash,
    /// Writes the hibernation image.
    Hiber,
    /// Only says which memory it needs; leaves the hardware alone.
    MarkMemory,
    /// Reads the rest of the hibernation image.
    Resume,
}

impl DumpMode {
    /// As stored in the configuration information.
    #[must_use]
    pub const fn raw(self) -> u8 {
        match self {
            Self::Crash => 1,
            Self::Hiber => 2,
            Self::MarkMemory => 3,
            Self::Resume => 4,
        }
    }

    /// Does marking have an effect in this mode?
    #[must_use]
    pub const fn marks(self) -> bool {
        matches!(self, Self::Hiber | Self::MarkMemory)
    }

    /// May the instance touch its hardware?
    #[must_use]
    pub const fn touches_hardware(self) -> bool {
        !matches!(self, Self::MarkMemory)
    }

    /// Does the instance get a SHUTDOWN request as its last one?
    #[must_use]
    pub const fn ends_with_shutdown(self) -> bool {
        matches!(self, Self::Crash | Self::Hiber)
    }

    /// The name in the headers, without its prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "CRASH",
            Self::Hiber => "HIBER",
            Self::MarkMemory => "MARK_MEMORY",
            Self::Resume => "RESUME",
        }
    }
}
