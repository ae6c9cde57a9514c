//! The filter in a simulated dump stack.

use crypto_box::SecretKey;
use ddi::{
    filter::{DumpType, FilterExtension, InitializationData},
    filter_host::{FilterHost, Machine, NotLoaded},
};

use crate::{seal::MAGIC, xts::DataKey};

const KEY: &str = r"\Registry\Machine\System\CurrentControlSet\Services\dumpfilter\Parameters";
const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32.cast_signed();
const PAGES: u32 = 16;

fn entry(extension: FilterExtension, data: InitializationData) -> i32 {
    crate::driver_entry(extension, data)
}

fn owner() -> SecretKey {
    SecretKey::from([0x42; 32])
}

fn machine() -> Machine {
    let machine = Machine {
        key: KEY.into(),
        ..Machine::default()
    };
    machine.binary("PublicKey", owner().public_key().as_bytes())
}

fn load(machine: Machine, dump_type: DumpType) -> Result<FilterHost, NotLoaded> {
    FilterHost::load(machine, entry, dump_type, PAGES)
}

fn pattern(bytes: usize, seed: u8) -> Vec<u8> {
    (0..bytes)
        .map(|index| index.to_le_bytes()[0].wrapping_mul(31) ^ index.to_le_bytes()[1] ^ seed)
        .collect()
}

fn crash_header() -> Vec<u8> {
    let mut header = pattern(0x2000, 3);
    header[..8].copy_from_slice(b"PAGEDU64");
    header
}

/// The cipher of the record in a header, by the other implementation of sealed boxes.
fn cipher_of(record: &[u8]) -> DataKey {
    assert_eq!(record[..8], MAGIC);
    let key = owner()
        .unseal(&record[16..128])
        .expect("sealed to the owner");
    DataKey(key.try_into().expect("64 bytes"))
}

#[test]
fn a_crash_dump_is_plain_in_its_header_and_nowhere_else() {
    const START: u64 = 0x30_0000;
    let mut host = load(machine(), DumpType::Crash).unwrap();
    assert_eq!(host.start(), 0);
    let header = crash_header();
    let written = host.write(START, &header, 0);
    assert!(written.replaced);
    let record = &written.bytes[0xFB0..0x1030];
    assert_eq!(record[8..16], (START / 512).to_le_bytes());
    assert_eq!(written.bytes[..0xFB0], header[..0xFB0]);
    assert_eq!(written.bytes[0x1030..], header[0x1030..]);
    let cipher = cipher_of(record);
    let body = pattern(0x5000, 9);
    let written = host.write(START + 0x2000, &body, 0x200);
    assert!(written.replaced);
    let mut back = written.bytes.clone();
    assert!(
        back.chunks(512)
            .zip(body.chunks(512))
            .all(|(left, right)| left != right)
    );
    cipher.decrypt((START + 0x2000) / 512, &mut back);
    assert_eq!(back, body);
    // The header comes again at the end, in one page after the other: the record is in it each time.
    let first = host.write(START, &header[..0x1000], 0);
    let second = host.write(START + 0x1000, &header[0x1000..], 0);
    assert_eq!([first.bytes, second.bytes].concat()[0xFB0..0x1030], *record);
    host.unload();
}

#[test]
fn header_and_body_in_one_write() {
    let mut host = load(machine(), DumpType::Crash).unwrap();
    let mut dump = crash_header();
    dump.extend(pattern(0x3000, 1));
    let mut written = host.write(0, &dump, 0).bytes;
    let cipher = cipher_of(&written[0xFB0..0x1030]);
    assert_eq!(written[..0xFB0], dump[..0xFB0]);
    cipher.decrypt(0x2000 / 512, &mut written[0x2000..]);
    assert_eq!(written[0x2000..], dump[0x2000..]);
    // Dump_Read undoes it, header left alone.
    let mut again = host.write(0, &dump, 0).bytes;
    assert_eq!(host.read(0, &mut again), 0);
    assert_eq!(again[0x2000..], dump[0x2000..]);
    host.unload();
}

#[test]
fn crash_dumps_pass_through_if_told_so() {
    let machine = machine().dword("EncryptCrashDumps", 0);
    let mut host = load(machine, DumpType::Crash).unwrap();
    let written = host.write(0, &crash_header(), 0);
    assert!(!written.replaced);
    assert_eq!(written.bytes, crash_header());
    host.unload();
}

#[test]
fn hibernation_files_pass_through_by_default() {
    let mut host = load(machine(), DumpType::Hibernation).unwrap();
    let data = pattern(0x2000, 5);
    let written = host.write(0x4000, &data, 0);
    assert!(!written.replaced);
    assert_eq!(written.bytes, data);
    let mut back = data.clone();
    assert_eq!(host.read(0x4000, &mut back), 0);
    assert_eq!(back, data);
    host.unload();
}

#[test]
fn hibernation_files_are_encrypted_if_asked() {
    let machine = machine().dword("EncryptHibernation", 1);
    let mut host = load(machine, DumpType::Hibernation).unwrap();
    let mut file = pattern(0x4000, 5);
    file[0x1000 - 128..0x1000].fill(0);
    let mut written = host.write(0, &file, 0).bytes;
    assert_eq!(written[..0x1000 - 128], file[..0x1000 - 128]);
    let cipher = cipher_of(&written[0x1000 - 128..0x1000]);
    let mut by_owner = written.clone();
    cipher.decrypt(8, &mut by_owner[0x1000..]);
    assert_eq!(by_owner[0x1000..], file[0x1000..]);
    assert_eq!(host.read(0, &mut written), 0);
    assert_eq!(written[0x1000..], file[0x1000..]);
    host.unload();
}

