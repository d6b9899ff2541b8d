//! Private keys in every state that a file or an option can come to have them in.

use std::fs;

use rcgen::{CertificateParams, KeyPair};
use rredis::client::{Client, Setup};
use rredis::options::Key;

use crate::support::server::Folder;

/// A certificate and its key, and the ways in which they are broken.
struct Pem {
    certificate: String,
    key: String,
}

impl Pem {
    fn new() -> Pem {
        let key = KeyPair::generate().expect("a key can be made");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a good name");
        let certificate = params.self_signed(&key).expect("a key can sign its own certificate").pem();
        Pem { certificate, key: key.serialize_pem() }
    }
}

/// What may happen to a PEM.
type Break = fn(&str) -> String;

/// It happens on the way through environments and forms.
const BROKEN: &[(&str, Break)] = &[
    ("lines joined", |pem| pem.replace('\n', "")),
    ("lines joined by blanks", |pem| pem.replace('\n', " ")),
    ("line ends written out", |pem| pem.replace('\n', "\\n")),
    ("only the first line ends", |pem| pem.replacen('\n', "\0", 1).replace('\n', "").replace('\0', "\n")),
    ("the last line lost", |pem| pem.trim_end().rsplit_once('\n').map_or_else(String::new, |(all, _)| all.to_owned())),
    ("cut in half", |pem| pem[..pem.len() / 2].to_owned()),
    ("a dash too few", |pem| pem.replace("-----BEGIN", "----BEGIN")),
    ("a dash too few behind", |pem| pem.replace("KEY-----", "KEY----").replace("ICATE-----", "ICATE----")),
    ("no base64", |pem| pem.replace(['A', 'B', 'C'], "!")),
    ("quoted", |pem| format!("\"{pem}\"")),
    ("not broken at all", str::to_owned),
];

/// Every message that comes of these files and options.
fn told(pem: &Pem, broken: Break) -> Vec<String> {
    let folder = Folder::new("keys");
    let both = broken(&format!("{}{}", pem.certificate, pem.key));
    let (certificate, key) = (broken(&pem.certificate), broken(&pem.key));
    let paths = [("both", &both), ("certificate", &certificate), ("key", &key), ("good", &pem.certificate)].map(
        |(name, text)| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("a temporary folder can be written");
            path.display().to_string()
        },
    );
    let [both_path, certificate_path, key_path, good_path] = &paths;
    let place = folder.path().display().to_string();
    let tries: &[&[(Key, &str)]] = &[
        &[(Key::TlsCertFile, both_path)],
        &[(Key::TlsCertFile, certificate_path), (Key::TlsKeyFile, key_path)],
        &[(Key::TlsCertFile, good_path), (Key::TlsKeyFile, key_path)],
        &[(Key::TlsCertFile, good_path), (Key::TlsKeyFile, both_path)],
        &[(Key::TlsCertPem, &pem.certificate), (Key::TlsKeyPem, &key)],
        &[(Key::TlsCertPem, &certificate), (Key::TlsKeyPem, &key)],
        &[(Key::TlsCertPem, &both)],
        &[(Key::TlsCaPem, &both)],
        &[(Key::TlsCaFile, both_path)],
        &[(Key::TlsCaFile, key_path)],
        &[(Key::TlsCaDir, &place)],
        &[(Key::TlsCertFile, &both)],
        &[(Key::TlsCertFile, good_path), (Key::TlsKeyFile, &key)],
        &[(Key::TlsCaFile, &key)],
    ];
    let mut told = Vec::new();
    for settings in tries {
        let mut setup = Setup::default();
        setup.options.set_int(Key::Tls, 1).expect("a good value");
        if !settings.iter().any(|(key, _)| [Key::TlsCaDir, Key::TlsCaFile, Key::TlsCaPem].contains(key)) {
            setup.options.set_text(Key::TlsCaFile, good_path.as_bytes()).expect("a good value");
        }
        for (key, value) in *settings {
            told.extend(setup.options.set_text(*key, value.as_bytes()).err().map(|error| error.to_string()));
            let escaped: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let url = format!("rediss://h?{}={escaped}", key.name());
            told.extend(setup.clone().options.set_url(url.as_bytes()).err().map(|error| error.to_string()));
        }
        if let Err(error) = Client::new(&setup) {
            told.push(error.to_string());
        }
        told.push(setup.options.to_url().expect("a URL"));
        told.push(format!("{:?}", setup.options));
    }
    // A certificate of our own is no secret, and shown.
    let shown = [escaped(&pem.certificate), escaped(&both), escaped(&certificate)];
    let same = |text: String| shown.iter().fold(text.replace(&place, "FOLDER"), |text, shown| text.replace(shown, ""));
    told.into_iter().map(same).collect()
}

/// As a URL has it.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[test]
fn no_byte_of_a_key_is_in_any_text() {
    let (one, two) = (Pem::new(), Pem::new());
    let body = |pem: &Pem| pem.key.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    for (name, broken) in BROKEN {
        let said = [told(&one, *broken), told(&two, *broken)];
        assert!(said[0].len() > 10, "{name}: {:?}", said[0]);
        for (pem, texts) in [&one, &two].into_iter().zip(&said) {
            for text in texts {
                for piece in body(pem).as_bytes().windows(6) {
                    let (letters, numbers) = (String::from_utf8_lossy(piece), format!("{:?}", &piece[..4]));
                    let numbers = numbers.trim_matches(['[', ']']);
                    assert!(!text.contains(&*letters) && !text.contains(numbers), "{name}: {text}");
                }
            }
        }
        assert_eq!(said[0], said[1], "{name}");
    }
}
