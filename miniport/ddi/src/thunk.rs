//! The callbacks as the port calls them: raw pointers in, safe types on.
//!
//! One generic function per callback. Each finds the adapter in its device extension, makes the context that the callback's IRQL and lock
//! allow, and turns the result back. A callback on an extension without an adapter of the type answers with failure.
//! Neighbours: [`crate::adapter`] has the methods, [`crate::registration`] registers the thunks.
#![expect(unsafe_code, reason = "C entry points")]
// UNSAFETY: the port driver passes raw pointers; every thunk's own safety is the documented contract of its callback.

use core::{ffi::c_void, ptr::NonNull};

use wdk_sys::{
    _SCSI_ADAPTER_CONTROL_STATUS, _SCSI_ADAPTER_CONTROL_TYPE, _SCSI_UNIT_CONTROL_STATUS,
    _SCSI_UNIT_CONTROL_TYPE, PCHAR, PORT_CONFIGURATION_INFORMATION, PSCSI_REQUEST_BLOCK,
    SCSI_ADAPTER_CONTROL_STATUS, SCSI_ADAPTER_CONTROL_TYPE, SCSI_UNIT_CONTROL_STATUS,
    SCSI_UNIT_CONTROL_TYPE, SP_RETURN_BAD_CONFIG, SP_RETURN_FOUND,
};

use crate::{
    adapter::{Adapter, Built, Interrupt, Life, Started},
    arena::Arena,
    context::{
        BuildIoContext, FindAdapterContext, InitializeContext, InterruptContext, PassiveContext,
        PrivateMemory, StartIoContext, SynchronizedContext,
    },
    control,
    extension::{self, DeviceExtension},
    registration::Role,
    srb::Srb,
};

/// `HwStorFindAdapter`.
pub(crate) unsafe extern "C" fn find_adapter<A: Adapter>(
    device_extension: *mut c_void,
    _hw_context: *mut c_void,
    _bus_information: *mut c_void,
    argument_string: PCHAR,
    config_info: *mut PORT_CONFIGURATION_INFORMATION,
    again: *mut u8,
) -> u32 {
    if let Some(again) = NonNull::new(again) {
        // SAFETY: the port passes a BOOLEAN to write to.
        unsafe { again.write(0) };
    }
    let Some(mut config) = NonNull::new(config_info) else {
        return SP_RETURN_BAD_CONFIG;
    };
    // SAFETY: the port lends the configuration for the call.
    let config = unsafe { config.as_mut() };
    // SAFETY: the argument string is null or ends with a zero byte.
    let argument_says_dump = unsafe { says_dump(argument_string) };
    if <A::Life as Life>::ROLE == Role::Normal {
        // A port that starts over on the same extension must not leave the kernel with records that are about to be written over.
        // SAFETY: the port passes the extension: zeroed, or one that this adapter type was made in.
        if let Some((adapter, _)) = unsafe { extension::shared::<A>(device_extension) } {
            adapter.free_resources();
        }
        // SAFETY: as above; no other callback of this adapter runs, and the reference has ended.
        unsafe { extension::destroy::<A>(device_extension) };
    }
    // SAFETY: the port passes the extension, and no other callback of this adapter runs yet.
    let Some((adapter, port, pool)) = (unsafe { extension::construct::<A>(device_extension) })
    else {
        return SP_RETURN_BAD_CONFIG;
    };
    // SAFETY: the extension has the size that was registered, and the adapter, which was just made, takes the front of it.
    let arena = unsafe {
        Arena::new(
            device_extension.cast(),
            DeviceExtension::<A>::TOTAL_BYTES,
            DeviceExtension::<A>::BYTES,
        )
    };
    let mut context = FindAdapterContext::new(
        port,
        config,
        PrivateMemory {
            extension_bytes: DeviceExtension::<A>::TOTAL_BYTES,
            arena,
            pool,
        },
        argument_says_dump,
    );
    match adapter.find_adapter(&mut context) {
        Ok(()) => SP_RETURN_FOUND,
        Err(error) => {
            // The port calls nothing of an adapter that was not found: what it took ends here.
            // SAFETY: the port passes the extension; no other callback runs, and the adapter is not used after this.
            unsafe { extension::destroy::<A>(device_extension) };
            error.code()
        }
    }
}

