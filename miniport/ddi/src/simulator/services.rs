//! What the simulated port answers to the driver's calls.

use std::{boxed::Box, cell::RefCell, ffi::CStr, rc::Rc, vec::Vec};

use wdk_sys::{
    _KINTERRUPT_MODE, _SCSI_NOTIFICATION_TYPE as notification, _STORPORT_FUNCTION_CODE as function,
    HW_INITIALIZATION_DATA, MESSAGE_INTERRUPT_INFORMATION, STOR_STATUS_INSUFFICIENT_RESOURCES,
    STOR_STATUS_INVALID_DEVICE_REQUEST, STOR_STATUS_NOT_IMPLEMENTED,
};

use super::{
    BAR_BYTES, BAR_START, FRESH, Machine, Mark, Simulator, State, crash, request::Ended, topology,
};
use crate::fake::{Call, low_u32};

/// The port's side of the exports.
pub(crate) struct Services {
    pub(crate) machine: Machine,
    pub(crate) state: Rc<RefCell<State>>,
    pub(crate) is_dump: bool,
}

/// A pointer out of an argument slot.
pub(super) fn pointer<T>(slot: u64) -> *mut T {
    core::ptr::with_exposed_provenance_mut(slot as usize)
}

/// Writes through an out-parameter of the driver.
pub(super) fn put<T>(slot: u64, value: T) {
    // SAFETY: the driver passed a pointer to a T of its own.
    unsafe { pointer::<T>(slot).write(value) };
}

impl Services {
    /// The result of a call, as the integer in the return register.
    pub(crate) fn answer(&self, call: &Call) -> u64 {
        let arguments = &call.arguments[..];
        match call.function {
            "StorPortInitialize" => self.initialize(arguments),
            "StorPortNotification" => self.notification(arguments),
            "StorPortExtendedFunction" => u64::from(self.extended(arguments)),
            "StorPortGetBusData" => self.bus_data(arguments),
            "StorPortSetBusDataByOffset" => self.set_bus_data(arguments),
            "StorPortGetDeviceBase" => self.device_base(arguments),
            "StorPortGetUncachedExtension" => self.uncached_extension(arguments),
            "StorPortGetPhysicalAddress" => physical_address(arguments),
            "StorPortGetScatterGatherList" => super::request::scatter_gather_list(arguments[1]),
            "StorPortSetDeviceQueueDepth" => {
                let depth = low_u32(arguments[4]);
                self.state.borrow_mut().queue_depths.push(depth);
                1
            }
            "StorPortStallExecution" => {
                let mut state = self.state.borrow_mut();
                if state.in_start_io {
                    state.stalls_in_start_io += 1;
                }
                0
            }
            "StorPortAllocateRegistryBuffer" => self.lend_registry_buffer(arguments),
            "StorPortFreeRegistryBuffer" => {
                let buffer = self.state.borrow_mut().registry_buffer.take();
                assert!(buffer.is_some(), "a registry buffer that was lent is freed");
                0
            }
            "StorPortRegistryRead" => self.read_registry(arguments),
            "KeRegisterBugCheckReasonCallback" => {
                crash::register(&mut self.state.borrow_mut(), arguments, self.is_dump)
            }
            "KeDeregisterBugCheckReasonCallback" => {
                crash::deregister(&mut self.state.borrow_mut(), arguments)
            }
            other => panic!("the simulated port has no {other}"),
        }
    }

    fn initialize(&self, arguments: &[u64]) -> u64 {
        assert_eq!(
            arguments[0] == 0 && arguments[1] == 0,
            self.is_dump,
            "the driver's arguments are passed on"
        );
        // SAFETY: the driver passes its HW_INITIALIZATION_DATA.
        let data = unsafe { pointer::<HW_INITIALIZATION_DATA>(arguments[2]).read() };
        self.state.borrow_mut().initialization = Some(data);
        0
    }

