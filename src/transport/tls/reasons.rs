//! The messages of TLS failures: one sentence that names the setting to check.

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// The sentence. `used`: the connection was in use before, so the peer does speak TLS.
pub(super) fn sentence(error: &Error, used: bool) -> String {
    match error {
        Error::InvalidCertificate(error) => format!("the server's certificate {}", certificate(error)),
        Error::AlertReceived(alert) => refusal(*alert),
        Error::PeerIncompatible(why) => {
            format!("the server and this client have no version or cipher in common ({why:?}; see tls_version_min)")
        }
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) if !used => "the peer does not speak TLS (is it the port for TLS? see tls, or redis:// in a URL)".to_owned(),
        other => format!("the peer broke the rules: {other}"),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired => "has expired".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => {
            format!("has expired, {} ago by this machine's clock", span(*not_after, *time))
        }
        CertificateError::NotValidYet => "is not yet valid".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("is not yet valid, for another {} by this machine's clock", span(*time, *not_before))
        }
        CertificateError::UnknownIssuer => {
            "is from nobody that is trusted here (see tls_ca_file), or does not come with what links it to them"
                .to_owned()
        }
        CertificateError::NotValidForName => "is for another name (see tls_server_name)".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            match presented.iter().any(|name| plain(name) == expected) {
                true => format!(
                    "has {expected} as a DNS name, which proves no address: its subjectAltName needs IP:{expected}, or see \
                     tls_server_name"
                ),
                false => format!("is not for \"{expected}\" (see tls_server_name) but for {}", names(presented)),
            }
        }
        CertificateError::Revoked => "has been revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not one for servers".to_owned()
        }
        CertificateError::BadSignature => {
            "is not signed by whom it names, or with an RSA key of fewer than 2048 or more than 8192 bits".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed in a way that proves nothing any more, such as SHA-1".to_owned()
        }
        error if is_an_authority(error) => {
            "is an authority's own (CA:TRUE): a server shows one that is signed by it, unless tls_ca_file is this very one"
                .to_owned()
        }
        CertificateError::Other(other) if other.to_string().contains("UnsupportedCertVersion") => {
            "is of version 1, which says too little: one of version 3 is due, with the server's name in its subjectAltName"
                .to_owned()
        }
        CertificateError::Other(other) if other.to_string().contains("EndEntityUsedAsCa") => {
            "is signed by somebody who may not sign".to_owned()
        }
        other => format!("is not good: {other}"),
    }
}

/// Whether what is wrong with it is that it is an authority's.
pub(super) fn is_an_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity"))
}

/// The first few names on a certificate, as they stand there: rustls gives them with their kind around them.
fn names(presented: &[String]) -> String {
    match presented {
        [] => "no name at all: its subjectAltName counts, and not its common name".to_owned(),
        _ => {
            let first: Vec<&str> = presented.iter().take(NAMES_MAX).map(|name| plain(name)).collect();
            let others = presented.len().saturating_sub(NAMES_MAX);
            first.join(", ") + &if others == 0 { String::new() } else { format!(" and {others} more") }
        }
    }
}

/// One of them.
fn plain(name: &str) -> &str {
    let inside = name.split_once('(').map_or(name, |(_, inside)| inside.trim_end_matches(')'));
    inside.trim_matches('"')
}

/// What the server says in an alert.
fn refusal(alert: AlertDescription) -> String {
    let what = match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "wants a certificate of ours (see tls_cert_file)"
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => "does not accept our certificate",
        AlertDescription::ProtocolVersion => "refuses the versions of TLS that are allowed here (see tls_version_min)",
        AlertDescription::HandshakeFailure => {
            "wants a certificate of ours (see tls_cert_file), or has no cipher in common with us"
        }
        AlertDescription::UnrecognisedName => "does not know the name we asked for (see tls_server_name)",
        _ => "ended TLS",
    };
    format!("the server {what} (alert {alert:?})")
}

/// How long it is from one time to a later one, in the largest unit that fits.
fn span(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.as_secs().saturating_sub(from.as_secs());
    let (count, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

/// Names of a certificate that a message has room for.
const NAMES_MAX: usize = 3;