/// Whether the argument string has `dump=1` (systems before Windows 8; boot-drive restrictions page of the documentation).
///
/// # Safety
/// `argument_string` is null or points to bytes that end with zero.
unsafe fn says_dump(argument_string: PCHAR) -> bool {
    const DUMP: &[u8] = b"dump=1";
    /// Longer strings are not looked at any further.
    const LENGTH_MAX: usize = 1024;
    let Some(first) = NonNull::new(argument_string.cast::<u8>()) else {
        return false;
    };
    let mut matched = 0;
    for offset in 0..LENGTH_MAX {
        // SAFETY: no zero byte was met before this one, so it belongs to the string.
        let place = unsafe { first.add(offset) };
        // SAFETY: as above.
        let byte = unsafe { place.read() }.to_ascii_lowercase();
        if byte == 0 {
            return false;
        }
        // No prefix of the word is its suffix, so a mismatch starts over at the byte itself.
        matched = match DUMP.get(matched) {
            Some(&wanted) if wanted == byte => matched + 1,
            _ => usize::from(byte == DUMP[0]),
        };
        if matched == DUMP.len() {
            return true;
        }
    }
    false
}

/// `HwStorInitialize`.
pub(crate) unsafe extern "C" fn initialize<A: Adapter>(device_extension: *mut c_void) -> u8 {
    // SAFETY: the port passes the extension of the adapter.
    let Some((adapter, port)) = (unsafe { extension::shared::<A>(device_extension) }) else {
        return 0;
    };
    adapter.initialize(&mut InitializeContext::new(port)).into()
}

/// `HwStorPassiveInitialize`.
pub(crate) unsafe extern "C" fn passive_initialize<A: Adapter>(
    device_extension: *mut c_void,
) -> u8 {
    // SAFETY: the port passes the extension of the adapter.
    let Some((adapter, port)) = (unsafe { extension::shared::<A>(device_extension) }) else {
        return 0;
    };
    adapter
        .passive_initialize(&PassiveContext::new(port))
        .into()
}

/// `HwStorFreeAdapterResources`.
pub(crate) unsafe extern "C" fn free_adapter_resources<A: Adapter>(device_extension: *mut c_void) {
    // SAFETY: the port passes the extension of the adapter.
    if let Some((adapter, _)) = unsafe { extension::shared::<A>(device_extension) } {
        adapter.free_resources();
    }
    // SAFETY: the port passes the extension; this is the last callback of the adapter, and the reference has ended.
    unsafe { extension::destroy::<A>(device_extension) };
}

/// `HwStorBuildIo`.
pub(crate) unsafe extern "C" fn build_io<A: Adapter>(
    device_extension: *mut c_void,
    srb: PSCSI_REQUEST_BLOCK,
) -> u8 {
    // SAFETY: the port passes the extension of the adapter.
    let Some((adapter, port)) = (unsafe { extension::shared::<A>(device_extension) }) else {
        return 0;
    };
    // SAFETY: the port hands the request over.
    let srb = unsafe { Srb::<A>::from_port(srb) };
    match adapter.build_io(&BuildIoContext::new(port), srb) {
        Built::Start(ready) => {
            ready.release();
            1
        }
        Built::Completed(_) => 0,
    }
}

/// `HwStorStartIo`.
pub(crate) unsafe extern "C" fn start_io<A: Adapter>(
    device_extension: *mut c_void,
    srb: PSCSI_REQUEST_BLOCK,
) -> u8 {
    // SAFETY: the port passes the extension of the adapter.
    let Some((adapter, port)) = (unsafe { extension::shared::<A>(device_extension) }) else {
        return 0;
    };
    // SAFETY: the port hands the request over.
    let srb = unsafe { Srb::<A>::from_port(srb) };
    match adapter.start_io(&mut StartIoContext::new(port), srb) {
        Started::Completed(_) | Started::Pending(_) => 1,
    }
}

