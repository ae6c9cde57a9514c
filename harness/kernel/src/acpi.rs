//! The way through the firmware's ACPI tables to the one that a sleeping machine wakes up by. Pure.
//!
//! RSDP, RSDT, FADT, FACS (ACPI 6.4, 5.2.5 to 5.2.10). QEMU's firmware looks for the waking vector in just that table when it finds that
//! the machine slept.

/// Offset of the firmware's 32-bit waking vector in the FACS (ACPI 5.2.10).
pub const WAKING_VECTOR: u64 = 12;
/// Bytes of the FACS up to and with the flags.
pub const FACS_BYTES: u64 = 64;

/// Bytes of an RSDP of revision 0.
const RSDP_BYTES: usize = 20;
/// Offset of the RSDT's address in the RSDP.
const RSDT_ADDRESS: u64 = 16;
/// Bytes of the header of each table (5.2.6).
const HEADER_BYTES: u64 = 36;
/// Offset of a table's length.
const LENGTH: u64 = 4;
/// Offset of `FIRMWARE_CTRL` in the FADT (5.2.9).
const FIRMWARE_CTRL: u64 = 36;
/// A table of the kind that is read here is far shorter.
const MOST_BYTES: u32 = 1 << 16;

/// Why there is no way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcpiError {
    /// A table lies where no memory can be read.
    OutOfReach(u64),
    /// What lies at a table's address has another signature.
    Signature(u64),
    /// The bytes of a table do not add up to zero.
    Checksum(u64),
    /// A table's length cannot be right.
    Length(u64),
    /// There is no FADT.
    NoFadt,
    /// The FADT names no FACS.
    NoFacs,
}

/// Reads bytes from physical memory; `false` where that is impossible.
pub type Memory<'a> = &'a dyn Fn(u64, &mut [u8]) -> bool;

/// Physical address of the FACS, from that of the RSDP.
///
/// # Errors
/// The first table that is not as documented.
pub fn find_facs(root: u64, memory: Memory<'_>) -> Result<u64, AcpiError> {
    signature(root, b"RSD PTR ", memory)?;
    sums_up(root, RSDP_BYTES as u64, memory)?;
    let rsdt = u64::from(word(root + RSDT_ADDRESS, memory)?);
    let length = table(rsdt, *b"RSDT", memory)?;
    let description = (HEADER_BYTES..u64::from(length))
        .step_by(4)
        .map(|offset| word(rsdt + offset, memory).map(u64::from))
        .find(|entry| entry.is_ok_and(|entry| signature(entry, b"FACP", memory).is_ok()))
        .ok_or(AcpiError::NoFadt)??;
    if u64::from(table(description, *b"FACP", memory)?) < FIRMWARE_CTRL + 4 {
        return Err(AcpiError::Length(description));
    }
    // The FACS has no checksum.
    match u64::from(word(description + FIRMWARE_CTRL, memory)?) {
        0 => Err(AcpiError::NoFacs),
        facs => signature(facs, b"FACS", memory).map(|()| facs),
    }
}

/// Checks a table with a header; its length.
fn table(address: u64, name: [u8; 4], memory: Memory<'_>) -> Result<u32, AcpiError> {
    signature(address, &name, memory)?;
    let length = word(address + LENGTH, memory)?;
    if u64::from(length) < HEADER_BYTES || length > MOST_BYTES {
        return Err(AcpiError::Length(address));
    }
    sums_up(address, length.into(), memory)?;
    Ok(length)
}

fn signature<const N: usize>(
    address: u64,
    name: &[u8; N],
    memory: Memory<'_>,
) -> Result<(), AcpiError> {
    if read::<N>(address, memory)? == *name {
        Ok(())
    } else {
        Err(AcpiError::Signature(address))
    }
}

fn sums_up(address: u64, bytes: u64, memory: Memory<'_>) -> Result<(), AcpiError> {
    let mut sum = 0_u8;
    for offset in 0..bytes {
        let [byte] = read(address + offset, memory)?;
        sum = sum.wrapping_add(byte);
    }
    if sum == 0 {
        Ok(())
    } else {
        Err(AcpiError::Checksum(address))
    }
}

