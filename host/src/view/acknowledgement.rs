//! What a delivery's receiver says of it, and until when it should.
//!
//! The newest word of the same or a higher level holds; none is taken without a trace.
//! A word that contradicts the one before, or that speaks of what was sent before a
//! replay, is late: it is told as such. That one is overdue follows from the time at
//! which somebody asks and is kept nowhere.

use serde::{Deserialize, Serialize};

use super::{
    DeliveryRow,
    rows::{TEXT_BYTES_MAX, shorten},
};
use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::MessageId,
    record::{Acknowledges, Level, Verdict},
};

/// How many words of its receiver a delivery keeps; older ones are in the journal.
const SAID_MAX: usize = 4;
/// How long a word is kept, in bytes: several fit a row.
const VERDICT_BYTES_MAX: usize = TEXT_BYTES_MAX / 8;

/// What is known of a delivery's acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Within how many minutes of its delivery one is expected; absent when none is.
    pub within_minutes: Option<u32>,
    /// When it is overdue; absent until the delivery has arrived.
    pub due: Option<Timestamp>,
    /// The verdict that holds; absent until there is a final one.
    pub holds: Option<Verdict>,
    /// Who gave it.
    pub level: Level,
    /// What was said, oldest first.
    pub said: Vec<Said>,
    /// It was sent round again and has not left since.
    pub stale: bool,
}

/// One word of the receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When it was read.
    pub at: Timestamp,
    /// In which message it came.
    pub message: MessageId,
    /// The record that says so.
    pub sequence: Sequence,
    /// In the receiver's words.
    pub verdict: String,
    /// What that means.
    pub means: Verdict,
    /// What follows.
    pub effect: Effect,
    /// What held before; absent when nothing did.
    pub before: Option<Verdict>,
}

/// What follows from a word of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It is the verdict from now on.
    Settled,
    /// A final verdict is still to come.
    Progress,
    /// It says what is known.
    Repeated,
    /// It contradicts what was said before, or came after the delivery was sent round
    /// again.
    Late,
}

/// Where the acknowledgement of a delivery stands, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcknowledgementState {
    /// Nobody waits for one, and none came.
    NotExpected,
    /// As it is.
    Accepted,
    /// With remarks, or in part.
    AcceptedWithErrors,
    /// It is expected.
    Awaited,
    /// It should have come.
    Overdue,
    /// Not at all.
    Rejected,
}

// === impl Acknowledgement ===

impl Acknowledgement {
    /// Nothing was said yet.
    pub(super) fn expected(within_minutes: Option<u32>) -> Self {
        Self {
            within_minutes,
            ..Self::default()
        }
    }

    /// The receiver says something.
    pub(super) fn hear(
        &mut self,
        word: &Acknowledges,
        message: MessageId,
        at: Timestamp,
        sequence: Sequence,
    ) {
        let (means, before) = (word.means(), self.holds);
        let effect = self.effect(means, word.level);
        let replaces = match effect {
            Effect::Settled => true,
            Effect::Late => !self.stale && word.level >= self.level,
            Effect::Progress | Effect::Repeated => false,
        };
        if replaces {
            self.holds = Some(means);
            self.level = word.level;
        }
        if self.said.len() >= SAID_MAX {
            self.said.remove(0);
        }
        let mut verdict = shorten(&word.verdict);
        while verdict.len() > VERDICT_BYTES_MAX {
            verdict.pop();
        }
        self.said.push(Said {
            at,
            message,
            sequence,
            verdict,
            means,
            effect,
            before,
        });
    }

    fn effect(&self, means: Verdict, level: Level) -> Effect {
        if self.stale {
            return Effect::Late;
        }
        if means == Verdict::Underway {
            return Effect::Progress;
        }
        let Some(holds) = self.holds else {
            // That the envelope is sound does not say that its contents are.
            let envelope = level == Level::Interchange && means.accepts();
            return match self.within_minutes {
                Some(_) if envelope => Effect::Progress,
                _ => Effect::Settled,
            };
        };
        if level > self.level && (holds.accepts() || means == holds) {
            return Effect::Settled;
        }
        let lower = level < self.level && holds.accepts() && means.accepts();
        if means == holds || lower {
            return Effect::Repeated;
        }
        Effect::Late
    }

