//! What the registry says: the values below the driver's `Parameters` key.
//!
//! Key type: [`Parameters`]. Read once, in `DriverEntry`; there is no registry in the dump environment.

use ddi::{
    filter::{LoadFailure, Severity},
    registry::{Key, utf16},
};

/// Full path of the key. The filter is not told its own service name.
const PATH_TEXT: &str =
    r"\Registry\Machine\System\CurrentControlSet\Services\dumpfilter\Parameters";
const PATH: [u16; PATH_TEXT.len()] = utf16(PATH_TEXT);
const PUBLIC_KEY: [u16; 9] = utf16("PublicKey");
const ENCRYPT_CRASH_DUMPS: [u16; 17] = utf16("EncryptCrashDumps");
const ENCRYPT_HIBERNATION: [u16; 18] = utf16("EncryptHibernation");
const CRITICAL: [u16; 8] = utf16("Critical");

/// `STATUS_INVALID_PARAMETER`: there is no usable public key.
const NO_KEY: i32 = 0xC000_000D_u32.cast_signed();

/// The parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// X25519 public key to which data keys are sealed.
    pub(crate) public_key: [u8; 32],
    /// What happens to crash dumps.
    pub(crate) crash_dumps: Treatment,
    /// What happens to hibernation files.
    pub(crate) hibernation: Treatment,
    /// What becomes of a stack in which the filter does not load.
    pub(crate) severity: Severity,
}

/// What happens to files of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// They pass through. Hibernation files do unless told otherwise: the system's loader could not read anything else.
    Plain,
    /// They are encrypted.
    Encrypted,
}

impl Parameters {
    /// Reads them. `PASSIVE_LEVEL`.
    ///
    /// # Errors
    /// There is no key, or it is not 32 bytes of which one is not zero.
    pub(crate) fn read() -> Result<Self, LoadFailure> {
        let key = Key::open(&PATH).map_err(|status| LoadFailure {
            severity: Severity::Optional,
            status,
        })?;
        let is_set = |name, absent| key.dword(name).map_or(absent, |value| value != 0);
        let treatment = |name, absent| {
            if is_set(name, absent) {
                Treatment::Encrypted
            } else {
                Treatment::Plain
            }
        };
        let severity = if is_set(&CRITICAL, false) {
            Severity::Critical
        } else {
            Severity::Optional
        };
        let public_key = key
            .binary(&PUBLIC_KEY)
            .filter(|bytes| bytes != &[0; 32])
            .ok_or(LoadFailure {
                severity,
                status: NO_KEY,
            })?;
        Ok(Self {
            public_key,
            crash_dumps: treatment(&ENCRYPT_CRASH_DUMPS, true),
            hibernation: treatment(&ENCRYPT_HIBERNATION, false),
            severity,
        })
    }
}
