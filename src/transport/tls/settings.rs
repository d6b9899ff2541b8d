//! The TLS options as a rustls configuration: trusted certificates, the client's certificate, and the server's name.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, SupportedProtocolVersion, version};

use super::fault::config;
use super::files::{self, Stamps};
use super::verify::{Anybody, Vouched};
use crate::error::Result;
use crate::options::{Endpoint, Key, Options};

/// The options, and what was made of them: anew when a file that they name has changed.
pub(super) struct Settings {
    options: Options,
    made: ArcSwap<Made>,
}

struct Made {
    stamps: Stamps,
    config: Arc<ClientConfig>,
}

impl Settings {
    pub(super) fn new(options: &Options) -> Result<Settings> {
        let settings = Settings { options: options.clone(), made: ArcSwap::from_pointee(make(options)?) };
        settings.name(&options.endpoint())?;
        Ok(settings)
    }

    /// The name or address that the server's certificate must be for.
    pub(super) fn name(&self, endpoint: &Endpoint) -> Result<ServerName<'static>> {
        let name = self.options.tls_name(endpoint)?;
        // The zone of an address is this machine's own affair, and the dot at the end of a name is DNS's.
        if let Ok(address) = name.split('%').next().unwrap_or_default().parse::<IpAddr>() {
            return Ok(ServerName::IpAddress(address.into()));
        }
        ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|_| config(format!("tls_server_name: \"{name}\" is no name that a certificate can be for")))
    }

    /// What rustls is to do. While changed files cannot be used, what was read before stays in force: they may be
    /// half-written.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let mut made = self.made.load_full();
        if made.stamps != files::stamps(&self.options)
            && let Ok(anew) = make(&self.options)
        {
            made = Arc::new(anew);
            self.made.store(Arc::clone(&made));
        }
        Arc::clone(&made.config)
    }
}

fn make(options: &Options) -> Result<Made> {
    let stamps = files::stamps(options); // Before the files are read: a change meanwhile is seen the next time.
    let provider = Arc::new(ring::default_provider());
    let versions = if options.int(Key::TlsVersionMin)? == 13 { FROM_1_3 } else { FROM_1_2 };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| config(format!("tls: {error}")))?;
    let verifier: Arc<dyn ServerCertVerifier> = match options.tls_insecure_skip_verify() {
        true => Arc::new(Anybody(provider)),
        false => {
            let (roots, trusted) = files::roots(options)?;
            Vouched::new(roots, trusted, provider)?
        }
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match files::identity(options)? {
        Some(identity) => builder.with_client_cert_resolver(identity),
        None => builder.with_no_client_auth(),
    };
    // Every connection proves anew who answers; and nothing is ever sent before that, where it could be replayed.
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(Made { stamps, config: Arc::new(config) })
}

const FROM_1_2: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
const FROM_1_3: &[&SupportedProtocolVersion] = &[&version::TLS13];
