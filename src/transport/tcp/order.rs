//! The order in which the addresses of a name are tried: the one that worked last, then the two address families in turn, and last
//! the one whose server is a replica.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The address that was connected to last, shared by all who connect to one endpoint.
///
/// It is a word, and no lock: a child of fork goes on with what its parent had learned. The word is a digest of the address;
/// where two addresses have the same one, no more than the order is wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastAddress(Arc<AddressWords>);

#[derive(Debug, Default)]
struct AddressWords {
    last: AtomicU64,
    /// One that is tried behind all others.
    avoided: AtomicU64,
}

impl LastAddress {
    /// This address was connected to.
    pub(super) fn remember(&self, address: SocketAddr) {
        self.0.last.store(digest(address), Ordering::Relaxed);
    }

    /// What was connected to last is the wrong server: from now on it is tried behind all others.
    pub(in crate::transport) fn avoid(&self) {
        let last = self.0.last.swap(0, Ordering::Relaxed);
        if last != 0 {
            self.0.avoided.store(last, Ordering::Relaxed);
        }
    }

    fn is(&self, address: SocketAddr) -> bool {
        self.0.last.load(Ordering::Relaxed) == digest(address)
    }

    fn is_avoided(&self, address: SocketAddr) -> bool {
        self.0.avoided.load(Ordering::Relaxed) == digest(address)
    }
}

/// The addresses in the order in which they are tried. Within a family the system's own order stays.
pub(super) fn in_turn(mut addresses: Vec<SocketAddr>, last: &LastAddress) -> Vec<SocketAddr> {
    if let Some(at) = addresses.iter().position(|address| last.is(*address)) {
        addresses[..=at].rotate_right(1);
    }
    let avoided = addresses.iter().position(|address| last.is_avoided(*address));
    let avoided = avoided.map(|at| addresses.remove(at));
    let Some(first) = addresses.first().copied() else { return avoided.into_iter().collect() };
    let mut others =
        addresses.extract_if(.., |address| address.is_ipv4() != first.is_ipv4()).collect::<Vec<_>>().into_iter();
    let mut in_turn = Vec::new();
    for address in addresses {
        in_turn.push(address);
        in_turn.extend(others.next());
    }
    in_turn.extend(others);
    in_turn.extend(avoided);
    in_turn
}

/// Never 0, which is that of no address.
fn digest(address: SocketAddr) -> u64 {
    let mut hasher = DefaultHasher::new();
    address.hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_families_take_turns_beginning_with_the_systems_first() {
        for (given, wanted) in [
            (&[][..], &[][..]),
            (&["1.0.0.1:1"], &["1.0.0.1:1"]),
            (&["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1"], &["[::1]:1", "1.0.0.1:1", "[::2]:1", "[::3]:1"]),
            (&["1.0.0.1:1", "[::1]:1", "[::2]:1", "[::3]:1"], &["1.0.0.1:1", "[::1]:1", "[::2]:1", "[::3]:1"]),
            (&["1.0.0.1:1", "1.0.0.2:1", "[::1]:1", "[::2]:1"], &["1.0.0.1:1", "[::1]:1", "1.0.0.2:1", "[::2]:1"]),
        ] {
            assert_eq!(in_turn(addresses(given), &LastAddress::default()), addresses(wanted));
        }
    }

    #[test]
    fn the_address_that_worked_last_comes_first_and_one_that_is_gone_changes_nothing() {
        let last = LastAddress::default();
        let all = ["1.0.0.1:1", "1.0.0.2:1", "[::1]:1", "[::2]:1"];
        last.remember("[::2]:1".parse().unwrap());
        assert_eq!(in_turn(addresses(&all), &last), addresses(&["[::2]:1", "1.0.0.1:1", "[::1]:1", "1.0.0.2:1"]));
        last.remember("1.0.0.2:1".parse().unwrap());
        assert_eq!(in_turn(addresses(&all), &last), addresses(&["1.0.0.2:1", "[::1]:1", "1.0.0.1:1", "[::2]:1"]));
        // Another port is another address.
        last.remember("1.0.0.2:2".parse().unwrap());
        assert_eq!(in_turn(addresses(&all), &last), addresses(&["1.0.0.1:1", "[::1]:1", "1.0.0.2:1", "[::2]:1"]));
    }

    #[test]
    fn the_address_of_the_wrong_server_comes_last_until_another_is_the_wrong_one() {
        let last = LastAddress::default();
        let all = ["1.0.0.1:1", "1.0.0.2:1", "[::1]:1"];
        last.avoid();
        assert_eq!(in_turn(addresses(&all), &last), addresses(&["1.0.0.1:1", "[::1]:1", "1.0.0.2:1"]));
        last.remember("1.0.0.1:1".parse().unwrap());
        last.avoid();
        assert_eq!(in_turn(addresses(&all), &last), addresses(&["1.0.0.2:1", "[::1]:1", "1.0.0.1:1"]));
        // Told once more, and nothing was connected to since.
        last.avoid();
        assert_eq!(in_turn(addresses(&all), &last), addresses(&["1.0.0.2:1", "[::1]:1", "1.0.0.1:1"]));
        last.remember("1.0.0.2:1".parse().unwrap());
        assert_eq!(in_turn(addresses(&all), &last), addresses(&["1.0.0.2:1", "[::1]:1", "1.0.0.1:1"]));
        last.avoid();
        assert_eq!(in_turn(addresses(&all), &last), addresses(&["1.0.0.1:1", "[::1]:1", "1.0.0.2:1"]));
        assert_eq!(in_turn(addresses(&["1.0.0.2:1"]), &last), addresses(&["1.0.0.2:1"]), "it is all there is");
    }
}
