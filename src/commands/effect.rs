//! What a command changes of its connection, determined from its arguments.

/// What channels are subscribed by: their names, patterns of names, or names that shards own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE.
    Pattern,
    /// SSUBSCRIBE.
    Shard,
}

/// What a command does to the connection it travels on, once the server has accepted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that lasts.
    None,
    /// Another database.
    Select(u32),
    /// Opens a transaction.
    Multi,
    /// Ends a transaction, and every watch.
    Exec,
    /// Gives a transaction up, and every watch.
    Discard,
    /// Watches keys.
    Watch,
    /// Watches no key any more.
    Unwatch,
    /// One push comes for each of `count` names, and no reply.
    Subscribe {
        /// What kind of names.
        topic: Topic,
        /// How many names.
        count: u32,
    },
    /// One push comes for each of `count` names, or for each that is subscribed where there are none; no reply.
    Unsubscribe {
        /// What kind of names.
        topic: Topic,
        /// How many names; 0 is all of them.
        count: u32,
    },
    /// Everything that the server does follows, for ever.
    Monitor,
    /// Replies come again, this command's first.
    ReplyOn,
    /// No reply comes any more, nor to this command.
    ReplyOff,
    /// No reply comes to this command, nor to the next.
    ReplySkip,
    /// Another protocol, perhaps another user and name.
    Hello,
    /// Another user.
    Auth,
    /// All is as on a new connection.
    Reset,
    /// The server closes the connection after its reply.
    Quit,
    /// The server ends, and the end of the stream is its reply. Nothing of it lasts on a connection.
    Shutdown,
    /// Anything else that lasts: a name, tracking, READONLY, a debugger.
    Other,
}

/// How the effect of a command is read off its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has none.
    None,
    /// Always this.
    Fixed(Effect),
    /// The database that it names.
    Select,
    /// The mode of CLIENT REPLY.
    Reply,
    /// As many pushes as it has names.
    Subscribe(Topic),
    /// The same, and back.
    Unsubscribe(Topic),
    /// The server ends, where it is not told to go on.
    Shutdown,
}

impl Change {
    /// What the command of these arguments does. One that the server is sure to refuse does nothing.
    #[inline]
    pub(super) fn effect(self, args: &[&[u8]]) -> Effect {
        if self == Change::None { Effect::None } else { self.effect_of(args) }
    }

    fn effect_of(self, args: &[&[u8]]) -> Effect {
        match self {
            Change::None => Effect::None,
            Change::Fixed(effect) => effect,
            Change::Select => args.get(1).and_then(|text| number(text)).map_or(Effect::Other, Effect::Select),
            Change::Reply => reply_mode(args),
            Change::Shutdown if args.iter().skip(1).any(|word| word.eq_ignore_ascii_case(b"ABORT")) => Effect::None,
            Change::Shutdown => Effect::Shutdown,
            Change::Subscribe(_) if args.len() < 2 => Effect::None,
            Change::Subscribe(topic) => Effect::Subscribe { topic, count: names(args) },
            Change::Unsubscribe(topic) => Effect::Unsubscribe { topic, count: names(args) },
        }
    }
}

/// How many names stand behind the command's own. No command has so many that they could not be counted so.
fn names(args: &[&[u8]]) -> u32 {
    u32::try_from(args.len().saturating_sub(1)).unwrap_or(u32::MAX)
}

/// CLIENT REPLY of three words does as it says; anything else the server answers with an error.
fn reply_mode(args: &[&[u8]]) -> Effect {
    let [_, _, mode] = args else { return Effect::None };
    if mode.eq_ignore_ascii_case(b"ON") {
        Effect::ReplyOn
    } else if mode.eq_ignore_ascii_case(b"OFF") {
        Effect::ReplyOff
    } else if mode.eq_ignore_ascii_case(b"SKIP") {
        Effect::ReplySkip
    } else {
        Effect::None
    }
}

/// A database's number.
fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
