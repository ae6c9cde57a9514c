//! Every limit, once kept and once broken.

use super::*;

const GUID: [u8; 16] = [7; 16];
const LENT: Lent = Lent {
    buffer: Va(0x10_0000),
    bytes: 4096,
    allowed: 8192,
};

#[test]
fn a_range_has_one_kind_of_address() {
    let virtual_pages = Pages::judge(VIRTUAL, 0xFFFF_8000_0000_1234, 2);
    let start = RangeStart::Virtual(Va(0xFFFF_8000_0000_1000));
    assert_eq!(
        virtual_pages,
        Ok(Pages {
            range: Some((start, 2)),
            more: false
        })
    );
    let physical_pages = Pages::judge(PHYSICAL | MORE, 0x5000, 1);
    assert_eq!(
        physical_pages,
        Ok(Pages {
            range: Some((RangeStart::Physical(Pa(0x5000)), 1)),
            more: true
        })
    );
    for flags in [0, VIRTUAL | PHYSICAL, MORE] {
        assert_eq!(
            Pages::judge(flags, 0x5000, 1),
            Err(AnswerError::AddressKind { flags })
        );
    }
}

#[test]
fn nothing_is_an_answer_and_may_be_followed_by_more() {
    for (flags, more) in [(0, false), (MORE, true), (VIRTUAL, false)] {
        let nothing = Pages { range: None, more };
        assert_eq!(Pages::judge(flags, 0xDEAD, 0), Ok(nothing));
    }
}

#[test]
fn bits_without_a_meaning_are_refused() {
    assert_eq!(
        Pages::judge(VIRTUAL | 4, 0x5000, 1),
        Err(AnswerError::UnknownFlags { flags: 5 })
    );
}

#[test]
fn a_range_ends_where_the_addresses_end() {
    let last = u64::MAX - PAGE_BYTES + 1;
    assert!(Pages::judge(VIRTUAL, last, 1).is_ok());
    for (address, pages) in [(last, 2), (0x1000, u64::MAX), (0, 1 << 52 | 1)] {
        assert_eq!(
            Pages::judge(VIRTUAL, address, pages),
            Err(AnswerError::Wraps { address, pages })
        );
    }
}

#[test]
fn an_offer_keeps_within_what_is_allowed() {
    assert_eq!(Offer::judge(8192, 8192), Ok(Offer { bytes: 8192 }));
    assert_eq!(Offer::judge(0, 0), Ok(Offer { bytes: 0 }));
    assert_eq!(
        Offer::judge(8193, 8192),
        Err(AnswerError::TooLong {
            bytes: 8193,
            allowed: 8192
        })
    );
}

#[test]
fn a_delivery_comes_from_either_buffer() {
    let offer = Offer { bytes: 6000 };
    let own = Va(0x20_0000);
    assert_eq!(
        Delivery::judge(offer, LENT, LENT.buffer, 4096, GUID),
        Ok(Delivery {
            at: LENT.buffer,
            bytes: 4096
        })
    );
    assert_eq!(
        Delivery::judge(offer, LENT, own, 6000, GUID),
        Ok(Delivery {
            at: own,
            bytes: 6000
        })
    );
}

#[test]
fn a_delivery_breaks_each_limit() {
    let offer = Offer { bytes: 6000 };
    let own = Va(0x20_0000);
    let broken = [
        (
            Delivery::judge(offer, LENT, own, 9000, GUID),
            AnswerError::TooLong {
                bytes: 9000,
                allowed: 8192,
            },
        ),
        (
            Delivery::judge(offer, LENT, own, 6001, GUID),
            AnswerError::Grown {
                bytes: 6001,
                offered: 6000,
            },
        ),
        (
            Delivery::judge(offer, LENT, LENT.buffer, 5000, GUID),
            AnswerError::Overrun {
                bytes: 5000,
                room: 4096,
            },
        ),
        (
            Delivery::judge(offer, LENT, Va::NULL, 1, GUID),
            AnswerError::NoBuffer,
        ),
        (
            Delivery::judge(offer, LENT, own, 1, [0; 16]),
            AnswerError::NoGuid,
        ),
    ];
    for (judged, expected) in broken {
        assert_eq!(judged, Err(expected));
    }
}
