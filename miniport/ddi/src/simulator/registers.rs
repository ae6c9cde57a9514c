//! Register accesses of a simulated machine: from addresses in its PnP range to the fake device.

use std::cell::Cell;

use hba::{access::Mmio, fake::FakeDevice};

use super::{BAR_BYTES, BAR_START};

std::thread_local! {
    static DEVICE: Cell<Option<&'static FakeDevice<'static>>> = const { Cell::new(None) };
}

/// Connects this thread's registers to a device.
pub fn connect(device: &'static FakeDevice<'static>) {
    DEVICE.set(Some(device));
}

/// The structure and offset at an address, 4 KiB each in the layout of `ConfigSpace::qemu`: common, ISR, device, notify.
fn place(address: usize) -> Option<(hba::fake::FakeRegisters<'static, 'static>, u32)> {
    let offset = (address as u64).checked_sub(BAR_START)?;
    let offset = u32::try_from(offset)
        .ok()
        .filter(|&offset| offset < BAR_BYTES)?;
    let [common, notify, isr, device] = DEVICE.get()?.registers();
    let structure = match offset / 0x1000 {
        0 => common,
        1 => isr,
        2 => device,
        _ => notify,
    };
    Some((structure, offset % 0x1000))
}

macro_rules! access {
    ($read:ident, $write:ident, $type:ty) => {
        pub(crate) fn $read(address: usize) -> Option<$type> {
            let (structure, offset) = place(address)?;
            Some(structure.$read(offset))
        }
        pub(crate) fn $write(address: usize, value: $type) -> bool {
            let Some((structure, offset)) = place(address) else {
                return false;
            };
            structure.$write(offset, value);
            true
        }
    };
}
access!(read_u8, write_u8, u8);
access!(read_u16, write_u16, u16);
access!(read_u32, write_u32, u32);
