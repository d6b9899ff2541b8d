//! Certificates and keys, from files and from options.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_native_certs::ErrorKind;
use zeroize::{Zeroize, Zeroizing};

use super::fault::config;
use super::pem::{self, Section};
use crate::error::{Error, Result, Status};
use crate::options::{Key, Options};

/// What tells the files of now from those of before.
pub(super) type Stamps = [Option<[i64; 4]>; 4];

/// The stamps of every file that the options name.
pub(super) fn stamps(options: &Options) -> Stamps {
    [Key::TlsCaFile, Key::TlsCaDir, Key::TlsCertFile, Key::TlsKeyFile].map(|key| {
        let found = fs::metadata(path(options, key)?).ok()?;
        Some([found.ino() as i64, found.size() as i64, found.ctime(), found.ctime_nsec()])
    })
}

/// Whom to trust: the authorities that the options name, or, where they name none, the system's; and each as it stands there.
pub(super) fn roots(options: &Options) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let mut roots = Roots { store: RootCertStore::empty(), all: Vec::new() };
    let file = path(options, Key::TlsCaFile).map(|path| read(Key::TlsCaFile, path)).transpose()?;
    let text = options.text(Key::TlsCaPem).map(|text| Zeroizing::new(text.to_vec()));
    for (key, pem) in [(Key::TlsCaFile, file), (Key::TlsCaPem, text)] {
        if let Some(pem) = pem {
            roots.trust(key.name(), certificates(key, &pem)?)?;
        }
    }
    if let Some(folder) = path(options, Key::TlsCaDir) {
        let found = rustls_native_certs::load_certs_from_paths(None, Some(folder));
        match found.errors.first() {
            Some(error) if found.certs.is_empty() => {
                // What is wrong with a PEM is told with what stands in it, which may be a key.
                let what = match &error.kind {
                    ErrorKind::Io { .. } | ErrorKind::Os(_) => error.to_string(),
                    _ => "a file in it is no PEM".to_owned(),
                };
                return Err(config(format!("tls_ca_dir: {what}")));
            }
            _ => roots.trust("tls_ca_dir", found.certs)?,
        }
    }
    if ![Key::TlsCaFile, Key::TlsCaPem, Key::TlsCaDir].iter().any(|key| options.text(*key).is_some()) {
        let what = "tls: the system trusts nobody (install ca-certificates, or set tls_ca_file)";
        roots.trust(what, rustls_native_certs::load_native_certs().certs)?;
    }
    Ok((roots.store, roots.all))
}

struct Roots {
    store: RootCertStore,
    all: Vec<CertificateDer<'static>>,
}

impl Roots {
    fn trust(&mut self, what: &str, found: Vec<CertificateDer<'static>>) -> Result<()> {
        let hint = if found.is_empty() { "" } else { " that can be read" };
        self.all.extend_from_slice(&found);
        // Bundles have authorities in them that are too old to be read; the others will do.
        match self.store.add_parsable_certificates(found) {
            (0, _) => Err(config(format!("{what}: no authority's certificate in it{hint}"))),
            _ => Ok(()),
        }
    }
}

/// Who we are: a certificate, what links it to an authority, and its key.
pub(super) fn identity(options: &Options) -> Result<Option<Arc<SingleCertAndKey>>> {
    let Some((from, pem)) = chosen(options, Key::TlsCertFile, Key::TlsCertPem)? else {
        return match chosen(options, Key::TlsKeyFile, Key::TlsKeyPem)? {
            Some((key, _)) => Err(config(format!("{}: a key without a certificate (tls_cert_file)", key.name()))),
            None => Ok(None),
        };
    };
    let chain = certificates(from, &pem)?;
    if chain.is_empty() {
        return Err(config(format!("{}: no certificate in it (PEM is read)", from.name())));
    }
    let (from, pem) = match chosen(options, Key::TlsKeyFile, Key::TlsKeyPem)? {
        Some(key) => key,
        None if from == Key::TlsCertFile => (from, pem), // One file may hold both.
        None => return Err(config("tls_cert_pem: a certificate without its key (tls_key_pem)")),
    };
    let key = key(from, &pem)?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err(config(format!("{}: it is not the key of the certificate", from.name())))
        }
        _ => Ok(Some(Arc::new(SingleCertAndKey::from(identity)))),
    }
}

/// The key in a PEM. What we hold of it is wiped; what rustls and ring make of it they do not wipe.
fn key(from: Key, pem: &[u8]) -> Result<Arc<dyn rustls::sign::SigningKey>> {
    let name = from.name();
    let found = pem::sections(pem, &["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]);
    let is_encrypted = || pem.windows(ENCRYPTED.len()).any(|word| word == ENCRYPTED);
    let Section { label, mut der } = match found.map(|sections| sections.into_iter().next()) {
        Ok(Some(section)) => section,
        _ if is_encrypted() => {
            return Err(config(format!("{name}: the key is encrypted, and there is no option for its password")));
        }
        Ok(None) => return Err(config(format!("{name}: no private key in it (PEM is read)"))),
        Err(fault) => return Err(fault.of(name)),
    };
    let der = std::mem::take(&mut *der);
    let mut der = match label {
        0 => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
        1 => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
        _ => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
    };
    let key = any_supported_type(&der);
    der.zeroize();
    key.map_err(|_| {
        config(format!(
            "{name}: a key of a kind that is not supported (RSA of 2048 to 4096 bits, P-256, P-384, Ed25519)"
        ))
    })
}

/// The text of a file, or the text given; not of both.
fn chosen(options: &Options, file: Key, text: Key) -> Result<Option<(Key, Zeroizing<Vec<u8>>)>> {
    let given = match text {
        Key::TlsKeyPem => options.tls_key_pem().map(|secret| secret.bytes()),
        _ => options.text(text),
    };
    match (path(options, file), given) {
        (Some(_), Some(_)) => Err(config(format!("{} and {}: one of the two", file.name(), text.name()))),
        (Some(path), None) => Ok(Some((file, read(file, path)?))),
        (None, Some(given)) => Ok(Some((text, Zeroizing::new(given.to_vec())))),
        (None, None) => Ok(None),
    }
}

fn certificates(from: Key, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found = pem::sections(pem, &["CERTIFICATE"]).map_err(|fault| fault.of(from.name()))?;
    Ok(found.into_iter().map(|Section { mut der, .. }| CertificateDer::from(std::mem::take(&mut *der))).collect())
}

fn path(options: &Options, key: Key) -> Option<&Path> {
    options.text(key).map(|path| Path::new(OsStr::from_bytes(path)))
}

/// The whole of a file, wiped when it is done with. What is no file is not waited for.
fn read(key: Key, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let wrong = |error: io::Error| Error::os(Status::Config, &format!("{}: {}", key.name(), path.display()), &error);
    let found = fs::metadata(path).map_err(wrong)?;
    if !found.is_file() || found.len() > FILE_BYTES_MAX {
        return Err(config(format!("{}: {}: no file of at most 16 MiB", key.name(), path.display())));
    }
    let mut file = File::open(path).map_err(wrong)?;
    // Room for all of it and one byte more: what would have to move is read another time.
    let mut text = Zeroizing::new(vec![0; found.len() as usize + 1]);
    let mut len = 0;
    loop {
        match file.read(&mut text[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(wrong(error)),
        }
    }
    if len > found.len() as usize {
        return Err(config(format!("{}: {}: it was written to while it was read", key.name(), path.display())));
    }
    text.truncate(len);
    Ok(text)
}

/// What an encrypted key says of itself, however it is encrypted.
const ENCRYPTED: &[u8] = b"ENCRYPTED";
/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 16 << 20;
