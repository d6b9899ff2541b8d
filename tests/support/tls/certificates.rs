//! Certificates for the tests of TLS, good and bad, made on the spot.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// Who signs.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The certificates between this one and its root, this one first; none for a root.
    links: String,
}

/// A certificate, with what links it to a root behind it, and its key.
pub struct Identity {
    pub chain: String,
    pub key: String,
}

impl Authority {
    /// A root.
    pub fn new(name: &str) -> Authority {
        let issuer = CertifiedIssuer::self_signed(authority(name), pair()).expect("a root can sign itself");
        Authority { issuer, links: String::new() }
    }

    /// One that this one vouches for.
    pub fn below(&self, name: &str) -> Authority {
        self.below_with(name, |_| {})
    }

    /// The same, changed before it is signed.
    pub fn below_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Authority {
        let mut params = authority(name);
        change(&mut params);
        let issuer = CertifiedIssuer::signed_by(params, pair(), &self.issuer).expect("an authority can sign");
        let links = issuer.pem() + &self.links;
        Authority { issuer, links }
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these names and addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_with(names, |_| {})
    }

    /// The same, changed before it is signed.
    pub fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = pair();
        let signed = leaf(names, change).signed_by(&key, &self.issuer).expect("an authority can sign");
        Identity { chain: signed.pem() + &self.links, key: key.serialize_pem() }
    }

    /// Write its certificate into a file.
    pub fn write(&self, path: &Path) -> String {
        fs::write(path, self.pem()).expect("a temporary folder can be written");
        path.display().to_string()
    }
}

impl Identity {
    /// One that vouches for itself.
    pub fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = pair();
        let signed = leaf(names, change).self_signed(&key).expect("a key can sign its own certificate");
        Identity { chain: signed.pem(), key: key.serialize_pem() }
    }

    /// Only the first certificate: what links it to a root is left out.
    pub fn unlinked(mut self) -> Identity {
        const END: &str = "-----END CERTIFICATE-----\n";
        let end = self.chain.find('\n').and_then(|from| self.chain[from..].find("-----END").map(|at| from + at));
        self.chain.truncate(end.expect("a PEM ends"));
        self.chain.push_str(END);
        self
    }

    /// Write it into two files of this folder.
    pub fn write(&self, folder: &Path, name: &str) -> [String; 2] {
        let write = |end: &str, text: &str| {
            let path: PathBuf = folder.join(format!("{name}.{end}"));
            fs::write(&path, text).expect("a temporary folder can be written");
            path.display().to_string()
        };
        [write("crt", &self.chain), write("key", &self.key)]
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn leaf(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("good names");
    params.distinguished_name.push(DnType::CommonName, "a server of the tests");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params.is_ca = IsCa::ExplicitNoCa;
    change(&mut params);
    params
}

fn pair() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}
