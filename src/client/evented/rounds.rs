//! Whether a program goes through its rounds to their end.

/// How a program goes through its rounds.
#[derive(Default)]
pub(super) struct Rounds {
    /// A round is under way: a step was made, and nothing more to be taken was not yet said.
    under_way: bool,
    /// A round has come to its end so.
    has_ended: bool,
    /// Another has not.
    was_left: bool,
}

impl Rounds {
    /// A step begins the next round.
    pub(super) fn begin(&mut self) {
        self.was_left |= self.under_way;
        self.under_way = true;
    }

    /// Nothing more is to be taken in this round.
    pub(super) fn end(&mut self) {
        self.has_ended |= self.under_way;
        self.under_way = false;
    }

    /// Whether this round will come to its end, as all have before.
    #[inline]
    pub(super) fn will_end(&self) -> bool {
        self.under_way && self.has_ended && !self.was_left
    }
}
