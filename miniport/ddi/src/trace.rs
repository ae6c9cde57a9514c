//! Structured events for Event Tracing for Windows: what a driver reports besides the system event log.
//!
//! Key types: [`TraceEvent`], [`Level`]. An event has a number, a description, and up to four named values; Storport writes it to its
//! diagnostic channel (`Microsoft-Windows-StorPort/Diagnostic`), or, where it knows no channels, to its trace. Texts are UTF-16
//! constants made by [`wide`].
//! Source: `nf-storport-storportetwevent4.md`.
#![expect(unsafe_code, reason = "passes raw texts to the port driver")]
// UNSAFETY: texts and addresses cross the border as raw pointers.

use core::{ffi::c_int, ptr};

use wdk_sys::{
    PSTOR_ADDRESS, PWSTR, STOR_ADDR_BTL8, STOR_ADDR_BTL8_ADDRESS_LENGTH, STOR_ADDRESS_TYPE_BTL8,
};

use crate::{
    inlines,
    port::{Port, UnitAddress},
    status::StorError,
};

/// Named values of an event.
pub const VALUES: usize = 4;
/// No category of the documented ones (I/O, performance, power, enumeration): a failure is in none of them.
const NO_KEYWORDS: u64 = 0;
/// `StorportEtwEventOpcodeInfo`.
const OPCODE_INFO: c_int = 0;

/// How much an event matters (`STORPORT_ETW_LEVEL`; the numbers are those of every ETW level).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Level {
    /// The adapter does not work any more.
    Critical = 1,
    /// Something failed.
    Error = 2,
    /// Something failed and was set right.
    Warning = 3,
    /// Something happened.
    Informational = 4,
}

/// An ASCII text as UTF-16 with a final zero, at compile time: `wide::<{ TEXT.len() + 1 }>(TEXT)`.
///
/// # Panics
/// The text is not ASCII, or the length is not its own and one more: at compile time, where the result is a constant.
#[must_use]
pub const fn wide<const UNITS: usize>(text: &str) -> [u16; UNITS] {
    let bytes = text.as_bytes();
    assert!(bytes.len() + 1 == UNITS, "one unit for the final zero");
    let mut units = [0; UNITS];
    let mut index = 0;
    while index < bytes.len() {
        assert!(bytes[index].is_ascii(), "texts of events are ASCII");
        units[index] = bytes[index] as u16;
        index += 1;
    }
    units
}

/// A UTF-16 text with a final zero.
#[derive(Clone, Copy, Debug)]
pub struct Text(&'static [u16]);

impl Text {
    /// No text.
    pub const NONE: Self = Self(&[0]);

    /// The text in `units`.
    ///
    /// # Panics
    /// It has no final zero: at compile time, where the result is a constant.
    #[must_use]
    pub const fn new(units: &'static [u16]) -> Self {
        assert!(
            matches!(units.last(), Some(0)),
            "the text ends in a zero unit"
        );
        Self(units)
    }

    /// The pointer that the port takes; it only reads.
    const fn pointer(self) -> PWSTR {
        if self.0.len() == 1 {
            ptr::null_mut()
        } else {
            self.0.as_ptr().cast_mut()
        }
    }
}

/// One event; the values of a kind of event always have the same names.
#[derive(Clone, Copy, Debug)]
pub struct TraceEvent {
    /// The driver's own number of this kind of event.
    pub id: u32,
    /// What happened.
    pub description: Text,
    /// How much it matters.
    pub level: Level,
    /// Names of the values, [`Text::NONE`] where there is none.
    pub names: [Text; VALUES],
}

impl Port<'_> {
    /// Writes an event with its values, about a unit or about the adapter. Its page names no IRQL; what it leads to, `EtwWrite`, runs at any
    /// as long as texts and values are resident, which constants of a driver are.
    ///
    /// # Errors
    /// The port's status: [`StorError::NotImplemented`] before Windows 8.1 and in the dump stack.
    #[cold]
    pub fn trace(
        self,
        event: &TraceEvent,
        unit: Option<UnitAddress>,
        values: [u64; VALUES],
    ) -> Result<(), StorError> {
        let mut address = STOR_ADDR_BTL8 {
            Type: STOR_ADDRESS_TYPE_BTL8 as u16,
            AddressLength: STOR_ADDR_BTL8_ADDRESS_LENGTH,
            ..Default::default()
        };
        let address: PSTOR_ADDRESS = match unit {
            None => ptr::null_mut(),
            Some(UnitAddress { path, target, lun }) => {
                (address.Path, address.Target, address.Lun) = (path, target, lun);
                (&raw mut address).cast()
            }
        };
        let [first, second, third, fourth] = event.names;
        let [value_1, value_2, value_3, value_4] = values;
        // SAFETY: the extension is live (invariant of Port); the address is null or that of a local; each text is null or ends in a
        // zero unit (`Text`).
        let code = unsafe {
            inlines::StorPortEtwEvent4(
                self.extension(),
                address,
                event.id,
                event.description.pointer(),
                NO_KEYWORDS,
                event.level as c_int,
                OPCODE_INFO,
                ptr::null_mut(),
                first.pointer(),
                value_1,
                second.pointer(),
                value_2,
                third.pointer(),
                value_3,
                fourth.pointer(),
                value_4,
            )
        };
        StorError::check(code)
    }
}

