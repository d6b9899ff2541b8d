//! No message about a URL shows a secret or its length.

use super::*;

#[test]
fn no_message_tells_how_long_a_secret_is() {
    for url in [
        "redis://u:SECRET@h?x=1",
        "redis://:SECRET@h:99999",
        "redis://:SECRET@h/1/2",
        "redis://:SECRET@[::1",
        "redis://h?password=SECRET&x=1",
        "redis://h?x=1&password=SECRET",
        "redis://:SECRET@h?password=SECRET",
        "rediss://h?tls_key_pem=SECRET&db=x",
        "redis://h?sentinel_password=SECRET&x=1",
        "redis://h?x=1&sentinel_password=SECRET",
        "redis://h?sentinel_password=%zzSECRET",
        "redis://:SECRET%zz@h",
        "redis://:SECRET@h?password=%zz",
        "redis://:SECRET #@h",
        "redis://:SECRET/x@h",
        "redis://h:SECRET",
        "redis://h:SECRET?x=1",
        "redis://:SECRET@h?db=1&db=2",
        "unix://:SECRET@h/s",
    ] {
        let [short, long] = ["a", "abcdefghij"].map(|secret| refused(url.replace("SECRET", secret)));
        assert_eq!(short, long, "{url}");
    }
    let told = refused("redis://u:secret@h?db=1&x=1");
    assert!(told.ends_with(", at byte 21 of the URL with *** for its secrets"), "{told}");
    assert_eq!(&b"redis://u:***@h?db=1&x=1"[21..], b"x=1");
}

#[test]
fn no_byte_of_a_secret_is_named() {
    for (one, two) in [
        ("redis://u:a b@h", "redis://u:a#b@h"),
        ("redis://:a b", "redis://:a#b"),
        ("redis://h?password=a b", "redis://h?password=a\nb"),
        ("redis://h?sentinel_password=a b", "redis://h?sentinel_password=a\nb"),
        ("rediss://h?tls_key_pem=a b", "rediss://h?tls_key_pem=a#b"),
        ("redis://h?ssl_keyfile=x&password=%zz", "redis://h?ssl_keyfile=x&password=%yy"),
    ] {
        assert_eq!(refused(one), refused(two));
    }
}

#[test]
fn no_message_shows_a_password() {
    for url in [
        "redis://u:canary%zz@h",
        "redis://canary%4@h",
        "redis://:canary",
        "redis://u:canary",
        "redis://u:canary/x@h",
        "redis://u:1/canary@h",
        "redis://u:1?canary@h",
        "redis://u:1?db=canary@h",
        "redis://u:1?client_name=can%zzcanary@h",
        "redis://u:canary@h:canary",
        "redis://u:canary@h/1/2",
        "redis://u:canary@h?x=1",
        "redis://h?password=canary%zz",
        "redis://h?password=canary&password=canary",
        "rediss://h?tls_key_pem=canary%zz",
        "redis://h?sentinel_password=canary%zz",
        "redis://h?sentinel_username=canary%zz",
        "redis://h?sentinel_password=canary&sentinel_password=canary",
        "u:canary@h",
        "u:canary@h://",
        "redis://u:canary #@h",
        "unix://u:canary@h/s",
        "unix://u:canary/s",
    ] {
        let message = refused(url);
        assert!(!message.contains("canary"), "{message}");
    }
}
