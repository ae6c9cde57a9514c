//! AES-256-XTS over sectors of 512 bytes (IEEE 1619).
//!
//! Key type: [`DataKey`]. Own code over the `aes` crate because the crate for the mode encrypts block by block, which wastes most
//! of both AES instructions and bitsliced software; the mode itself is compared with that crate and with the standard's vectors.
//! No length but whole sectors occurs, so there is no ciphertext stealing.
//!
//! Expanded keys in software take 2 KiB, and a function with a frame of more than a page needs `__chkstk`: the functions with large
//! frames are never inlined, whoever calls them.

use aes::{
    Aes256, Block,
    cipher::{BlockDecrypt, BlockEncrypt, KeyInit},
};
use zeroize::Zeroize as _;

/// Bytes of a data unit.
pub(crate) const SECTOR_BYTES: usize = 512;
/// Bytes of a key: one half for the data, one for the tweak.
pub(crate) const KEY_BYTES: usize = 64;
const BLOCK_BYTES: usize = 16;
const SECTOR_BLOCKS: usize = SECTOR_BYTES / BLOCK_BYTES;
/// The polynomial of the field, as it is folded back.
const POLYNOMIAL: u128 = 0x87;

/// The key of a dump: one half for the data, one for the tweak. Wiped when dropped.
///
/// It is expanded for each write and read, because copies of expanded keys on the way to the filter's block would make a large frame
/// of `DriverEntry`.
pub(crate) struct DataKey(pub(crate) [u8; KEY_BYTES]);

/// Both keys, expanded, for one run over sectors. `aes` wipes them.
struct Expanded {
    data: Aes256,
    tweak: Aes256,
}

impl DataKey {
    /// Encrypts whole sectors in place, the first of which has number `first`; a rest shorter than a sector stays as it is.
    #[inline(never)]
    pub(crate) fn encrypt(&self, first: u64, data: &mut [u8]) {
        let keys = self.expand();
        for (number, sector) in (first..).zip(data.chunks_exact_mut(SECTOR_BYTES)) {
            keys.work(number, sector, |blocks| keys.data.encrypt_blocks(blocks));
        }
    }

    /// The inverse of [`DataKey::encrypt`].
    #[inline(never)]
    pub(crate) fn decrypt(&self, first: u64, data: &mut [u8]) {
        let keys = self.expand();
        for (number, sector) in (first..).zip(data.chunks_exact_mut(SECTOR_BYTES)) {
            keys.work(number, sector, |blocks| keys.data.decrypt_blocks(blocks));
        }
    }

    #[inline(never)]
    fn expand(&self) -> Expanded {
        let (data, tweak) = self.0.split_at(KEY_BYTES / 2);
        Expanded {
            data: Aes256::new(data.into()),
            tweak: Aes256::new(tweak.into()),
        }
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Expanded {
    #[inline(never)]
    fn work(&self, number: u64, sector: &mut [u8], cipher: impl FnOnce(&mut [Block])) {
        let tweaks = self.tweaks(number);
        let mut blocks = [Block::default(); SECTOR_BLOCKS];
        for ((block, bytes), tweak) in blocks
            .iter_mut()
            .zip(sector.chunks_exact(BLOCK_BYTES))
            .zip(tweaks)
        {
            block.copy_from_slice(bytes);
            mask(block, tweak);
        }
        cipher(&mut blocks);
        for ((block, bytes), tweak) in blocks
            .iter_mut()
            .zip(sector.chunks_exact_mut(BLOCK_BYTES))
            .zip(tweaks)
        {
            mask(block, tweak);
            bytes.copy_from_slice(block);
        }
    }

    /// The tweak of each block of sector `number`: the encrypted number, times the field's generator once more for each block.
    fn tweaks(&self, number: u64) -> [u128; SECTOR_BLOCKS] {
        let mut block = Block::from(u128::from(number).to_le_bytes());
        self.tweak.encrypt_block(&mut block);
        let mut tweak = u128::from_le_bytes(block.into());
        let mut tweaks = [0; SECTOR_BLOCKS];
        for slot in &mut tweaks {
            *slot = tweak;
            let carry = tweak >> 127;
            tweak = (tweak << 1) ^ (carry * POLYNOMIAL);
        }
        tweaks
    }
}

fn mask(block: &mut Block, tweak: u128) {
    for (byte, mask) in block.iter_mut().zip(tweak.to_le_bytes()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use aes::cipher::generic_array::GenericArray;
    use xts_mode::Xts128;

    use super::*;

    fn key() -> [u8; KEY_BYTES] {
        core::array::from_fn(|index| u8::try_from(index * 3 + 1).unwrap())
    }

    #[test]
    fn the_mode_is_the_one_of_the_other_implementation() {
        let key = key();
        let reference = Xts128::new(
            Aes256::new(GenericArray::from_slice(&key[..32])),
            Aes256::new(GenericArray::from_slice(&key[32..])),
        );
        let plain: Vec<u8> = (0..4 * SECTOR_BYTES)
            .map(|index| index.to_le_bytes()[0])
            .collect();
        for first in [0, 1, 0xFFFF_FFFF, 1 << 40] {
            let mut ours = plain.clone();
            DataKey(key).encrypt(first, &mut ours);
            let mut theirs = plain.clone();
            reference.encrypt_area(&mut theirs, SECTOR_BYTES, first.into(), |number| {
                number.to_le_bytes()
            });
            assert_eq!(ours, theirs, "sector {first}");
            DataKey(key).decrypt(first, &mut ours);
            assert_eq!(ours, plain, "sector {first}");
        }
    }

    /// IEEE 1619-2007, annex B, vector 10: AES-256, data unit 0xFF, data 00 01 .. FF twice; first and last block.
    #[test]
    fn a_vector_of_the_standard() {
        let key: [u8; KEY_BYTES] = [
            0x27, 0x18, 0x28, 0x18, 0x28, 0x45, 0x90, 0x45, 0x23, 0x53, 0x60, 0x28, 0x74, 0x71,
            0x35, 0x26, 0x62, 0x49, 0x77, 0x57, 0x24, 0x70, 0x93, 0x69, 0x99, 0x59, 0x57, 0x49,
            0x66, 0x96, 0x76, 0x27, 0x31, 0x41, 0x59, 0x26, 0x53, 0x58, 0x97, 0x93, 0x23, 0x84,
            0x62, 0x64, 0x33, 0x83, 0x27, 0x95, 0x02, 0x88, 0x41, 0x97, 0x16, 0x93, 0x99, 0x37,
            0x51, 0x05, 0x82, 0x09, 0x74, 0x94, 0x45, 0x92,
        ];
        let mut data: Vec<u8> = (0..SECTOR_BYTES)
            .map(|index| index.to_le_bytes()[0])
            .collect();
        DataKey(key).encrypt(0xFF, &mut data);
        assert_eq!(
            data[..16],
            [
                0x1c, 0x3b, 0x3a, 0x10, 0x2f, 0x77, 0x03, 0x86, 0xe4, 0x83, 0x6c, 0x99, 0xe3, 0x70,
                0xcf, 0x9b
            ]
        );
    }

    #[test]
    fn a_rest_shorter_than_a_sector_stays() {
        let mut data = [7; SECTOR_BYTES + 5];
        DataKey(key()).encrypt(3, &mut data);
        assert_eq!(data[SECTOR_BYTES..], [7; 5]);
        assert_ne!(data[..5], [7; 5]);
    }
}
