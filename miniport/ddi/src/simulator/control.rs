//! Adapter control, unit control and bus reset of the simulated port.

use std::vec::Vec;

use wdk_sys::{
    _SCSI_ADAPTER_CONTROL_TYPE as adapter, STOR_ADAPTER_CONTROL_POWER, STOR_ADDR_BTL8,
    STOR_ADDRESS_TYPE_BTL8,
};

use super::Simulator;
use crate::port::UnitAddress;

impl Simulator {
    fn adapter_control<T>(&mut self, control: i32, parameters: &mut T) -> i32 {
        let routine = self
            .initialization()
            .HwAdapterControl
            .expect("HwAdapterControl");
        let extension = self.extension();
        // SAFETY: the extension is the adapter's, the parameters those of the control type.
        unsafe { routine(extension, control, (&raw mut *parameters).cast()) }
    }

    /// The supported adapter control types, asked for with a list of `count` entries.
    ///
    /// # Panics
    /// When the query fails or writes beyond the list.
    pub fn supported_adapter_controls(&mut self, count: u32) -> Vec<u32> {
        let mut list = [0u8; 68];
        list[..4].copy_from_slice(&count.to_ne_bytes());
        let status = self.adapter_control(adapter::ScsiQuerySupportedControlTypes, &mut list);
        assert_eq!(status, 0, "the query failed");
        let beyond = &list[4 + count as usize..];
        assert!(
            beyond.iter().all(|&byte| byte == 0),
            "beyond MaxControlType"
        );
        (0..count)
            .filter(|&index| list[4 + index as usize] == 1)
            .collect()
    }

    /// `ScsiStopAdapter`; returns whether it succeeded.
    pub fn stop(&mut self) -> bool {
        self.adapter_control(adapter::ScsiStopAdapter, &mut 0u64) == 0
    }

    /// `ScsiRestartAdapter`; returns whether it succeeded.
    pub fn restart(&mut self) -> bool {
        self.adapter_control(adapter::ScsiRestartAdapter, &mut 0u64) == 0
    }

    /// `ScsiAdapterPower` with `STOR_DEVICE_POWER_STATE` and `STOR_POWER_ACTION`; returns whether it succeeded.
    pub fn power(&mut self, state: i32, action: i32) -> bool {
        let mut parameters = STOR_ADAPTER_CONTROL_POWER {
            PowerState: state,
            PowerAction: action,
            ..Default::default()
        };
        self.adapter_control(adapter::ScsiAdapterPower, &mut parameters) == 0
    }

    /// `ScsiAdapterSurpriseRemoval`; returns whether it succeeded.
    pub fn surprise_removal(&mut self) -> bool {
        self.adapter_control(adapter::ScsiAdapterSurpriseRemoval, &mut 0u64) == 0
    }

    /// `HwStorUnitControl` for a type that takes an address; returns whether it succeeded.
    ///
    /// # Panics
    /// When the driver registered no such callback.
    pub fn unit_control(&mut self, control: i32, unit: UnitAddress) -> bool {
        let routine = self.initialization().HwUnitControl.expect("HwUnitControl");
        let extension = self.extension();
        let mut address = STOR_ADDR_BTL8 {
            Type: STOR_ADDRESS_TYPE_BTL8 as u16,
            AddressLength: 4,
            Path: unit.path,
            Target: unit.target,
            Lun: unit.lun,
            ..Default::default()
        };
        // SAFETY: the extension is the adapter's, the parameter an address as these types take it.
        unsafe { routine(extension, control, (&raw mut address).cast()) == 0 }
    }

    /// `HwStorResetBus`; returns whether it succeeded.
    ///
    /// # Panics
    /// When the driver registered no such callback.
    pub fn reset_bus(&mut self, path: u32) -> bool {
        let routine = self.initialization().HwResetBus.expect("HwResetBus");
        let extension = self.extension();
        self.state.borrow_mut().lock_held = !self.is_dump;
        // SAFETY: the extension is the adapter's.
        let done = unsafe { routine(extension, path) != 0 };
        self.state.borrow_mut().lock_held = false;
        done
    }
}