    fn notification(&self, arguments: &[u64]) -> u64 {
        let mut state = self.state.borrow_mut();
        let kind = low_u32(arguments[0]).cast_signed();
        let values = &arguments[2..];
        match kind {
            notification::RequestComplete => {
                let position = state.owned.iter().position(|&block| block == values[0]);
                let position = position.expect("a request that the driver owns is completed");
                state.owned.remove(position);
                let ended = Ended::read(values[0]);
                state.ended.push(ended);
            }
            notification::BusChangeDetected => state.bus_changes += 1,
            notification::ResetDetected => {}
            notification::RequestTimerCall => {
                let microseconds = low_u32(values[1]);
                state.timer = (microseconds != 0).then_some((values[0], microseconds));
            }
            notification::EnablePassiveInitialization => {
                let enabled = !self.is_dump;
                if enabled {
                    state.passive = Some(values[0]);
                }
                put(values[1], u8::from(enabled));
            }
            notification::InitializeDpc => {
                assert!(!self.is_dump, "StorPortInitializeDpc in the dump stack");
                let known = state
                    .known_dpcs
                    .iter()
                    .any(|&(object, _)| object == values[0]);
                assert!(!known, "a DPC was initialised twice");
                state.known_dpcs.push((values[0], values[1]));
            }
            notification::IssueDpc => {
                assert!(!self.is_dump, "a DPC in the dump stack");
                let queued = state.dpcs.iter().any(|&(object, _)| object == values[0]);
                if !queued {
                    state.dpcs.push_back((values[0], values[1]));
                    state.dpcs_issued += 1;
                }
                put(values[3], u8::from(!queued));
            }
            notification::AcquireSpinLock => {
                assert!(!self.is_dump, "a lock in the dump stack");
                assert!(!state.lock_held, "the StartIo lock was taken twice");
                state.lock_held = true;
            }
            notification::ReleaseSpinLock => {
                assert!(state.lock_held, "a lock was released that was not held");
                state.lock_held = false;
            }
            other => panic!("notification {other}"),
        }
        0
    }

    fn extended(&self, arguments: &[u64]) -> u32 {
        let mut state = self.state.borrow_mut();
        let code = low_u32(arguments[0]).cast_signed();
        let values = &arguments[2..];
        if self.is_dump && code != function::ExtFunctionMarkDumpMemory {
            state.refused.push(code);
            return STOR_STATUS_NOT_IMPLEMENTED;
        }
        match code {
            function::ExtFunctionMarkDumpMemory => {
                assert!(state.in_find_adapter, "a mark outside of HwStorFindAdapter");
                state.marks.push(Mark {
                    address: values[0],
                    bytes: values[1],
                    flags: low_u32(values[2]),
                });
                0
            }
            function::ExtFunctionAllocatePool => {
                assert!(!state.in_start_io, "an allocation in HwStorStartIo");
                if state.pool_failures > 0 {
                    state.pool_failures -= 1;
                    return STOR_STATUS_INSUFFICIENT_RESOURCES;
                }
                let words = (low_u32(values[0]) as usize).div_ceil(8);
                let mut block = std::vec![u64::from_ne_bytes([FRESH; 8]); words];
                let address = block.as_mut_ptr().expose_provenance() as u64;
                state.pool.push((address, block));
                put(values[2], pointer::<u8>(address));
                0
            }
            function::ExtFunctionFreePool => {
                let position = state.pool.iter().position(|(block, _)| *block == values[0]);
                state
                    .pool
                    .remove(position.expect("a pool block that is allocated is freed"));
                0
            }
            function::ExtFunctionGetMessageInterruptInformation => {
                if low_u32(values[0]) >= u32::from(state.messages) {
                    return STOR_STATUS_INVALID_DEVICE_REQUEST;
                }
                put(
                    values[1],
                    MESSAGE_INTERRUPT_INFORMATION {
                        MessageId: low_u32(values[0]),
                        InterruptMode: _KINTERRUPT_MODE::Latched,
                        ..Default::default()
                    },
                );
                0
            }
            function::ExtFunctionInitializePerformanceOptimizations
            | function::ExtFunctionGetStartIoPerformanceParameters
            | function::ExtFunctionGetCurrentProcessorNumber
            | function::ExtFunctionGetActiveGroupCount
            | function::ExtFunctionGetGroupAffinity => topology::answer(&mut state, code, values),
            function::ExtFunctionLogSystemEvent => 0,
            function::ExtFunctionMiniportChannelEtwEvent4 => {
                state.traced.push(low_u32(values[2]));
                0
            }
            _ => {
                state.refused.push(code);
                STOR_STATUS_NOT_IMPLEMENTED
            }
        }
    }

