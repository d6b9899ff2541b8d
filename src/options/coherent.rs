//! Checking all options together: settings that contradict each other, and settings without effect.
//!
//! Whom we talk to and how safely is never a guess: where an option about that would do nothing, that is an error, in
//! whichever order things were set. How long and how many may lie idle. What was not set contradicts nothing.

use super::fault::config;
use super::table::{Key, Kind, TABLE};
use super::values::{Options, Value};
use crate::error::Result;

/// What does nothing without TLS.
const OF_TLS: [Key; 10] = [
    Key::TlsCaFile,
    Key::TlsCaDir,
    Key::TlsCaPem,
    Key::TlsCertFile,
    Key::TlsCertPem,
    Key::TlsKeyFile,
    Key::TlsKeyPem,
    Key::TlsServerName,
    Key::TlsVersionMin,
    Key::TlsInsecureSkipVerify,
];

/// What says whom to trust.
const AUTHORITIES: [Key; 3] = [Key::TlsCaFile, Key::TlsCaDir, Key::TlsCaPem];

impl Options {
    /// What is wrong with the options taken together, for who connects by them.
    pub fn check(&self) -> Result<()> {
        self.check_amounts()?;
        self.check_tls()?;
        self.check_place()
    }

    /// What is wrong with the amounts taken together. What was left alone gives way to what was set.
    pub fn check_amounts(&self) -> Result<()> {
        for (less, more) in [(Key::PoolIdleMin, Key::PoolMax), (Key::BackoffMs, Key::BackoffMsMax)] {
            let (least, most) = (self.number(less), self.number(more));
            if least > most && self.is_set(less) && self.is_set(more) {
                return Err(config(format!("{}: {least} is more than {}, which is {most}", less.name(), more.name())));
            }
        }
        Ok(())
    }

    /// The first option that was set here, is of the connection, and is otherwise in `pool`, or without effect there.
    pub fn conflict(&self, pool: &Options) -> Option<Key> {
        let differs = |key: &Key| key.row().of_connection && self.is_set(*key) && !self.agrees(pool, *key);
        let idle_place: &[Key] = if pool.text(Key::UnixPath).is_some() { &[Key::Host, Key::Port] } else { &[] };
        let idle_tls: &[Key] = if pool.tls() { &[] } else { &OF_TLS };
        let by_url = self.by_url.tls.filter(|tls| *tls != pool.tls()).map(|_| Key::Tls);
        let differing = TABLE.iter().map(|row| row.key).find(differs).or(by_url);
        differing.or_else(|| idle_place.iter().chain(idle_tls).copied().find(|key| self.is_given(*key)))
    }

    /// A server on a Unix socket has no host and no port.
    fn check_place(&self) -> Result<()> {
        if self.text(Key::UnixPath).is_none() {
            return Ok(());
        }
        match self.given(&[Key::Host, Key::Port]) {
            None => Ok(()),
            Some(names) => Err(config(format!("unix_path and {names}: a server is at the one or at the other"))),
        }
    }

    fn check_tls(&self) -> Result<()> {
        if let (Some(Value::Number(tls)), Some(by_url)) = (self.value(Key::Tls), self.by_url.tls)
            && (*tls == 1) != by_url
        {
            let text = "tls: the option says the one, and the URL the other (rediss:// is with TLS, redis:// without)";
            return Err(config(text.to_owned()));
        }
        if !self.tls() {
            return match self.given(&OF_TLS) {
                None => Ok(()),
                Some(names) => Err(config(format!(
                    "{names}: without effect, for there is no TLS (tls=true, or a URL of rediss://)"
                ))),
            };
        }
        self.tls_name(&self.endpoint())?;
        match (self.tls_insecure_skip_verify(), self.given(&AUTHORITIES)) {
            (true, Some(names)) => {
                let text = format!("{names}: without effect, for tls_insecure_skip_verify trusts whoever answers");
                Err(config(text))
            }
            _ => Ok(()),
        }
    }

    /// The names of those of these options that were set.
    fn given(&self, keys: &[Key]) -> Option<String> {
        let names: Vec<&str> = keys.iter().filter(|key| self.is_given(**key)).map(|key| key.name()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Whether it was set to something: an empty text is none.
    fn is_given(&self, key: Key) -> bool {
        match key.row().kind {
            Kind::Text(_) => self.is_set(key) && self.text(key).is_some(),
            Kind::Secret => self.secret(key).is_some(),
            _ => self.is_set(key),
        }
    }
}
