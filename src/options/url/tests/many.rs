//! URLs of clusters and of Sentinels.

use super::*;
use crate::options::Topology;

fn seeds(options: &Options) -> String {
    options.seeds().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_scheme_says_how_many_servers_there_are() {
    for (base, tls) in [("redis", false), ("valkey", false), ("rediss", true), ("valkeys", true), ("Redis", false)] {
        for join in ["+", "-"] {
            for (word, topology) in [("cluster", Topology::Cluster), ("SENTINEL", Topology::Sentinel)] {
                let options = parse(&format!("{base}{join}{word}://h?service_name=m"));
                assert_eq!((options.topology(), options.tls()), (topology, tls), "{base}{join}{word}");
            }
        }
        assert_eq!(parse(&format!("{base}://h")).topology(), Topology::Single);
    }
    for (url, known) in [
        ("redis-sentinels://h", "Sentinels are at redis+sentinel:// or rediss+sentinel://"),
        ("Sentinel://h", "Sentinels are at redis+sentinel:// or rediss+sentinel://"),
        ("tls+sentinel://h", "Sentinels are at redis+sentinel:// or rediss+sentinel://"),
        ("valkey-clusters://h", "a cluster is at redis+cluster:// or rediss+cluster://"),
        ("cluster://h", "a cluster is at redis+cluster:// or rediss+cluster://"),
        ("+cluster://h", "a cluster is at redis+cluster:// or rediss+cluster://"),
    ] {
        let name = url.split(':').next().unwrap();
        assert_eq!(refused(url), format!("unknown scheme \"{name}\" ({known}), at byte 0 of the URL"));
    }
}

#[test]
fn the_servers_of_a_list_are_the_seeds() {
    for (url, list) in [
        ("redis+cluster://h", "h:6379"),
        ("redis+cluster://h1:1,h2:2", "h1:1 h2:2"),
        ("redis+cluster://h1,[::1]:7,[fe80::1%25eth0],10.0.0.1:9/", "h1:6379 [::1]:7 [fe80::1%eth0]:6379 10.0.0.1:9"),
        ("redis+cluster://u:p@h1,h2", "h1:6379 h2:6379"),
        ("redis+cluster://l%6Fcalhost,h", "localhost:6379 h:6379"),
        ("redis+sentinel://h1,h2:7/m", "h1:26379 h2:7"),
        // As go-redis and rueidis write it.
        ("redis+cluster://h1:1?addr=h2:2&addr=[::1]:3", "h1:1 h2:2 [::1]:3"),
        ("redis+sentinel://h1?addr=h2&addr=h3:3&master_set=m", "h1:26379 h2:26379 h3:3"),
    ] {
        let options = parse(url);
        assert_eq!(seeds(&options), list, "{url}");
        assert!(!options.is_set(Key::Host) && !options.is_set(Key::Port), "{url}");
        options.check().unwrap();
    }
    assert_eq!(secret("redis+cluster://u:a,b:1@h,g"), "a,b:1");
    assert_eq!(parse("redis+cluster://h/3").database(), 3);
    assert_eq!(parse("redis+cluster://h,g/3?db=4").database(), 4);
}

#[test]
fn the_path_of_sentinels_names_a_service_and_a_database() {
    for (url, service, database) in [
        ("redis+sentinel://h/mymaster", "mymaster", 0),
        ("redis+sentinel://h/mymaster/", "mymaster", 0),
        ("redis+sentinel://h/mymaster/3", "mymaster", 3),
        ("redis+sentinel://h/mymaster/3/", "mymaster", 3),
        ("redis+sentinel://h/my%2Fmaster/3?db=4", "my/master", 4),
        // Digits are the database where the service is named elsewhere.
        ("redis+sentinel://h/7", "7", 0),
        ("redis+sentinel://h/7/1", "7", 1),
        ("redis-sentinel://h1:26379,h2:26379/7#mymaster", "mymaster", 7),
        ("redis-sentinel://h/#mymaster", "mymaster", 0),
        ("redis-sentinel://h#my%23master", "my#master", 0),
        ("redis-sentinel://h?pool_max=2#mymaster", "mymaster", 0),
        ("redis-sentinel://h/7?pool_max=2&#mymaster", "mymaster", 7),
        ("redis-sentinel://h/mymaster#", "mymaster", 0),
        ("redis-sentinel://h/7?sentinelMasterId=mymaster", "mymaster", 7),
        ("redis+sentinel://h/7?sentinel_service=mymaster", "mymaster", 7),
        ("redis+sentinel://h/7/?service_name=mymaster", "mymaster", 7),
        ("redis+sentinel://h/7?master_name=mymaster&db=8", "mymaster", 8),
        ("redis+sentinel://h?master_set=mymaster", "mymaster", 0),
        ("redis+sentinel://ann:sesame@h1:1,h2:2/mymaster/3?sentinel_password=x", "mymaster", 3),
    ] {
        let options = parse(url);
        assert_eq!(options.sentinel_service().unwrap().escape_ascii().to_string(), service, "{url}");
        assert_eq!(options.database(), database, "{url}");
        options.check().unwrap();
    }
    let options =
        parse("rediss+sentinel://ann:sesame@h/m?sentinel_username=bob&sentinel_password=p%26q&sentinel_tls=no");
    assert_eq!((options.username(), options.password().unwrap().bytes()), (Some(&b"ann"[..]), &b"sesame"[..]));
    assert_eq!(
        (options.sentinel_username(), options.sentinel_password().unwrap().bytes()),
        (Some(&b"bob"[..]), &b"p&q"[..])
    );
    assert_eq!((options.tls(), options.sentinel_tls()), (true, false));
    assert_eq!(options.for_sentinels().to_url().unwrap(), "redis://bob:***@127.0.0.1:6379/0");
}

#[test]
fn several_servers_behind_a_plain_scheme_are_told_what_there_is() {
    let several = "several servers (a cluster is at redis+cluster://, Sentinels are at redis+sentinel://)";
    for url in [
        "redis://h1:1,h2:2/0",
        "redis://h1,h2",
        "redis://h1,h2:x",
        "redis://h,",
        "redis://[::1]:1,[::2]:2",
        "redis://[::1],h",
        "redis://10.0.0.1:7000,10.0.0.2:7000,10.0.0.3:7000",
        "redis://h1,h2?topology=cluster",
    ] {
        assert_eq!(refused(url), format!("{several}, at byte 8 of the URL"), "{url}");
    }
    let with_secret = refused("rediss://u:p@h1:1,h2,h3:3?pool_max=2");
    assert_eq!(with_secret, format!("{several}, at byte 15 of the URL with *** for its secrets"));
    let addr = "addr in the URL of one server (a cluster is at redis+cluster://, Sentinels are at redis+sentinel://)";
    assert_eq!(refused("redis://h1?addr=h2"), format!("{addr}, at byte 11 of the URL"));
    assert_eq!(refused("unix:///s?addr=h2"), format!("{addr}, at byte 10 of the URL"));
    // It may be a password, where somebody forgot the host.
    for url in ["redis://u:pass,word", "redis://u:1,a:b", "redis://u:a,b/@h"] {
        let message = refused(url);
        assert!(!message.contains("several"), "{url}: {message}");
    }
    assert_eq!(secret("redis://u:a,b:1@h"), "a,b:1");
}

#[test]
fn what_is_wrong_with_several_servers_is_named_with_its_place() {
    are_refused(&[
        ("redis+cluster://", "no host, at byte 16 of the URL"),
        ("redis+cluster://?addr=h", "no host, at byte 16 of the URL"),
        ("redis+cluster://h,", "no host, at byte 18 of the URL"),
        ("redis+cluster://h,,g", "no host, at byte 18 of the URL"),
        ("redis+cluster://h1:1,h2:x,h3", "a port that is not a number, at byte 19 of the URL with *** for its secrets"),
        ("redis+cluster://h1:1,h2:0", "port: 0 is not between 1 and 65535, at byte 24 of the URL"),
        ("redis+cluster://h1:1,[::1", "a '[' without its ']', at byte 19 of the URL with *** for its secrets"),
        ("redis+cluster://h1,a%20b", "seeds: \"a b\" has white space (byte 1), at byte 19 of the URL"),
        ("redis+cluster://h1,a%2Cb", "seeds: \"a,b\" has a comma, at byte 19 of the URL"),
        (
            "redis+cluster://h1,a%3Ab",
            "seeds: \"a:b\" is neither a host's name nor an address (a port is an option of its own), at byte 19 of the URL",
        ),
        ("redis+cluster://h?seeds=g", "seeds a second time, at byte 24 of the URL"),
        ("redis+cluster://h?topology=cluster", "topology a second time, at byte 27 of the URL"),
        ("redis+cluster://h?path=/s", "path in the URL of a TCP server, at byte 18 of the URL"),
        (
            "redis+cluster://h?addr=g:x",
            "seeds: \"g:x\" has a port that is not a number from 1 to 65535, at byte 23 of the URL",
        ),
        ("redis+cluster://h?addr=g,", "seeds: server 2 of 2 is empty, at byte 23 of the URL"),
        ("redis+cluster://h#m", "a byte 0x23, which is written %23 in a URL, at byte 17 of the URL"),
        ("redis+cluster://h/1/2", "more path than a database's number, at byte 19 of the URL"),
        ("redis+sentinel://h/m/1/2", "more path than a service and a database's number, at byte 22 of the URL"),
        ("redis+sentinel://h//1", "no service before the database's number, at byte 19 of the URL"),
        ("redis+sentinel://h/1/m", "database: \"m\" is not a whole number, at byte 21 of the URL"),
        ("redis+sentinel://h/m/1?service_name=m", "sentinel_service a second time, at byte 19 of the URL"),
        ("redis+sentinel://h/m#m", "sentinel_service a second time, at byte 19 of the URL"),
        ("redis+sentinel://h?master_set=m#m", "sentinel_service a second time, at byte 32 of the URL"),
        ("redis+sentinel://h#m?db=1", "a '?' behind the '#' (the options stand before it), at byte 20 of the URL"),
        ("redis+sentinel://h#m#n", "a byte 0x23, which is written %23 in a URL, at byte 20 of the URL"),
        ("redis+sentinel://h#%20", "sentinel_service: \" \" has white space (byte 0), at byte 19 of the URL"),
        (
            "redis+sentinel://h/m?sentinel_tls=maybe",
            "sentinel_tls: \"maybe\" is none of auto, false, true, at byte 34 of the URL",
        ),
    ]);
    // The first place that the servers do not fit.
    let long = format!("redis+cluster://{}", vec!["h"; 1025].join(","));
    assert_eq!(refused(long), "seeds: 1025 servers, but it may have at most 1024, at byte 16 of the URL");
}

#[test]
fn no_message_about_several_servers_shows_a_secret_or_its_length() {
    for url in [
        "redis+cluster://u:SECRET@h1,h2?x=1",
        "redis+cluster://u:SECRET@h1:1,h2:x",
        "redis+cluster://u:SECRET",
        "redis+cluster://u:SECRET,word",
        "redis+sentinel://u:1,SECRET:x",
        "redis+sentinel://h1:1,h2/m?sentinel_password=SECRET&x=1",
        "redis+sentinel://h1:1,h2/m?x=1&sentinel_password=SECRET",
        "redis+sentinel://h?sentinel_password=%zzSECRET",
        "redis+sentinel://h?sentinel_password=SECRET#%zz",
        "redis+sentinel://:SECRET#@h/m?x=1",
        "redis+sentinel://:SECRET#x@h/m",
        "redis+sentinel://:SECRET/#x@h/m",
        "redis+sentinel://h/m?password=SECRET#x@h",
        "redis+sentinel://h/m?password=SECRET#m",
        "redis+sentinel://h/m?sentinel_username=%zzSECRET",
        "redis+sentinel://h1,u:SECRET@h/m/1/2",
    ] {
        let [short, long] = ["a", "canarycanary"].map(|secret| refused(url.replace("SECRET", secret)));
        assert_eq!(short, long, "{url}");
        assert!(!long.contains("canary"), "{url}: {long}");
    }
}

#[test]
fn the_canonical_url_of_several_servers() {
    for (url, canonical) in [
        ("redis-cluster://a,b:2", "redis+cluster://a:6379,b:2/0"),
        (
            "VALKEYS-cluster://u:p@[fe80::1%eth0],b/3?pool_max=2",
            "rediss+cluster://u:***@[fe80::1%25eth0]:6379,b:6379/3?pool_max=2",
        ),
        ("redis://h:7/2?topology=cluster", "redis+cluster://h:7/2"),
        ("redis://h?topology=sentinel&sentinel_service=m", "redis+sentinel://h:26379/m/0"),
        ("redis-sentinel://a,b/2#my%2Fmaster", "redis+sentinel://a:26379,b:26379/my%2Fmaster/2"),
        (
            "rediss+sentinel://u:p@a:1/7?sentinel_username=w&sentinel_password=x&sentinel_tls=0&failover_wait=2",
            "rediss+sentinel://u:***@a:1/7/0?sentinel_username=w&sentinel_password=***&sentinel_tls=false&failover_wait=2s",
        ),
        // Without a service there is no place for a database.
        ("redis+sentinel://a?db=3", "redis+sentinel://a:26379?database=3"),
        ("redis+cluster://a?address_map=[::1]:7=b:8", "redis+cluster://a:6379/0?address_map=%5B%3A%3A1%5D%3A7%3Db%3A8"),
        // What goes together with nothing is printed all the same.
        ("unix:///s?topology=cluster&seeds=a,b", "unix:///s?topology=cluster&seeds=a%2Cb"),
        ("redis://a%2Cb?topology=cluster", "redis://a%2Cb:6379/0?topology=cluster"),
        ("redis://h?seeds=a", "redis://h:6379/0?seeds=a"),
        ("redis+cluster://a?host=h&port=7", "redis+cluster://a:6379/0?host=h&port=7"),
    ] {
        let options = parse(url);
        let printed = options.to_url().unwrap();
        assert_eq!(printed, canonical);
        assert_eq!(parse(&printed).to_url().unwrap(), canonical);
    }
}

/// The next URL's servers are in the place of an earlier one's, with all that was said of how they are found.
#[test]
fn a_later_url_ends_what_an_earlier_one_said_of_its_servers() {
    let many =
        "rediss+sentinel://ann:p@a,b/m/0?sentinel_username=w&sentinel_password=x&sentinel_tls=1&address_map=a%3Db";
    for (next, canonical) in [
        ("redis://h", "redis://h:6379/0"),
        ("unix:///s", "unix:///s"),
        ("redis+cluster://c,d", "redis+cluster://c:6379,d:6379/0"),
        ("redis+sentinel://c/n", "redis+sentinel://c:26379/n/0"),
    ] {
        for first in [many, "redis+cluster://a,b", "redis://h:9", "unix:///t"] {
            let mut options = parse(first);
            options.set_url(next.as_bytes()).unwrap();
            assert_eq!(options.to_url().unwrap(), canonical, "{first}");
            options.check().unwrap();
        }
    }
    // What was set by its name stays.
    let mut options = Options::new();
    options.set_text(Key::SentinelService, b"m").unwrap();
    options.set_text(Key::Seeds, b"a").unwrap();
    options.set_url(b"redis+sentinel://b/n").unwrap();
    options.set_text(Key::SentinelService, b"m").unwrap();
    options.set_url(b"redis://b?topology=sentinel").unwrap();
    assert_eq!(options.sentinel_service(), Some(&b"m"[..]));
}

#[test]
fn a_client_by_a_url_on_a_pool_by_a_url() {
    for (client, pool, conflict) in [
        ("redis+cluster://a,b", "redis-cluster://a:6379,b:6379", None),
        ("redis+cluster://a", "redis+cluster://a,b", Some(Key::Seeds)),
        ("redis+cluster://a", "redis://a", Some(Key::Topology)),
        ("redis+sentinel://a/m", "redis+cluster://a", Some(Key::Topology)),
        ("redis+sentinel://a/m", "redis+sentinel://a/n", Some(Key::SentinelService)),
        (
            "redis+sentinel://a/m?sentinel_password=x",
            "redis+sentinel://a/m?sentinel_password=y",
            Some(Key::SentinelPassword),
        ),
        ("redis+cluster://a", "unix:///s", Some(Key::UnixPath)),
        ("rediss+cluster://a", "redis+cluster://a", Some(Key::Tls)),
    ] {
        assert_eq!(parse(client).conflict(&parse(pool)), conflict, "{client} on {pool}");
    }
}
