//! How to open connections to other servers than the one of the options, as those are opened.

use std::sync::Arc;

use super::super::lookout::Lookout;
use super::{Dial, DialledServer};
use crate::error::Result;
use crate::options::{Endpoint, Key};
use crate::session::Duty;

impl Dial {
    /// How to open connections to another server, as these are opened.
    pub fn to(&self, endpoint: Endpoint) -> Dial {
        Dial { server: Arc::new(DialledServer::new(endpoint, Duty::Any, None)), ..self.clone() }
    }

    /// How to open connections to another server, of many. Calls that wait for its replies look out meanwhile.
    pub fn to_one_of_many(&self, endpoint: Endpoint, lookout: Arc<dyn Lookout>) -> Dial {
        Dial { server: Arc::new(DialledServer::new(endpoint, Duty::Any, Some(lookout))), ..self.clone() }
    }

    /// The same, but that it is refused where it says that it is no primary.
    pub fn to_primary(&self, endpoint: Endpoint, lookout: Arc<dyn Lookout>) -> Dial {
        Dial { server: Arc::new(DialledServer::new(endpoint, Duty::Primary, Some(lookout))), ..self.clone() }
    }

    /// How to open connections to a replica of a cluster that is read from.
    pub fn to_replica(&self, endpoint: Endpoint) -> Dial {
        Dial { server: Arc::new(DialledServer::new(endpoint, Duty::Reads, None)), ..self.clone() }
    }

    /// How to open connections to Sentinels, each within so many milliseconds. What the servers of the data alone are told is not
    /// said to them, and what becomes of the connections is not counted among theirs.
    pub fn for_sentinels(&self, connect_ms: i64) -> Result<Dial> {
        let mut options = self.options().for_sentinels();
        let allowed_ms = options.connect_timeout_ms();
        let connect_ms = if allowed_ms < 0 { connect_ms } else { connect_ms.min(allowed_ms) };
        options.set_int(Key::ConnectTimeoutMs, connect_ms)?;
        let dial = Dial::new(options, self.shared.given.clone(), None)?;
        Ok(Dial { serves: self.serves, ..dial })
    }
}
