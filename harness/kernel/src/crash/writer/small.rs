//! The small dump on its way to the disk: planned before the first write, gathered from memory piece by piece.

use alloc::{vec, vec::Vec};

use proto::{hiber::PAGE_BYTES, record::DumpFacts};

use super::{DumpError, UNFINISHED, Writer, ask_for_secondary, failed};
use crate::{
    bugcheck::{
        array::{BLOCKS_LIMIT, Budget},
        run,
    },
    crash::{
        abi::DumpHeader,
        collect,
        header::dump_type,
        layout::{self, HEADER_BYTES},
        live::BUILD,
        small::{FIELDS, SMALL_BYTES, Small},
    },
    dump::{
        cdb::Cdb,
        request::{self, Data},
        write as transfer,
    },
    mem,
    port::abi::{bugcheck::dump_io_type, put},
};

/// What the blocks of drivers take beside their bytes, at most: entries of the list, of which a block that overlaps others
/// takes more than one, and the rest of a page.
const ENTRIES_BYTES: u64 = 2 * 16 * BLOCKS_LIMIT as u64 + PAGE_BYTES;

impl Writer<'_> {
    /// Writes the whole dump.
    pub(super) fn write_small(&mut self) -> Result<DumpFacts, DumpError> {
        let room = self.room_behind(SMALL_BYTES)?;
        let budget = Budget::new(room.saturating_sub(ENTRIES_BYTES));
        let (snapshot, bug_check) = (self.job.snapshot, self.job.bug_check);
        let small =
            collect::gather(snapshot, &bug_check.registers, budget).map_err(DumpError::Small)?;
        let room = self.room_behind(small.bytes())?;
        let mut unfinished = self.small_header(small.bytes())?;
        put(&mut unfinished, DumpHeader::VALID_DUMP, UNFINISHED);
        self.put_bytes(dump_io_type::HEADER, 0, &unfinished)
            .map_err(failed("header"))?;
        self.put_body(&small)?;
        let blocks = ask_for_secondary(room);
        let secondary = layout::secondary_data(&blocks, BUILD);
        self.put_bytes(dump_io_type::SECONDARY_DATA, small.bytes(), &secondary)
            .map_err(failed("secondary data"))?;
        Self::command(Cdb::synchronize_cache(), Data::None).map_err(failed("SYNCHRONIZE CACHE"))?;
        let bytes = small.bytes() + secondary.len() as u64;
        let header = self.small_header(bytes)?;
        self.put_bytes(dump_io_type::HEADER, 0, &header)
            .map_err(failed("final header"))?;
        transfer::finish().map_err(failed("Dump_Finish"))?;
        run::dump_io_complete();
        Ok(self.facts(bytes, &blocks))
    }

    fn small_header(&self, bytes: u64) -> Result<Vec<u8>, DumpError> {
        let mut header = self.header(dump_type::TRIAGE, bytes)?;
        put(&mut header, DumpHeader::MINIDUMP_FIELDS, FIELDS);
        Ok(header)
    }

    /// Everything between the header and the secondary data, as many pages a request as the miniport takes.
    fn put_body(&mut self, small: &Small) -> Result<(), DumpError> {
        let shadow = self.job.shadow;
        let pages = request::limit_blocks().min(self.bounce_pages()).max(1);
        let half = small.bytes() / 2;
        let mut offset = HEADER_BYTES;
        while offset < small.bytes() {
            let bytes = (pages * PAGE_BYTES).min(small.bytes() - offset);
            let mut piece = vec![0; mem::size(bytes)];
            small.fill(offset, &mut piece, |address, into| {
                collect::read(shadow, address, into);
            });
            self.put_bytes(dump_io_type::BODY, offset, &piece)
                .map_err(failed("body"))?;
            if offset < half && offset + bytes >= half {
                request::reset_while_idle();
            }
            offset += bytes;
        }
        Ok(())
    }
}