    fn lend_registry_buffer(&self, arguments: &[u64]) -> u64 {
        let mut state = self.state.borrow_mut();
        assert!(
            !self.is_dump && state.in_find_adapter && state.registry_buffer.is_none(),
            "one registry buffer, at PASSIVE_LEVEL"
        );
        put::<u32>(arguments[1], 8);
        let buffer = state.registry_buffer.insert(Box::new(0));
        core::ptr::from_mut(&mut **buffer).expose_provenance() as u64
    }

    /// Values are below the driver's key; the adapter has none of its own.
    fn read_registry(&self, arguments: &[u64]) -> u64 {
        let state = self.state.borrow();
        // SAFETY: the driver passes a text with a final zero.
        let name = unsafe { CStr::from_ptr(pointer::<core::ffi::c_char>(arguments[1])) };
        let value = state.registry.iter().find(|(known, _)| *known == name);
        let (of_driver, wanted) = (low_u32(arguments[2]) != 0, low_u32(arguments[3]));
        match value {
            Some((_, value)) if of_driver && wanted == wdk_sys::MINIPORT_REG_DWORD => {
                put(arguments[4], *value);
                put::<u32>(arguments[5], 4);
                1
            }
            _ => 0,
        }
    }

    fn bus_data(&self, arguments: &[u64]) -> u64 {
        self.state.borrow_mut().bus_data_reads += 1;
        let space = self.machine.config_space.borrow();
        let bytes = (low_u32(arguments[5]) as usize).min(space.len());
        // SAFETY: the driver passes a buffer of the length that it says.
        unsafe {
            core::ptr::copy_nonoverlapping(space.as_ptr(), pointer::<u8>(arguments[4]), bytes);
        };
        bytes as u64
    }

    fn set_bus_data(&self, arguments: &[u64]) -> u64 {
        let mut space = self.machine.config_space.borrow_mut();
        let (offset, bytes) = (low_u32(arguments[5]), low_u32(arguments[6]));
        for index in 0..bytes {
            let place = pointer::<u8>(arguments[4]).wrapping_add(index as usize);
            // SAFETY: the driver passes a buffer of the length that it says.
            let byte = unsafe { place.read() };
            space[(offset + index) as usize] = byte;
        }
        bytes.into()
    }

    fn device_base(&self, arguments: &[u64]) -> u64 {
        assert!(
            self.state.borrow().in_find_adapter,
            "registers were mapped outside of HwStorFindAdapter"
        );
        self.state.borrow_mut().mapped += 1;
        let whole = arguments[3] == BAR_START && low_u32(arguments[4]) == BAR_BYTES;
        assert!(whole, "a range was mapped that PnP did not assign");
        BAR_START
    }

    fn uncached_extension(&self, arguments: &[u64]) -> u64 {
        let mut state = self.state.borrow_mut();
        assert!(
            state.in_find_adapter,
            "StorPortGetUncachedExtension outside of HwStorFindAdapter"
        );
        if let Some((address, _)) = state.uncached {
            return address.addr() as u64;
        }
        let bytes = low_u32(arguments[2]);
        // The dump stack promises no alignment.
        let address = self
            .machine
            .take(bytes, if self.is_dump { 0x340 } else { 0 });
        state.uncached = Some((address, bytes));
        address.expose_provenance() as u64
    }
}

impl Simulator {
    /// There is no pool for so many allocations to come.
    pub fn fail_allocations(&self, count: u32) {
        self.state.borrow_mut().pool_failures = count;
    }

    /// Bytes of each block of pool that the driver has, in the order in which it got them.
    #[must_use]
    pub fn pool_bytes(&self) -> Vec<usize> {
        let state = self.state.borrow();
        state
            .pool
            .iter()
            .map(|(_, block)| block.len() * 8)
            .collect()
    }
}

/// All of the simulated machine's memory is contiguous, and its bus addresses are its own.
fn physical_address(arguments: &[u64]) -> u64 {
    put::<u32>(arguments[3], 0x40_0000);
    arguments[2]
}
