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
const ENCRYPT_HIBERNATION: [u16; 18] = utf16("EncryptHibernation");
const CRITICAL: [u16; 8] = utf16("Critical");

/// `STATUS_INVALID_PARAMETER`: there is no usable public key.
const NO_KEY: i32 = 0xC000_000D_u32.cast_signed();

/// The parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// X25519 public key to which data keys are sealed.
    pub(crate) public_key: [u8; 32],
    /// Whether hibernation files are encrypted too.
    pub(crate) hibernation: Hibernation,
    /// What becomes of a stack in which the filter does not load.
    pub(crate) severity: Severity,
}

/// What happens to hibernation files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hibernation {
    /// They pass through: the system's loader could not read anything else.
    Plain,
    /// They are encrypted: the loader can undo it.
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
        let is_set = |name| key.dword(name).is_some_and(|value| value != 0);
        let severity = if is_set(&CRITICAL) {
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
            hibernation: if is_set(&ENCRYPT_HIBERNATION) {
                Hibernation::Encrypted
            } else {
                Hibernation::Plain
            },
            severity,
        })
    }
}
