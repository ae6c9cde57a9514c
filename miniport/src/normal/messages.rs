//! Which message-signalled interrupt means what.
//!
//! Key type: [`Messages`]. Message 0 is for control queue, event queue and configuration changes, the others for the request queues in turn.
//! With fewer messages than queues, queues share one; with a single message everything does; without any there is the line.

/// How the adapter's messages are divided among its queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Messages {
    count: u16,
}

impl Messages {
    /// Messages that the driver has a use for with so many request queues.
    pub(crate) const fn wanted(queues: u16) -> u16 {
        queues.saturating_add(1)
    }

    pub(crate) const fn new(count: u16) -> Self {
        Self { count }
    }

    /// The message of control queue, event queue and configuration changes.
    pub(crate) const fn service(self) -> Option<u16> {
        if self.count == 0 { None } else { Some(0) }
    }

    /// The message of a request queue.
    pub(crate) const fn of_queue(self, queue: u16) -> Option<u16> {
        match self.count {
            0 => None,
            1 => Some(0),
            count => Some(1 + queue % (count - 1)),
        }
    }

    /// The one request queue, of `queues`, that `message` speaks for, if each queue has a message of its own.
    #[inline]
    pub(crate) fn only_queue(self, message: u32, queues: u16) -> Option<u16> {
        let number = u16::try_from(message.checked_sub(1)?).ok()?;
        (self.count > queues && number < queues).then_some(number)
    }

    /// The request queues, of `queues`, that `message` speaks for.
    #[inline]
    pub(crate) fn queues(self, message: u32, queues: u16) -> impl Iterator<Item = u16> {
        let (first, step) = match (self.count, u16::try_from(message)) {
            (1, Ok(0)) => (0, 1),
            (2.., Ok(message @ 1..)) if message < self.count => (message - 1, self.count - 1),
            _ => (queues, 1),
        };
        (first..queues).step_by(usize::from(step))
    }

    /// First and last message of the request queues, if each queue has one of its own.
    pub(crate) const fn own(self, queues: u16) -> Option<(u16, u16)> {
        if self.count > queues && queues != 0 {
            Some((1, queues))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Messages;

    #[test]
    fn every_queue_is_heard_by_its_message_and_no_other() {
        for count in 0..20u16 {
            let messages = Messages::new(count);
            for queues in 1..=16u16 {
                for queue in 0..queues {
                    let own = messages.of_queue(queue);
                    assert!(own.is_none_or(|message| message < count));
                    assert_eq!(own.is_none(), count == 0);
                    for message in 0..u32::from(count) + 2 {
                        let heard = messages.queues(message, queues).any(|heard| heard == queue);
                        if let Some(only) = messages.only_queue(message, queues) {
                            assert_eq!(heard, only == queue, "{count} {queues}");
                        }
                        assert_eq!(
                            heard,
                            own.map(u32::from) == Some(message),
                            "{count} {queues}"
                        );
                    }
                }
                let own = messages.own(queues);
                assert_eq!(own.is_some(), count >= Messages::wanted(queues));
                assert_eq!(own.is_some(), messages.only_queue(1, queues) == Some(0));
            }
        }
    }
}
