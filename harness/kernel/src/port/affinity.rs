//! Which processors interrupt messages go to, and which message suits a processor.
//!
//! Key type: [`Affinities`]. Documents leave open how a system distributes messages (`PERF_CONFIGURATION_DATA.MessageTargets` tells the
//! miniport): one processor each or several, processors that no message goes to, messages for which nothing is said. With several
//! processors each of these comes, by the seed, and another one whenever messages are connected again. Pure.

use alloc::vec::Vec;

use super::random::Random;

/// Where the messages of an adapter go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affinities {
    /// By message, a bit for each processor; 0 says nothing.
    masks: Vec<u64>,
    processors: usize,
    /// By how many processors message 0 is turned.
    turned: usize,
    /// Requests of a processor that no message goes to are steered as well, by turns.
    advises_strangers: bool,
}

/// A way to distribute messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// One processor each, by turns.
    Turns,
    /// Neighbours together.
    Wide,
    /// Every second processor has no message.
    Gaps,
    /// Nothing is said.
    Nowhere,
}

impl Affinities {
    /// Message 0 goes to processor 0, the others go round.
    #[must_use]
    pub fn plain(messages: u16, processors: usize) -> Self {
        Self::of(Style::Turns, messages, processors, 0, true)
    }

    /// Drawn; with one processor there is nothing to draw.
    #[must_use]
    pub fn draw(random: &mut Random, messages: u16, processors: usize) -> Self {
        if processors < 2 {
            return Self::plain(messages, processors);
        }
        let styles = [
            Style::Turns,
            Style::Turns,
            Style::Wide,
            Style::Gaps,
            Style::Nowhere,
        ];
        let style = random.pick(&styles).copied().unwrap_or(Style::Turns);
        let turned = random.below(u64::try_from(processors).unwrap_or(1));
        let turned = usize::try_from(turned).unwrap_or(0);
        Self::of(style, messages, processors, turned, random.one_in(2))
    }

    fn of(
        style: Style,
        messages: u16,
        processors: usize,
        turned: usize,
        advises_strangers: bool,
    ) -> Self {
        let count = processors.max(1);
        let masks = (0..usize::from(messages))
            .map(|message| {
                let own = (message + turned) % count;
                match style {
                    Style::Turns => 1 << own,
                    Style::Wide => 1 << own | 1 << (own ^ 1).min(count - 1),
                    Style::Gaps => 1 << (own & !1),
                    Style::Nowhere => 0,
                }
            })
            .collect();
        Self {
            masks,
            processors: count,
            turned,
            advises_strangers,
        }
    }

    /// The processors that a message goes to, a bit for each.
    #[must_use]
    pub fn mask(&self, message: u32) -> u64 {
        usize::try_from(message)
            .ok()
            .and_then(|message| self.masks.get(message).copied())
            .unwrap_or(0)
    }

    /// The processor that a message is connected to: one of those, or any if nothing is said.
    #[must_use]
    pub fn serves(&self, message: u32) -> usize {
        let by_turns =
            (usize::try_from(message).unwrap_or(0) + self.turned) % self.processors.max(1);
        match self.mask(message) {
            0 => by_turns,
            mask if mask >> by_turns & 1 == 1 => by_turns,
            mask => usize::try_from(mask.trailing_zeros()).unwrap_or(0),
        }
    }

    /// The message, of those from `first` to `last`, that suits processor `processor`; neighbours that have several share them. `None`
    /// if there is none and the port has no advice.
    #[must_use]
    pub fn message_for(&self, processor: usize, first: u32, last: u32) -> Option<u32> {
        let goes_here = |message: &u32| self.mask(*message) >> processor & 1 == 1;
        let near: Vec<u32> = (first..=last).filter(goes_here).collect();
        let all: Vec<u32> = (first..=last).collect();
        let chosen = match near.as_slice() {
            [] if !self.advises_strangers => return None,
            [] => all,
            _ => near,
        };
        chosen.get(processor % chosen.len().max(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ones_go_round_the_processors() {
        let serves = |processors| {
            let plain = Affinities::plain(6, processors);
            [0, 1, 2, 3, 4, 5].map(|message| plain.serves(message))
        };
        assert_eq!(serves(4), [0, 1, 2, 3, 0, 1]);
        assert_eq!(serves(1), [0; 6]);
        assert_eq!(serves(2), [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn each_processor_finds_its_message_in_the_range() {
        let plain = Affinities::plain(7, 4);
        // Requests have the messages 3 to 6: every processor has one of its own.
        let found = [0, 1, 2, 3].map(|processor| plain.message_for(processor, 3, 6));
        assert_eq!(found, [Some(4), Some(5), Some(6), Some(3)]);
        // Fewer messages than processors: they share.
        assert_eq!(
            [0, 1, 2, 3].map(|processor| plain.message_for(processor, 1, 1)),
            [Some(1); 4]
        );
        let two = [0, 1, 2, 3].map(|processor| plain.message_for(processor, 1, 2));
        assert_eq!(two, [Some(1), Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn every_way_comes_and_each_is_sound() {
        let (mut several, mut left_out, mut silent, mut advice, mut elsewhere) = (0, 0, 0, 0, 0);
        for seed in 0..200 {
            let mut random = Random::new(seed, "messages");
            let drawn = Affinities::draw(&mut random, 5, 4);
            assert_eq!(
                drawn,
                Affinities::draw(&mut Random::new(seed, "messages"), 5, 4)
            );
            let masks: Vec<u64> = (0..5).map(|message| drawn.mask(message)).collect();
            assert!(masks.iter().all(|mask| mask >> 4 == 0), "{masks:?}");
            for (message, mask) in (0..).zip(&masks) {
                let at = drawn.serves(message);
                assert!(at < 4 && (*mask == 0 || mask >> at & 1 == 1), "{drawn:?}");
            }
            for processor in 0..4 {
                let message = drawn.message_for(processor, 1, 4);
                assert!(message.is_none_or(|message| (1..=4).contains(&message)));
                let near = (1..=4).any(|message| drawn.mask(message) >> processor & 1 == 1);
                if near {
                    let message = message.expect("one goes there");
                    assert_eq!(drawn.mask(message) >> processor & 1, 1);
                }
                advice += u32::from(!near && message.is_some());
            }
            several += u32::from(masks.iter().any(|mask| mask.count_ones() > 1));
            silent += u32::from(masks.iter().all(|mask| *mask == 0));
            let all = masks.iter().fold(0, |all, mask| all | mask);
            left_out += u32::from(all != 0 && all != 0xF);
            elsewhere += u32::from(drawn.serves(1) != Affinities::plain(5, 4).serves(1));
        }
        for count in [several, left_out, silent, advice, elsewhere] {
            assert!(
                count > 10,
                "{several} {left_out} {silent} {advice} {elsewhere}"
            );
        }
        // A single processor has them all.
        let one = Affinities::draw(&mut Random::new(1, "messages"), 3, 1);
        assert_eq!(one, Affinities::plain(3, 1));
        assert_eq!(one.message_for(0, 1, 2), Some(1));
    }
}
