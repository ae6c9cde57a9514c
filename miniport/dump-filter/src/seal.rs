//! The data key, sealed to a public key: libsodium's sealed box, in a record that fits the comment of a dump header.
//!
//! Key type: [`Record`]. A sealed box is an ephemeral X25519 public key and the message under XSalsa20-Poly1305; the
//! nonce is BLAKE2b-192 of both public keys, the key `HSalsa20` of the shared secret. Own composition because the crate that has it
//! allocates; the tests open what is sealed here with that crate.

use blake2::{
    Blake2b, Digest,
    digest::consts::{U10, U24},
};
use crypto_secretbox::{
    AeadInPlace, KeyInit, XSalsa20Poly1305, cipher::generic_array::GenericArray,
};
use salsa20::hsalsa;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::Zeroize as _;

use crate::xts::{DataKey, KEY_BYTES};

/// Bytes of a [`Record`]: those of `DUMP_HEADER64`'s comment.
pub(crate) const RECORD_BYTES: usize = 128;
/// First bytes of a record.
pub(crate) const MAGIC: [u8; 8] = *b"HPSEAL01";
/// Bytes that sealing adds: ephemeral public key and authenticator.
const SEAL_BYTES: usize = 48;

/// The sealed key of a dump, ready for every place where it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    sealed: [u8; SEAL_BYTES + KEY_BYTES],
}

impl Record {
    /// Seals `key` to `public_key` with the ephemeral secret `secret`, which must be random and is used once. `None` if the public
    /// key is one of the few with which everyone shares the same secret.
    pub(crate) fn seal(key: &DataKey, public_key: &[u8; 32], mut secret: [u8; 32]) -> Option<Self> {
        let ephemeral = x25519(secret, X25519_BASEPOINT_BYTES);
        let mut shared = x25519(secret, *public_key);
        secret.zeroize();
        if shared == [0; 32] {
            return None;
        }
        let mut box_key = derive(&shared);
        shared.zeroize();
        let cipher = XSalsa20Poly1305::new(GenericArray::from_slice(&box_key));
        box_key.zeroize();
        let nonce = Blake2b::<U24>::new()
            .chain_update(ephemeral)
            .chain_update(public_key)
            .finalize();
        let mut sealed = [0; SEAL_BYTES + KEY_BYTES];
        let (head, message) = sealed.split_at_mut(SEAL_BYTES);
        message.copy_from_slice(&key.0);
        let tag = cipher
            .encrypt_in_place_detached(&nonce, &[], message)
            .ok()?;
        let (first, second) = head.split_at_mut(ephemeral.len());
        first.copy_from_slice(&ephemeral);
        second.copy_from_slice(&tag);
        Some(Self { sealed })
    }

    /// The bytes to store: magic, number of the sector at which the file begins, sealed key.
    pub(crate) fn to_bytes(self, first_sector: u64) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let parts = MAGIC
            .into_iter()
            .chain(first_sector.to_le_bytes())
            .chain(self.sealed);
        for (slot, byte) in bytes.iter_mut().zip(parts) {
            *slot = byte;
        }
        bytes
    }
}

/// `HSalsa20` of the shared secret: the key of a box.
fn derive(shared: &[u8; 32]) -> [u8; 32] {
    hsalsa::<U10>(shared.into(), &GenericArray::default()).into()
}

#[cfg(test)]
mod tests {
    use crypto_box::SecretKey;

    use super::*;

    fn data_key() -> DataKey {
        DataKey(core::array::from_fn(|index| index.to_le_bytes()[0]))
    }

    #[test]
    fn the_holder_of_the_private_key_opens_the_record() {
        let owner = SecretKey::from([9; 32]);
        let public = *owner.public_key().as_bytes();
        let record = Record::seal(&data_key(), &public, [5; 32]).unwrap();
        let bytes = record.to_bytes(0x1_0203);
        assert_eq!(bytes[..8], MAGIC);
        assert_eq!(bytes[8..16], 0x1_0203_u64.to_le_bytes());
        assert_eq!(owner.unseal(&bytes[16..]).unwrap(), data_key().0);
        // Nobody else does, and no bit may change.
        assert!(SecretKey::from([8; 32]).unseal(&bytes[16..]).is_err());
        for index in 16..RECORD_BYTES {
            let mut damaged = bytes;
            damaged[index] ^= 1;
            assert!(owner.unseal(&damaged[16..]).is_err(), "byte {index}");
        }
    }

    #[test]
    fn a_public_key_that_everyone_could_open_is_refused() {
        for low_order in [0, 1] {
            let mut public = [0; 32];
            public[0] = low_order;
            assert!(Record::seal(&data_key(), &public, [5; 32]).is_none());
        }
    }
}
