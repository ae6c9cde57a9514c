//! Lives in which one call fails, a different one each: none of them may bring the system down (rule `NullCheck`).
//!
//! A driver that does not start then, or that has no disk, is fine; one that uses the NULL is not, nor one that leaks.

use alloc::format;

use proto::{
    owner::Role,
    scenario::{Bundle, EXHAUST_STEP},
};

use super::{
    Stop,
    system::{driver_file, find_hba},
};
use crate::{
    exports::refuse,
    pe,
    port::{self, PortError, Request, exhaust::Site},
    record,
};

/// More lives than any driver can need: a run-away of the bench is named.
const MOST_LIVES: u32 = 200;

/// Lives until no call is left that has not failed.
pub(super) fn run(bundle: &Bundle) -> Result<(), Stop> {
    for _ in 0..MOST_LIVES {
        let failed = record::step(EXHAUST_STEP, || life(bundle))?;
        if failed.is_none() {
            return Ok(());
        }
    }
    Err(Stop::boot_device(format!(
        "after {MOST_LIVES} lives there are still calls that never failed"
    )))
}

/// One life; what failed in it.
fn life(bundle: &Bundle) -> Result<Option<Site>, Stop> {
    let scenario = &bundle.scenario;
    let hba = find_hba(scenario)?;
    let image = pe::load(&scenario.driver, driver_file(bundle)?, Role::Normal)
        .map_err(|error| Stop::boot_device(format!("{error}")))?;
    refuse::begin_life();
    let options = port::Options::from_scenario(scenario);
    let (end, census) = match port::start(&image, &hba, &options) {
        Ok(()) => {
            let used = use_disk();
            let census = port::stop_and_remove();
            (
                used.and(census.as_ref().map(|_| ()).map_err(|error| *error)),
                census.ok(),
            )
        }
        Err(error) => (Err(error), port::remove_after_failed_start()),
    };
    let failed = refuse::end_life();
    tell(failed, end);
    if let Some(census) = census
        && census.leaked_blocks > 0
    {
        log!("{} blocks are left behind", census.leaked_blocks);
    }
    image.unload();
    Ok(failed)
}

/// Scan, and a request with data on each unit.
fn use_disk() -> Result<(), PortError> {
    for unit in port::scan()? {
        let flush = port::execute(Request::synchronize_cache(&unit))?;
        if !flush.is_success() {
            log!("SYNCHRONIZE CACHE ends with {flush:?}");
        }
    }
    Ok(())
}

fn tell(failed: Option<Site>, end: Result<(), PortError>) {
    match (failed, end) {
        (Some(site), Err(error)) => log!("{} fails: {error}", describe(site)),
        (Some(site), Ok(())) => log!("{} fails: the disk works all the same", describe(site)),
        (None, Ok(())) => log!("no call is left that has not failed"),
        (None, Err(error)) => log_warning!("no call failed, and yet: {error}"),
    }
}

fn describe(site: Site) -> alloc::string::String {
    format!(
        "call {} of {} (function {}) from the image's offset {:#x}",
        site.call, site.routine, site.code, site.rva
    )
}
