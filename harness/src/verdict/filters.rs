//! Checks of a run with this repository's dump filter.
//!
//! They are about what the filter was to do, by the options; that it keeps the rules of its interface is the kernel's to check.
//! Neighbours: `content` and `crash` judge image and crash dump themselves, [`crate::seal`] opens them.

use proto::{owner::Role, record::Record};

use super::{Evidence, Finding};
use crate::options::FilterMode;

/// `filter-at-work`: the filter loaded into the stacks, saw the writes of every hibernation and of the crash dump, and replaced all
/// of their data or none.
pub(super) fn filter_at_work(evidence: &Evidence<'_>) -> Finding {
    let Some(mode) = evidence.context.setup.options.filter else {
        return Finding::NotApplicable("no dump filter was asked for".to_owned());
    };
    let loaded = |wanted: Role| {
        let records = evidence.life.records();
        let of_stack = records.filter(|record| {
            matches!(record, Record::FilterLoaded { role, status: 0, .. } if *role == wanted)
        });
        of_stack.count()
    };
    let cycles = evidence.context.cycles as usize;
    let mut faults = Vec::new();
    let crashes = usize::from(evidence.context.crash.is_some());
    let dumps = cycles + crashes;
    if loaded(Role::Hiber) < cycles || (dumps > 0 && loaded(Role::Crash) == 0) {
        faults.push(format!(
            "loaded {} times into the crash stack, {} times into the hibernate stack",
            loaded(Role::Crash),
            loaded(Role::Hiber)
        ));
    }
    let (mut written, mut read, mut reports) = (0_u64, 0_u64, 0);
    for record in evidence.life.records() {
        let Record::FilterTransfers {
            writes,
            replaced,
            reads,
        } = record
        else {
            continue;
        };
        read = read.saturating_add(*reads);
        if *writes == 0 {
            continue;
        }
        reports += 1;
        written = written.saturating_add(*writes);
        let due = match mode {
            FilterMode::Pass => 0,
            FilterMode::Encrypt => *writes,
        };
        if *replaced != due {
            faults.push(format!("{replaced} of {writes} writes were replaced"));
        }
    }
    if reports < dumps {
        faults.push(format!("it saw the writes of {reports} of {dumps} dumps"));
    }
    Finding::unless(
        &faults,
        format!("{mode}: {written} writes, {read} reads passed through"),
    )
}

/// `image-encrypted`: the host opened every image with the private key alone, and no page of the guest lies on the partition in plain.
pub(super) fn image_encrypted(evidence: &Evidence<'_>) -> Finding {
    if evidence.context.setup.options.filter != Some(FilterMode::Encrypt) {
        return Finding::NotApplicable("hibernation files are not to be encrypted".to_owned());
    }
    if evidence.context.cycles == 0 {
        return Finding::NotApplicable("no hibernation was asked for".to_owned());
    }
    let mut faults = Vec::new();
    let mut pages = 0;
    for cycle in 1..=evidence.context.cycles {
        let boots = &evidence.life.boots;
        let boot = boots.iter().find(|boot| boot.number + 1 == cycle);
        let image = boot.and_then(|boot| boot.image);
        match image.and_then(|image| Some((image, image.plain_pages?))) {
            None => faults.push(format!(
                "hibernation {cycle}: nobody looked for plain pages"
            )),
            Some((image, 0)) => {
                pages += image.boot_pages_verified + image.kernel_pages_verified;
            }
            Some((_, plain)) => faults.push(format!(
                "hibernation {cycle}: {plain} pages of the guest are on the partition in plain"
            )),
        }
    }
    Finding::unless(
        &faults,
        format!("{pages} pages decrypted with the private key, none of them found in plain"),
    )
}

/// `dump-encrypted`: the crash dump carries the sealed key and no page of memory lies in its partition in plain; that it is the dump
/// of this run, opened with the private key alone, is for the other checks to see. A filter that lets dumps pass leaves no key.
pub(super) fn dump_encrypted(evidence: &Evidence<'_>) -> Finding {
    let context = evidence.context;
    let Some(mode) = context
        .setup
        .options
        .filter
        .filter(|_| context.crash.is_some())
    else {
        return Finding::NotApplicable("no crash dump went through the dump filter".to_owned());
    };
    let Some(found) = &context.dump else {
        return Finding::Broken("nobody looked for the dump".to_owned());
    };
    let mut faults = Vec::new();
    match (mode, found.sealed) {
        (FilterMode::Pass, _) => {
            let marked = found.dump.as_ref().is_some_and(|dump| dump.header.sealed);
            if marked {
                faults.push("the dump is encrypted although it was to pass".to_owned());
            }
        }
        (FilterMode::Encrypt, None) => {
            faults.push(
                found
                    .refusal
                    .clone()
                    .unwrap_or_else(|| "nobody looked whether the dump is encrypted".to_owned()),
            );
        }
        (FilterMode::Encrypt, Some(sealed)) => {
            if !sealed.marked {
                faults.push("its header carries no sealed key".to_owned());
            }
            match sealed.plain_pages {
                Some(0) => {}
                Some(plain) => faults.push(format!(
                    "{plain} pages of memory are in the crash partition in plain"
                )),
                None => faults.push("nobody looked for plain pages".to_owned()),
            }
        }
    }
    Finding::unless(
        &faults,
        match mode {
            FilterMode::Pass => "the dump passed in plain",
            FilterMode::Encrypt => "sealed to the key of the run, no page of memory in plain",
        },
    )
}