    /// A request leaves: from now on words may be about it.
    pub(super) fn sent(&mut self) {
        self.stale = false;
    }

    /// The delivery has arrived.
    pub(super) fn arrived(&mut self, at: Timestamp) {
        self.due = self
            .within_minutes
            .map(|minutes| at.plus(std::time::Duration::from_secs(u64::from(minutes) * 60)));
    }

    /// The receiver had it already: what it said of the earlier sending holds.
    pub(super) fn had_arrived(&mut self, at: Timestamp) {
        self.arrived(at);
        if self.holds.is_none() {
            let said = self.said.iter().rev();
            let mut verdicts =
                said.filter(|it| it.effect != Effect::Progress && it.means != Verdict::Underway);
            self.holds = verdicts.next().map(|it| it.means);
        }
    }

    /// It goes round again: what was said was said of an earlier sending.
    pub(super) fn replayed(&mut self) {
        self.due = None;
        self.holds = None;
        self.level = Level::default();
        self.stale = true;
    }

    /// Until when an answer is awaited; absent when none is or the delivery has not
    /// arrived yet.
    #[must_use]
    pub fn open_until(&self) -> Option<Timestamp> {
        self.due.filter(|_| self.holds.is_none())
    }

    /// What followed from one of the words of a record, which may have several about the
    /// delivery: a TA1 and a 997. Absent when the row no longer keeps it.
    #[must_use]
    pub fn said_at(
        &self,
        sequence: Sequence,
        words: &[Acknowledges],
        index: usize,
    ) -> Option<&Said> {
        let (word, later) = words.get(index..)?.split_first()?;
        let later = later.iter().filter(|it| it.delivery == word.delivery);
        let mut said = self.said.iter().rev().filter(|it| it.sequence == sequence);
        said.nth(later.count())
    }
}

// === impl Effect ===

impl Effect {
    /// Its name in pages and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Progress => "progress",
            Self::Repeated => "repeated",
            Self::Late => "late",
        }
    }
}

// === impl DeliveryRow ===