#[test]
fn each_load_has_a_key_of_its_own() {
    let sealed = |random_seed| {
        let machine = Machine {
            random_seed,
            ..machine()
        };
        let mut host = load(machine, DumpType::Crash).unwrap();
        let record = host.write(0, &crash_header(), 0).bytes[0xFB0..0x1030].to_vec();
        host.unload();
        owner().unseal(&record[16..]).expect("sealed to the owner")
    };
    assert_ne!(sealed(1), sealed(2));
}

#[test]
fn filters_above_and_below_do_not_matter() {
    let encrypting = || {
        load(
            machine().dword("EncryptHibernation", 1),
            DumpType::Hibernation,
        )
        .unwrap()
    };
    let data = pattern(0x2000, 2);
    // What the upper one hands on lies in its own buffer; the lower one takes it like any other data.
    let mut upper = encrypting();
    let upper_bytes = upper.write(0x8000, &data, 0).bytes;
    let mut lower = encrypting();
    let mut bytes = lower.write(0x8000, &upper_bytes, 0).bytes;
    assert_ne!(bytes, upper_bytes);
    assert_eq!(lower.read(0x8000, &mut bytes), 0);
    assert_eq!(bytes, upper_bytes);
    lower.unload();
}

#[test]
fn without_a_key_the_filter_does_not_load() {
    let no_value = Machine {
        key: KEY.into(),
        ..Machine::default()
    };
    let cases = [
        no_value.clone(),
        no_value.clone().binary("PublicKey", &[7; 31]),
        no_value.clone().binary("PublicKey", &[7; 33]),
        no_value.clone().binary("PublicKey", &[7; 65]),
        no_value.clone().binary("PublicKey", &[0; 32]),
        no_value.clone().dword("PublicKey", 7),
    ];
    for machine in cases {
        for (critical, flags) in [(0, 0), (1, 1)] {
            let machine = machine.clone().dword("Critical", critical);
            let failure = load(machine, DumpType::Crash).unwrap_err();
            assert_eq!(failure.status, STATUS_INVALID_PARAMETER);
            assert_eq!(failure.flags & 1, flags);
        }
    }
    let absent = load(Machine::default(), DumpType::Crash).unwrap_err();
    assert!(absent.status < 0);
    assert_eq!(absent.flags & 1, 0);
}

#[test]
fn a_key_of_low_order_is_refused() {
    let mut one = [0; 32];
    one[0] = 1;
    let machine = machine().binary("PublicKey", &one).dword("Critical", 1);
    let failure = load(machine, DumpType::Crash).unwrap_err();
    assert_eq!(
        (failure.status, failure.flags & 1),
        (STATUS_INVALID_PARAMETER, 1)
    );
}

#[test]
fn without_random_numbers_the_filter_does_not_load() {
    let machine = Machine {
        random_status: 0xC000_0001,
        ..machine()
    };
    let failure = load(machine, DumpType::Crash).unwrap_err();
    assert_eq!(failure.status, 0xC000_0001_u32.cast_signed());
}

#[test]
fn the_buffer_is_as_large_as_the_longest_write_or_the_write_shorter() {
    let host = load(machine(), DumpType::Crash).unwrap();
    assert_eq!(host.data().MaxPagesPerWrite, PAGES);
    assert_eq!((host.data().MajorVersion, host.data().MinorVersion), (2, 0));
    assert_eq!(host.data().Flags & 1, 1);
    host.unload();
    let small = Machine {
        contiguous_limit_bytes: 0x8000,
        ..machine()
    };
    let host = load(small, DumpType::Crash).unwrap();
    assert_eq!(host.data().MaxPagesPerWrite, PAGES / 4);
    host.unload();
    let none = Machine {
        contiguous_limit_bytes: 0x1000,
        ..machine()
    };
    assert!(load(none, DumpType::Crash).is_err());
    let zero = FilterHost::load(machine(), entry, DumpType::Crash, 0).unwrap_err();
    assert_eq!(zero.status, STATUS_INVALID_PARAMETER);
}

#[test]
fn writes_that_cannot_be_encrypted_are_refused() {
    use ddi::filter::Refusal;
    let refused = |offset, bytes| {
        let host = load(machine(), DumpType::Crash).unwrap();
        host.refusal::<super::Sealing>(offset, &vec![1; bytes])
    };
    assert_eq!(refused(0, 0x1000), None);
    assert_eq!(refused(0x100, 0x1000), Some(Refusal::Misaligned));
    assert_eq!(refused(0, 0x1001), Some(Refusal::Misaligned));
    assert_eq!(refused(0, 0x1_0000), None);
    assert_eq!(refused(0, 0x1_0200), Some(Refusal::TooLong));
    let machine = machine().dword("EncryptHibernation", 1);
    let host = load(machine, DumpType::Hibernation).unwrap();
    let occupied = host.refusal::<super::Sealing>(0, &[1; 0x1000]);
    assert_eq!(occupied, Some(Refusal::NoRoom));
}

#[test]
fn a_read_that_cannot_be_undone_is_reported() {
    let machine = machine().dword("EncryptHibernation", 1);
    let mut host = load(machine, DumpType::Hibernation).unwrap();
    assert!(host.read(0x2100, &mut [0; 0x200]) < 0);
    assert!(host.read(0x2000, &mut [0; 0x1F0]) < 0);
}
