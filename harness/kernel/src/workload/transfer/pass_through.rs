//! Commands that a miniport has no business with: UNMAP, WRITE SAME, PERSISTENT RESERVE, and one of 32 bytes.
//!
//! A miniport sends them as they are. Their effect is looked at on the medium, and where the device does not know a
//! command, its own sense data must come back ([`Rule::CommandPassedThrough`]).

use alloc::vec;

use super::{
    super::buffers::{gather, scatter},
    Workload,
};
use crate::{
    mem,
    port::{
        self, BlockKind, Completion, PortError, Request,
        cdb::{self, Cdb, Direction},
        request::Buffer,
    },
    rules::{self, Rule},
    workload::plan::Extent,
};

/// The first unit, which has the partitions.
const BOOK: usize = 0;
/// Sectors that are given back and filled.
const SECTORS: u32 = 16;
/// Sense key ILLEGAL REQUEST (SPC-5, 4.5.6): the device does not know the command or one of its fields.
const ILLEGAL_REQUEST: u8 = 5;
/// Parameter list of PERSISTENT RESERVE OUT, REGISTER (SPC-5, 6.17.3).
const REGISTER_BYTES: u32 = 24;
const KEYS_BYTES: u16 = 8;

/// What is left of the sectors after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// The sector that WRITE SAME was given.
    Same(u8),
    /// Zeros, or what was there before (SBC-4, 4.7: it depends on the device what unmapped sectors read as).
    ZerosOr(u8),
}

impl Workload {
    /// Sends each of them once and looks at what became of it. `PASSIVE_LEVEL`, nothing in flight. The sectors that it uses count
    /// as never written afterwards, and are zero.
    ///
    /// # Errors
    /// If a request cannot be made or is never completed.
    pub fn pass_through(&mut self, kind: BlockKind) -> Result<(), PortError> {
        let extent = self.books[BOOK].plan.tail(SECTORS);
        self.fill(extent, 0x5A)?;
        self.expect(extent, "WRITE SAME (16)", Left::Same(0x5A))?;
        let list = cdb::unmap_list(extent.lba, extent.sectors);
        let unmapped = self.send(cdb::unmap(), Direction::Out, &list)?;
        if carried_out("UNMAP", &unmapped.0) {
            self.expect(extent, "UNMAP", Left::ZerosOr(0x5A))?;
        }
        self.fill(extent, 0)?;
        self.expect(extent, "WRITE SAME (16) with UNMAP", Left::Same(0))?;
        self.books[BOOK].plan.forget(extent);
        let keys = self.send(
            cdb::read_reservation_keys(KEYS_BYTES),
            Direction::In,
            &[0xEE; KEYS_BYTES as usize],
        )?;
        carried_out("PERSISTENT RESERVE IN", &keys.0);
        let register = self.send(
            cdb::register_reservation_key(REGISTER_BYTES),
            Direction::Out,
            &[0; REGISTER_BYTES as usize],
        )?;
        carried_out("PERSISTENT RESERVE OUT", &register.0);
        if kind == BlockKind::Extended {
            let sector = vec![0xEE; mem::size(u64::from(self.books[BOOK].plan.sector_bytes()))];
            let read = self.send(cdb::read_32(extent.lba, 1), Direction::In, &sector)?;
            if carried_out("READ (32)", &read.0) {
                check_all(&read.1, 0, "READ (32)");
            }
        }
        Ok(())
    }

    /// Fills the extent by one WRITE SAME (16): zeros with the right to unmap.
    fn fill(&self, extent: Extent, value: u8) -> Result<(), PortError> {
        let sector = vec![value; mem::size(u64::from(self.books[BOOK].plan.sector_bytes()))];
        let command = cdb::write_same(extent.lba, extent.sectors, value == 0);
        let (completion, _) = self.send(command, Direction::Out, &sector)?;
        rules::demand(
            Rule::CommandPassedThrough,
            completion.is_success(),
            format_args!("WRITE SAME (16) ends with {completion:?}"),
        );
        Ok(())
    }

    /// Reads the extent and compares.
    fn expect(&self, extent: Extent, what: &str, left: Left) -> Result<(), PortError> {
        let bytes = self.bytes_of(BOOK, extent);
        let command = cdb::transfer(Direction::In, extent.lba, extent.sectors);
        let (completion, data) =
            self.send(command, Direction::In, &vec![0xEE; mem::size(bytes)])?;
        rules::demand(
            Rule::CommandPassedThrough,
            completion.is_success(),
            format_args!("a read after {what} ends with {completion:?}"),
        );
        match left {
            Left::Same(value) => check_all(&data, value, what),
            Left::ZerosOr(old) => {
                let value = data.first().copied().filter(|byte| *byte == old);
                check_all(&data, value.unwrap_or(0), what);
            }
        }
        Ok(())
    }

    /// Sends a command with these data, and gives what the buffer holds afterwards.
    fn send(
        &self,
        command: Cdb,
        direction: Direction,
        data: &[u8],
    ) -> Result<(Completion, vec::Vec<u8>), PortError> {
        let block = self
            .blocks
            .first()
            .ok_or(PortError::Memory("data buffers"))?;
        let buffer = Buffer::part(block, 0, data.len() as u64);
        let ranges = buffer.ranges.clone();
        scatter(&ranges, data);
        let request = Request::command(self.books[BOOK].unit.address, command, direction, buffer);
        let completion = port::execute(request)?;
        Ok((completion, gather(&ranges)))
    }
}

/// Whether the device did what it was told; it may also not know the command, and say so in sense data of its own.
fn carried_out(what: &str, completion: &Completion) -> bool {
    let unknown = matches!(completion.sense_code(), Some((ILLEGAL_REQUEST, _, _)));
    rules::demand(
        Rule::CommandPassedThrough,
        completion.is_success() || unknown,
        format_args!(
            "{what} ends with {completion:?}: neither carried out nor refused by the device"
        ),
    );
    completion.is_success()
}

fn check_all(data: &[u8], value: u8, what: &str) {
    let wrong = data.iter().filter(|byte| **byte != value).count();
    rules::demand(
        Rule::CommandPassedThrough,
        wrong == 0,
        format_args!(
            "{wrong} of {} bytes are not as {what} leaves them",
            data.len()
        ),
    );
}
