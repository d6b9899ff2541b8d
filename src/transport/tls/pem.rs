//! Decoding PEM. An error message shows no byte of the input, and the bytes of a key are wiped.

use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;

/// The sections with one of these labels, in their order, each with its label's place among them.
pub(super) fn sections(pem: &[u8], labels: &[&str]) -> Result<Vec<Section>, Fault> {
    let mut found = Vec::new();
    // The label of the section that is open, and its body as far as it has come.
    let mut open: Option<(&[u8], Vec<&[u8]>)> = None;
    for line in pem.split(|byte| matches!(byte, b'\n' | b'\r')) {
        if let Some(label) = line.strip_prefix(b"-----BEGIN ") {
            let label = label.trim_ascii_end().strip_suffix(b"-----").ok_or(Fault::Begin)?;
            // Where the line ends were lost, all of it is one line.
            if label.contains(&b'-') {
                return Err(Fault::Begin);
            }
            open = Some((label, Vec::new()));
        } else if let Some((label, mut lines)) = open.take() {
            let is_end = line.strip_prefix(b"-----END ").and_then(|rest| rest.strip_prefix(label));
            if !is_end.is_some_and(|rest| rest.starts_with(b"-----")) {
                lines.push(line);
                open = Some((label, lines));
            } else if let Some(label) = labels.iter().position(|wanted| wanted.as_bytes() == label) {
                found.push(Section { label, der: decoded(&lines)? });
            }
        }
    }
    if open.is_some() { Err(Fault::End) } else { Ok(found) }
}

/// One section, decoded.
pub(super) struct Section {
    pub(super) label: usize,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// What is wrong with a PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Begin,
    End,
    Base64,
    Memory,
}

impl Fault {
    /// The error, of what this option says.
    pub(super) fn of(self, option: &str) -> Error {
        let what = match self {
            Fault::Begin => "a BEGIN line that goes on behind its dashes (were the line ends lost?)",
            Fault::End => "a BEGIN without its END (was it cut, or were the line ends lost?)",
            Fault::Base64 => "what stands between BEGIN and END is not base64",
            Fault::Memory => return Error::memory(option),
        };
        super::fault::config(format!("{option}: {what}"))
    }
}

/// The bytes that these lines of base64 stand for.
fn decoded(lines: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let len: usize = lines.iter().map(|line| line.len()).sum();
    let mut bytes = Zeroizing::new(Vec::new());
    // Room for all of it, so that it does not move.
    bytes.try_reserve_exact(len / 4 * 3 + 3).map_err(|_| Fault::Memory)?;
    let (mut group, mut digits, mut padding) = (Zeroizing::new(0u32), 0, 0);
    for &byte in lines.iter().copied().flatten().filter(|byte| !byte.is_ascii_whitespace() && **byte != 0x0b) {
        let digit = digit(byte);
        match (byte, digit) {
            (b'=', _) => padding += 1,
            (_, INVALID) => return Err(Fault::Base64),
            _ if padding > 0 => return Err(Fault::Base64),
            _ => {
                *group = *group << 6 | u32::from(digit);
                digits += 1;
            }
        }
        if digits == 4 {
            bytes.extend_from_slice(&group.to_be_bytes()[1..]);
            group.zeroize();
            digits = 0;
        }
    }
    let rest = match (digits, padding) {
        (0, 0) => 0,
        (2, 0 | 2) => 1,
        (3, 0 | 1) => 2,
        _ => return Err(Fault::Base64),
    };
    let left = *group << (6 * (4 - digits) as u32 % 24);
    bytes.extend_from_slice(&left.to_be_bytes()[1..=rest]);
    Ok(bytes)
}

/// The six bits of a digit of base64. Which digit it is decides neither a branch nor a place in a table: it may be a key's.
fn digit(byte: u8) -> u8 {
    let within = |from: u8, to: u8| u8::from(byte >= from) & u8::from(byte <= to);
    let mask = |from: u8, to: u8| 0u8.wrapping_sub(within(from, to));
    let (upper, lower, number) = (mask(b'A', b'Z'), mask(b'a', b'z'), mask(b'0', b'9'));
    let (plus, slash) = (mask(b'+', b'+'), mask(b'/', b'/'));
    let value = (upper & byte.wrapping_sub(b'A'))
        | (lower & byte.wrapping_sub(b'a').wrapping_add(26))
        | (number & byte.wrapping_sub(b'0').wrapping_add(52))
        | (plus & 62)
        | (slash & 63);
    value | (INVALID & !(upper | lower | number | plus | slash))
}

/// What is no digit.
const INVALID: u8 = 0x80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn fault(pem: &str) -> Option<Fault> {
        sections(pem.as_bytes(), &["A"]).err()
    }

    #[test]
    fn sections_are_found_by_their_labels() {
        let pem = "noise\n-----BEGIN A-----\nQUJD\r\n-----END A-----\n-----BEGIN B-----\n!!\n-----END B-----\n\
            -----BEGIN A-----  \n QU\n I= \n-----END A-----";
        let found = sections(pem.as_bytes(), &["C", "A"]).unwrap();
        let found: Vec<_> = found.iter().map(|section| (section.label, section.der.as_slice())).collect();
        assert_eq!(found, [(1, &b"ABC"[..]), (1, b"AB")]);
        assert!(sections(b"", &["A"]).unwrap().is_empty());
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(fault("-----BEGIN A-----\nQUJD\n"), Some(Fault::End));
        assert_eq!(fault("-----BEGIN A-----QUJD-----END A-----"), Some(Fault::Begin));
        assert_eq!(fault("-----BEGIN A----- QUJD -----END A-----"), Some(Fault::Begin));
        assert_eq!(fault("-----BEGIN A----\nQUJD\n-----END A-----"), Some(Fault::Begin));
        for body in ["!", "Q", "QUJDR", "QUI=QUI=", "QU=I", "Q===", "QUJD=", "====", "QUJ\\nD"] {
            assert_eq!(fault(&format!("-----BEGIN A-----\n{body}\n-----END A-----")), Some(Fault::Base64), "{body}");
        }
    }

    proptest! {
        #[test]
        fn base64_is_read_as_rustls_reads_it(body in prop::collection::vec("[A-Za-z0-9+/= \n!]{0,9}|[A-Za-z0-9+/]{4,8}={0,2}", 0..4)) {
            let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", body.concat());
            let theirs = CertificateDer::from_pem_slice(pem.as_bytes()).ok();
            let ours = sections(pem.as_bytes(), &["CERTIFICATE"]).ok().map(|mut found| found.remove(0).der);
            prop_assert_eq!(ours.as_deref().map(Vec::as_slice), theirs.as_deref());
        }
    }
}