impl DeliveryRow {
    /// Where its acknowledgement stands at `now`.
    #[must_use]
    pub fn acknowledgement_state(&self, now: Timestamp) -> AcknowledgementState {
        use AcknowledgementState as State;
        let acknowledgement = &self.acknowledgement;
        match acknowledgement.holds {
            Some(Verdict::Accepted) => State::Accepted,
            Some(Verdict::AcceptedWithErrors) => State::AcceptedWithErrors,
            Some(Verdict::Rejected) => State::Rejected,
            // Of what never arrived nothing is awaited.
            Some(Verdict::Underway) | None if self.is_dead() => State::NotExpected,
            Some(Verdict::Underway) | None => match acknowledgement.within_minutes {
                None => State::NotExpected,
                Some(_) if acknowledgement.due.is_some_and(|due| due <= now) => State::Overdue,
                Some(_) => State::Awaited,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::at;

    fn word(verdict: &str, means: Verdict, level: Level) -> Acknowledges {
        Acknowledges {
            delivery: crate::view::tests::delivery(MessageId::from_bytes([1; 16])),
            verdict: verdict.to_owned(),
            means: Some(means),
            level,
            document: None,
        }
    }

    /// What follows from words, one after the other, and what holds in the end.
    fn told(mut it: Acknowledgement, words: &[(Verdict, Level)]) -> (Vec<Effect>, Option<Verdict>) {
        for (number, (means, level)) in (1..).zip(words) {
            let message = MessageId::from_bytes([number; 16]);
            let sequence = Sequence::from_u64(u64::from(number));
            it.hear(&word("x", *means, *level), message, at(1), sequence);
        }
        (it.said.iter().map(|it| it.effect).collect(), it.holds)
    }

    use Effect::{Late, Progress, Repeated, Settled};
    use Level::{Business, Functional, Interchange};
    use Verdict::{Accepted, AcceptedWithErrors, Rejected, Underway};

    #[test]
    fn a_status_on_the_way_is_no_verdict() {
        let words = [(Underway, Functional), (Accepted, Functional)];
        let (effects, holds) = told(Acknowledgement::expected(Some(5)), &words);
        assert_eq!(effects, [Progress, Settled]);
        assert_eq!(holds, Some(Accepted));
        // 51, posted anew, 53.
        let words = [
            (Rejected, Functional),
            (Underway, Functional),
            (Accepted, Functional),
        ];
        let (effects, holds) = told(Acknowledgement::expected(Some(5)), &words);
        assert_eq!(effects, [Settled, Progress, Late]);
        assert_eq!(holds, Some(Accepted), "the newest word holds");
    }

    #[test]
    fn the_same_again_changes_nothing_and_another_verdict_is_late() {
        let words = [
            (Accepted, Functional),
            (Accepted, Functional),
            (Rejected, Functional),
        ];
        let (effects, holds) = told(Acknowledgement::default(), &words);
        assert_eq!(effects, [Settled, Repeated, Late]);
        assert_eq!(holds, Some(Rejected));
    }

    #[test]
    fn a_sound_envelope_is_not_what_is_waited_for() {
        let words = [(Accepted, Interchange), (Rejected, Functional)];
        let expected = told(Acknowledgement::expected(Some(5)), &words);
        assert_eq!(expected, (vec![Progress, Settled], Some(Rejected)));
        let unexpected = told(Acknowledgement::default(), &words);
        assert_eq!(unexpected, (vec![Settled, Settled], Some(Rejected)));
        let broken = told(
            Acknowledgement::expected(Some(5)),
            &[(Rejected, Interchange)],
        );
        assert_eq!(broken, (vec![Settled], Some(Rejected)));
    }

    #[test]
    fn the_business_knows_more_than_the_syntax() {
        let words = [
            (Accepted, Functional),
            (AcceptedWithErrors, Business),
            (Accepted, Functional),
            (Rejected, Functional),
        ];
        let (effects, holds) = told(Acknowledgement::default(), &words);
        assert_eq!(effects, [Settled, Settled, Repeated, Late]);
        assert_eq!(
            holds,
            Some(AcceptedWithErrors),
            "a lower level does not undo it"
        );
        let words = [(Rejected, Functional), (Accepted, Business)];
        assert_eq!(told(Acknowledgement::default(), &words).0, [Settled, Late]);
    }

    #[test]
    fn what_was_said_before_a_replay_is_late_until_it_leaves_again() {
        let mut it = Acknowledgement::expected(Some(5));
        it.arrived(at(0));
        assert_eq!(it.open_until(), Some(at(300_000)));
        it.replayed();
        assert_eq!(it.open_until(), None);
        let said = |it: &mut Acknowledgement, number: u8| {
            let message = MessageId::from_bytes([number; 16]);
            let word = word("accepted", Accepted, Functional);
            it.hear(&word, message, at(1), Sequence::from_u64(1));
            it.said.last().unwrap().effect
        };
        assert_eq!(said(&mut it, 1), Late);
        assert_eq!(it.holds, None);
        it.sent();
        assert_eq!(said(&mut it, 2), Settled);
    }

    #[test]
    fn what_was_said_holds_again_when_the_receiver_had_it_already() {
        let mut it = Acknowledgement::expected(Some(5));
        let message = MessageId::from_bytes([1; 16]);
        let word = word("accepted", Accepted, Functional);
        it.hear(&word, message, at(1), Sequence::from_u64(1));
        it.replayed();
        it.sent();
        it.had_arrived(at(2));
        assert_eq!(it.holds, Some(Accepted));
        assert_eq!(it.open_until(), None);
    }

    #[test]
    fn two_words_of_one_record_are_told_apart() {
        let mut it = Acknowledgement::expected(Some(5));
        let message = MessageId::from_bytes([1; 16]);
        let words = [Interchange, Functional].map(|level| word("accepted", Accepted, level));
        let sequence = Sequence::from_u64(7);
        for word in &words {
            it.hear(word, message, at(1), sequence);
        }
        let effect = |index| it.said_at(sequence, &words, index).map(|it| it.effect);
        assert_eq!([effect(0), effect(1)], [Some(Progress), Some(Settled)]);
        assert_eq!(effect(2), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut it = Acknowledgement::default();
        for number in 0..100 {
            let word = word(&"é".repeat(4_000), Underway, Functional);
            it.hear(
                &word,
                MessageId::from_bytes([number; 16]),
                at(1),
                Sequence::from_u64(1),
            );
        }
        assert_eq!(it.said.len(), SAID_MAX);
        assert!(rmp_serde::to_vec_named(&it).unwrap().len() < 2_048);
    }
}
