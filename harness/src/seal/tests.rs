//! Synthetic dumps, encrypted here by the same crates that decrypt them; the driver's own tests and the bench's runs join both sides.

use super::*;

fn key() -> PrivateKey {
    PrivateKey::of_run(7)
}

/// A record with a known data key for a file that begins at `first_sector`.
fn sealed(first_sector: u64, data_key: [u8; 64]) -> Vec<u8> {
    let mut random = Counter(1);
    let sealed = crypto_box::PublicKey::from(key().public())
        .seal(&mut random, &data_key)
        .unwrap();
    [MAGIC, &first_sector.to_le_bytes(), &sealed].concat()
}

/// Not random at all.
struct Counter(u64);

impl crypto_box::aead::rand_core::RngCore for Counter {
    fn next_u32(&mut self) -> u32 {
        0x0101_0101
    }

    fn next_u64(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(167).wrapping_add(13);
            *byte = self.0.to_le_bytes()[0];
        }
    }

    fn try_fill_bytes(
        &mut self,
        bytes: &mut [u8],
    ) -> Result<(), crypto_box::aead::rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl crypto_box::aead::rand_core::CryptoRng for Counter {}

fn data_key() -> [u8; 64] {
    std::array::from_fn(|index| u8::try_from(index + 3).unwrap())
}

fn dump(first_sector: u64) -> (Vec<u8>, Vec<u8>) {
    let mut plain: Vec<u8> = (0..CRASH_HEADER_BYTES + 5 * SECTOR_BYTES)
        .map(|index| u8::try_from(index % 251).unwrap())
        .collect();
    plain[..8].copy_from_slice(CRASH_SIGNATURE);
    plain[CRASH_RECORD_OFFSET..][..RECORD_BYTES].fill(0);
    let mut encrypted = plain.clone();
    encrypted[CRASH_RECORD_OFFSET..][..RECORD_BYTES]
        .copy_from_slice(&sealed(first_sector, data_key()));
    let cipher = Xts128::new(
        Aes256::new(GenericArray::from_slice(&data_key()[..32])),
        Aes256::new(GenericArray::from_slice(&data_key()[32..])),
    );
    cipher.encrypt_area(
        &mut encrypted[CRASH_HEADER_BYTES..],
        SECTOR_BYTES,
        u128::from(first_sector + 16),
        get_tweak_default,
    );
    (plain, encrypted)
}

#[test]
fn a_dump_comes_back_wherever_it_lay() {
    for first_sector in [0, 1 << 33] {
        let (plain, encrypted) = dump(first_sector);
        assert_ne!(plain, encrypted);
        let mut out = Vec::new();
        let bytes = decrypt_dump(encrypted.as_slice(), &key(), &mut out).unwrap();
        assert_eq!(bytes, plain.len() as u64);
        assert_eq!(out, plain);
    }
}

#[test]
fn another_key_or_a_damaged_record_is_refused() {
    let (_, mut encrypted) = dump(0);
    let refused = |bytes: &[u8], key: &PrivateKey| {
        let error = decrypt_dump(bytes, key, std::io::sink()).unwrap_err();
        error.to_string()
    };
    assert!(refused(&encrypted, &PrivateKey::of_run(8)).contains("does not open"));
    encrypted[CRASH_RECORD_OFFSET + 100] ^= 1;
    assert!(refused(&encrypted, &key()).contains("does not open"));
    encrypted[CRASH_RECORD_OFFSET] = 0;
    assert!(refused(&encrypted, &key()).contains("not encrypted"));
    encrypted[0] = 0;
    assert!(refused(&encrypted, &key()).contains("does not begin"));
    assert!(refused(&encrypted[..100], &key()).contains("shorter"));
}

#[test]
fn a_key_is_read_from_bytes_and_from_digits() {
    let text = key().to_text();
    let bytes: Vec<u8> = key().0.to_bytes().to_vec();
    for content in [text.as_bytes(), text.trim().as_bytes(), &bytes] {
        let read = PrivateKey::from_file(content).unwrap();
        assert_eq!(read.public(), key().public());
    }
    for content in [&b""[..], &text.as_bytes()[..63], &[b'g'; 64], &bytes[..31]] {
        assert!(PrivateKey::from_file(content).is_none());
    }
}

#[test]
fn a_file_is_decrypted_into_a_new_one_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (
        directory.path().join("in.dmp"),
        directory.path().join("out.dmp"),
    );
    let (plain, encrypted) = dump(3);
    fs::write(&from, encrypted).unwrap();
    assert!(decrypt_file(&from, &to, &PrivateKey::of_run(8)).is_err());
    assert!(!to.exists());
    assert_eq!(
        decrypt_file(&from, &to, &key()).unwrap(),
        plain.len() as u64
    );
    assert_eq!(fs::read(&to).unwrap(), plain);
    let again = decrypt_file(&from, &to, &key()).unwrap_err();
    assert!(again.to_string().contains("cannot create"), "{again}");
    assert_eq!(fs::read(&to).unwrap(), plain);
}

#[test]
fn a_record_is_judged_before_its_content_is_used() {
    assert_eq!(key().open(&[]).unwrap_err(), SealError::Short);
    assert_eq!(key().open(&[0; 127]).unwrap_err(), SealError::Short);
    assert_eq!(key().open(&[0; 128]).unwrap_err(), SealError::Magic);
}

#[test]
fn nothing_that_was_not_sealed_is_accepted() {
    for length in [0, 7, 8, 127, 128, 200] {
        fuzz_record(&vec![0x5a; length]);
        fuzz_record(&vec![0; length]);
    }
}