fn word(address: u64, memory: Memory<'_>) -> Result<u32, AcpiError> {
    read(address, memory).map(u32::from_le_bytes)
}

fn read<const N: usize>(address: u64, memory: Memory<'_>) -> Result<[u8; N], AcpiError> {
    let mut bytes = [0; N];
    if memory(address, &mut bytes) {
        Ok(bytes)
    } else {
        Err(AcpiError::OutOfReach(address))
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    const RSDP: usize = 0x10;
    const RSDT: usize = 0x40;
    const MADT: usize = 0x80;
    const FADT: usize = 0xC0;
    const FACS: usize = 0x140;

    fn put(memory: &mut [u8], at: usize, bytes: &[u8]) {
        memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn seal(memory: &mut [u8], at: usize, bytes: usize, checksum: usize) {
        memory[at + checksum] = 0;
        let sum = memory[at..at + bytes]
            .iter()
            .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        memory[at + checksum] = sum.wrapping_neg();
    }

    fn pointer(at: usize) -> [u8; 4] {
        u32::try_from(at).unwrap().to_le_bytes()
    }

    fn tables() -> Vec<u8> {
        let mut memory = vec![0; 0x200];
        put(&mut memory, RSDP, b"RSD PTR ");
        put(&mut memory, RSDP + 16, &pointer(RSDT));
        seal(&mut memory, RSDP, 20, 8);
        put(&mut memory, RSDT, b"RSDT");
        put(&mut memory, RSDT + 4, &44_u32.to_le_bytes());
        put(&mut memory, RSDT + 36, &pointer(MADT));
        put(&mut memory, RSDT + 40, &pointer(FADT));
        seal(&mut memory, RSDT, 44, 9);
        put(&mut memory, MADT, b"APIC");
        put(&mut memory, FADT, b"FACP");
        put(&mut memory, FADT + 4, &116_u32.to_le_bytes());
        put(&mut memory, FADT + 36, &pointer(FACS));
        seal(&mut memory, FADT, 116, 9);
        put(&mut memory, FACS, b"FACS");
        memory
    }

    fn find(memory: &[u8]) -> Result<u64, AcpiError> {
        find_facs(RSDP as u64, &|address, into| {
            let start = usize::try_from(address).unwrap();
            match memory.get(start..start + into.len()) {
                Some(bytes) => into.copy_from_slice(bytes),
                None => return false,
            }
            true
        })
    }

    #[test]
    fn the_way_leads_past_other_tables() {
        assert_eq!(find(&tables()), Ok(FACS as u64));
    }

    #[test]
    fn each_fault_has_its_name() {
        let with = |change: fn(&mut Vec<u8>)| {
            let mut memory = tables();
            change(&mut memory);
            find(&memory)
        };
        let signature = with(|memory| memory[RSDP] = b'X');
        assert_eq!(signature, Err(AcpiError::Signature(RSDP as u64)));
        let checksum = with(|memory| memory[FADT + 100] ^= 1);
        assert_eq!(checksum, Err(AcpiError::Checksum(FADT as u64)));
        let none = with(|memory| {
            put(memory, FADT, b"SSDT");
            seal(memory, FADT, 116, 9);
        });
        assert_eq!(none, Err(AcpiError::NoFadt));
        let no_facs = with(|memory| {
            put(memory, FADT + 36, &pointer(0));
            seal(memory, FADT, 116, 9);
        });
        assert_eq!(no_facs, Err(AcpiError::NoFacs));
        let long = with(|memory| put(memory, RSDT + 4, &u32::MAX.to_le_bytes()));
        assert_eq!(long, Err(AcpiError::Length(RSDT as u64)));
        let out_of_reach = with(|memory| {
            put(memory, RSDP + 16, &pointer(0x1000));
            seal(memory, RSDP, 20, 8);
        });
        assert_eq!(out_of_reach, Err(AcpiError::OutOfReach(0x1000)));
    }
}
