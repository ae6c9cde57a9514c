//! What became of the interrupt message of a queue in which an answer waits.
//!
//! Pure. A message that came while the oldest untaken answer was in the ring already, and after which that answer is still
//! untaken, was ignored: a driver that polls, that takes answers late or that has one message for all queues is not meant, so
//! only a request that timed out is judged, and only a message of one queue alone.

use core::fmt;

use super::Standing;

/// Time that a message's interrupt routine and deferred calls have at least, in microseconds.
const SETTLED_US: u64 = 1_000_000;

/// How a message came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// How long ago, in microseconds.
    pub us_ago: u64,
    /// The answer that is now the oldest untaken one was in the ring.
    pub found_answer: bool,
}

/// The message of one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its number; `None` if the driver gave the queue none.
    pub number: Option<u16>,
    /// The port connected it: it is not masked.
    pub is_connected: bool,
    /// No other queue has it, and the configuration has not.
    pub is_alone: bool,
    /// When it came last, if it did since the request was issued.
    pub last: Option<Delivery>,
    /// A deferred call of the miniport's is queued.
    pub awaits_dpc: bool,
}

impl Message {
    /// Whether it came for the answer of a request that stands at `standing`, was handled, and the answer left.
    #[must_use]
    pub fn is_ignored(&self, standing: Standing) -> bool {
        matches!(standing, Standing::Untaken(_))
            && self.is_connected
            && self.is_alone
            && !self.awaits_dpc
            && self
                .last
                .is_some_and(|last| last.found_answer && last.us_ago >= SETTLED_US)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(number) = self.number else {
            return f.write_str("the queue has no interrupt message");
        };
        write!(f, "message {number} of the queue ")?;
        match self.last {
            _ if !self.is_connected => f.write_str("is masked: the port has not connected it"),
            None => f.write_str("was not delivered since the request was issued"),
            Some(last) => {
                write!(f, "was delivered {} ms ago", last.us_ago / 1000)?;
                f.write_str(if self.awaits_dpc {
                    ", and a deferred call has not run yet"
                } else if last.found_answer {
                    ", after the answer, and handled"
                } else {
                    ""
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    const IGNORED: Message = Message {
        number: Some(4),
        is_connected: true,
        is_alone: true,
        last: Some(Delivery {
            us_ago: 9_000_000,
            found_answer: true,
        }),
        awaits_dpc: false,
    };

    #[test]
    fn a_message_that_was_handled_while_the_answer_waited_is_ignored() {
        assert!(IGNORED.is_ignored(Standing::Untaken(3)));
    }

    #[test]
    fn whatever_else_may_explain_it_is_not_called_ignored() {
        for standing in [
            Standing::Answered(3),
            Standing::WithDevice(3),
            Standing::InNoRing,
        ] {
            assert!(!IGNORED.is_ignored(standing), "{standing}");
        }
        for other in [
            Message {
                is_alone: false,
                ..IGNORED
            },
            Message {
                is_connected: false,
                ..IGNORED
            },
            Message {
                last: None,
                ..IGNORED
            },
            Message {
                last: Some(Delivery {
                    us_ago: 1000,
                    found_answer: true,
                }),
                ..IGNORED
            },
            Message {
                last: Some(Delivery {
                    us_ago: 9_000_000,
                    found_answer: false,
                }),
                ..IGNORED
            },
            Message {
                awaits_dpc: true,
                ..IGNORED
            },
        ] {
            assert!(!other.is_ignored(Standing::Untaken(3)), "{other:?}");
        }
    }

    #[test]
    fn the_text_says_what_became_of_it() {
        assert_eq!(
            IGNORED.to_string(),
            "message 4 of the queue was delivered 9000 ms ago, after the answer, and handled"
        );
        let lost = Message {
            last: None,
            ..IGNORED
        };
        assert!(lost.to_string().contains("was not delivered"));
        let masked = Message {
            is_connected: false,
            ..IGNORED
        };
        assert!(masked.to_string().contains("masked"));
        let waiting = Message {
            awaits_dpc: true,
            ..IGNORED
        };
        assert!(waiting.to_string().contains("has not run yet"));
        let none = Message {
            number: None,
            ..IGNORED
        };
        assert!(none.to_string().contains("no interrupt message"));
    }
}