#[cfg(test)]
mod tests {
    use core::ptr::NonNull;

    use super::{Level, Text, TraceEvent, wide};
    use crate::{
        fake::{self, low_u32},
        port::{Port, UnitAddress},
    };

    const DESCRIPTION: &[u16] = &wide::<6>("reset");
    const REASON: &[u16] = &wide::<7>("reason");
    const EVENT: TraceEvent = TraceEvent {
        id: 9,
        description: Text::new(DESCRIPTION),
        level: Level::Warning,
        names: [Text::new(REASON), Text::NONE, Text::NONE, Text::NONE],
    };
    const UNIT: UnitAddress = UnitAddress {
        path: 0,
        target: 3,
        lun: 7,
    };

    fn port() -> Port<'static> {
        fake::reset();
        Port::new(NonNull::dangling())
    }

    #[test]
    fn an_event_goes_to_the_diagnostic_channel_with_its_values() {
        let written = port().trace(&EVENT, None, [5, 0, 0, 0]);
        assert_eq!(written, Ok(()));
        let calls = fake::calls();
        let [call] = &calls[..] else {
            panic!("one call: {calls:?}");
        };
        let arguments = &call.arguments;
        let channel_4 = wdk_sys::_STORPORT_FUNCTION_CODE::ExtFunctionMiniportChannelEtwEvent4;
        assert_eq!(low_u32(arguments[0]).cast_signed(), channel_4);
        assert_eq!(arguments[2], 0, "no address: the adapter");
        assert_eq!(low_u32(arguments[4]), 9);
        assert_eq!(arguments[5], DESCRIPTION.as_ptr().addr() as u64);
        assert_eq!(low_u32(arguments[7]), 3);
        assert_eq!(arguments[10], REASON.as_ptr().addr() as u64);
        assert_eq!(arguments[11], 5);
        assert_eq!(arguments[12], 0, "a value without a name");
    }

    #[test]
    fn a_port_without_channels_gets_the_older_call_with_the_units_address() {
        fake::reset();
        fake::answer(|call| {
            let channel_4 = wdk_sys::_STORPORT_FUNCTION_CODE::ExtFunctionMiniportChannelEtwEvent4;
            if low_u32(call.arguments[0]).cast_signed() == channel_4 {
                return wdk_sys::STOR_STATUS_NOT_IMPLEMENTED.into();
            }
            let address = core::ptr::with_exposed_provenance::<wdk_sys::STOR_ADDR_BTL8>(
                call.arguments[2] as usize,
            );
            // SAFETY: the caller passes the address of its local.
            let address = unsafe { address.read() };
            assert_eq!(
                (address.Path, address.Target, address.Lun),
                (UNIT.path, UNIT.target, UNIT.lun)
            );
            0
        });
        let port = Port::new(NonNull::dangling());
        assert_eq!(port.trace(&EVENT, Some(UNIT), [1, 2, 3, 4]), Ok(()));
        assert_eq!(fake::calls().len(), 2);
    }
}
