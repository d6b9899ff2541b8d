//! Any options and any bytes: what is printed is read back, and what is refused is refused whole.

use proptest::prelude::*;

use super::super::*;
use super::parse;

/// A value that the row takes, made from arbitrary bits and bytes.
fn set_arbitrary(options: &mut Options, row: &crate::options::table::OptionRow, bits: i64, bytes: &[u8]) {
    match row.kind {
        Kind::Secret => {}
        Kind::Choice(choices) => {
            let at = bits.unsigned_abs() as usize % choices.len();
            options.set_int(row.key, choices[at].1).unwrap();
        }
        Kind::Text(_) => {
            // What the row refuses is left out: it is never in a set of options.
            let _refused = options.set_text(row.key, bytes);
        }
        _ => {
            let span = i128::from(row.max) - i128::from(row.min) + 1;
            let value = i128::from(row.min) + i128::from(bits).rem_euclid(span);
            options.set_int(row.key, value as i64).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(
        chosen in prop::collection::vec((0..TABLE.len(), any::<i64>(), prop::collection::vec(any::<u8>(), 0..20)), 0..12),
        host in prop_oneof!["[a-z0-9_~!$&'()*+,;=.-]{1,30}", Just("fe80::1%a/b".replace('/', "-")), Just("::1".to_owned())],
        many in (0..3i64, prop::option::of("[a-z0-9.-]{1,9}(:[1-9][0-9]{0,3})?(,(\\[::[1-9]\\]|h%?)(:[1-9])?){0,3}"), "[!-~]{0,8}"),
        path in prop::option::of(prop_oneof!["/?[ -~]{1,40}", "/[a-c/]{0,4}/?[0-9]{0,4}/?"]),
    ) {
        let mut options = Options::new();
        for (at, bits, bytes) in &chosen {
            set_arbitrary(&mut options, &TABLE[*at], *bits, bytes);
        }
        options.set_text(Key::Host, host.as_bytes()).unwrap();
        let (topology, seeds, service) = many;
        options.set_int(Key::Topology, topology).unwrap();
        // What is none is refused.
        let _refused = seeds.map(|seeds| options.set_text(Key::Seeds, seeds.as_bytes()));
        let _refused = options.set_text(Key::SentinelService, service.as_bytes());
        if let Some(path) = path {
            // One that reads like a URL is refused.
            let _refused = options.set_text(Key::UnixPath, path.as_bytes());
        }
        let url = options.to_url().unwrap();
        let again = parse(&url);
        prop_assert!(again == options, "{} is {:?}", url, again);
        prop_assert_eq!(again.to_url().unwrap(), url);
    }

    #[test]
    fn any_password_and_name_survive_their_escapes(name in prop::collection::vec(any::<u8>(), 1..20), password in prop::collection::vec(any::<u8>(), 1..20)) {
        let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let options = parse(&format!("redis://{}:{}@h", escaped(&name), escaped(&password)));
        prop_assert_eq!(options.username(), Some(&name[..]));
        prop_assert_eq!(options.password().map(|secret| secret.bytes()), Some(&password[..]));
    }

    #[test]
    fn any_bytes_are_read_or_refused_whole(tail in prop::collection::vec(any::<u8>(), 0..60), scheme in prop_oneof![Just("redis://"), Just("unix://"), Just("unix:///s/"), Just("redis://h?"), Just("tls://h"), Just("redis+cluster://"), Just("redis+cluster://h,"), Just("redis+sentinel://h/"), Just("redis-sentinel://h#"), Just("redis-sentinel://h?sentinel_"), Just("")]) {
        let url = [scheme.as_bytes(), &tail].concat();
        let mut options = Options::new();
        if let Err(error) = options.set_url(&url) {
            prop_assert_eq!(error.status, Status::Config);
            prop_assert!(TABLE.iter().all(|row| !options.is_set(row.key)));
        } else {
            let printed = options.to_url().unwrap();
            prop_assert_eq!(parse(&printed).to_url().unwrap(), printed);
        }
    }

    #[test]
    fn no_error_has_a_piece_of_a_password(scheme in prop_oneof![Just("redis"), Just("redis+cluster"), Just("redis+sentinel")], before in "[:@/?&=%,#a-z0-9]{0,8}", after in "[:@/?&=%,#a-z0-9]{0,8}", tail in "[:/?&=%,#a-z0-9]{0,8}") {
        let mut options = Options::new();
        if let Err(error) = options.set_url(format!("{scheme}://u:{before}CANARY{after}@h{tail}").as_bytes()) {
            prop_assert!(!error.to_string().contains("CANARY"), "{}", error);
        }
    }
}