/// `HwStorInterrupt`.
pub(crate) unsafe extern "C" fn interrupt<A: Adapter>(device_extension: *mut c_void) -> u8 {
    // SAFETY: the port passes the extension of the adapter.
    let Some((adapter, port)) = (unsafe { extension::shared::<A>(device_extension) }) else {
        return 0;
    };
    let result = adapter.interrupt(&mut InterruptContext::new(port));
    u8::from(result == Interrupt::Claimed)
}

/// `HwMSInterruptRoutine`.
pub(crate) unsafe extern "C" fn message_interrupt<A: Adapter>(
    device_extension: *mut c_void,
    message: u32,
) -> u8 {
    // SAFETY: the port passes the extension of the adapter.
    let Some((adapter, port)) = (unsafe { extension::shared::<A>(device_extension) }) else {
        return 0;
    };
    let result = adapter.message_interrupt(&mut InterruptContext::new(port), message);
    u8::from(result == Interrupt::Claimed)
}

/// `HwStorTimer`.
pub(crate) unsafe extern "C" fn timer<A: Adapter>(device_extension: *mut c_void) {
    // SAFETY: the port passes the extension of the adapter.
    if let Some((adapter, port)) = unsafe { extension::shared::<A>(device_extension) } {
        adapter.timer(&mut SynchronizedContext::new(port));
    }
}

/// `HwStorResetBus`.
pub(crate) unsafe extern "C" fn reset_bus<A: Adapter>(
    device_extension: *mut c_void,
    path: u32,
) -> u8 {
    // SAFETY: the port passes the extension of the adapter.
    let Some((adapter, port)) = (unsafe { extension::shared::<A>(device_extension) }) else {
        return 0;
    };
    adapter
        .reset_bus(&mut SynchronizedContext::new(port), path)
        .into()
}

/// `HwStorAdapterControl`.
pub(crate) unsafe extern "C" fn adapter_control<A: Adapter>(
    device_extension: *mut c_void,
    control_type: SCSI_ADAPTER_CONTROL_TYPE,
    parameters: *mut c_void,
) -> SCSI_ADAPTER_CONTROL_STATUS {
    let done = if control_type == _SCSI_ADAPTER_CONTROL_TYPE::ScsiQuerySupportedControlTypes {
        let supported = A::REGISTRATION.adapter_controls.iter();
        // SAFETY: for the query the port passes a SCSI_SUPPORTED_CONTROL_TYPE_LIST.
        unsafe { control::answer_query(parameters, supported.map(|&control| control as i32)) }
    } else {
        // SAFETY: the port passes the extension of the adapter.
        match unsafe { extension::shared::<A>(device_extension) } {
            // SAFETY: the port passes the parameters that belong to the control type.
            Some((adapter, port)) => unsafe {
                control::adapter(adapter, port, control_type, parameters)
            },
            None => false,
        }
    };
    if done {
        _SCSI_ADAPTER_CONTROL_STATUS::ScsiAdapterControlSuccess
    } else {
        _SCSI_ADAPTER_CONTROL_STATUS::ScsiAdapterControlUnsuccessful
    }
}

/// `HwStorUnitControl`.
pub(crate) unsafe extern "C" fn unit_control<A: Adapter>(
    device_extension: *mut c_void,
    control_type: SCSI_UNIT_CONTROL_TYPE,
    parameters: *mut c_void,
) -> SCSI_UNIT_CONTROL_STATUS {
    let done = if control_type == _SCSI_UNIT_CONTROL_TYPE::ScsiQuerySupportedUnitControlTypes {
        let supported = A::REGISTRATION.unit_controls.iter();
        // SAFETY: for the query the port passes a SCSI_SUPPORTED_CONTROL_TYPE_LIST.
        unsafe { control::answer_query(parameters, supported.map(|&control| control as i32)) }
    } else {
        // SAFETY: the port passes the extension of the adapter.
        match unsafe { extension::shared::<A>(device_extension) } {
            // SAFETY: the port passes the parameters that belong to the control type.
            Some((adapter, port)) => unsafe {
                control::unit(adapter, port, control_type, parameters)
            },
            None => false,
        }
    };
    if done {
        _SCSI_UNIT_CONTROL_STATUS::ScsiUnitControlSuccess
    } else {
        _SCSI_UNIT_CONTROL_STATUS::ScsiUnitControlUnsuccessful
    }
}
