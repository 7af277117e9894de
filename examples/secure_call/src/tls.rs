//! TLS 1.2 and 1.3 on the TCP connections of the call, and what both ends see when a handshake fails.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::client::ClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ServerConnection;
use rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, ServerConfig, StreamOwned,
    SupportedProtocolVersion,
};

use crate::certificates::{Certificates, SERVER};

/// The carrier's end.
pub type ServerStream = StreamOwned<ServerConnection, TcpStream>;
/// The PBX's end.
pub type ClientStream = StreamOwned<ClientConnection, TcpStream>;

pub const VERSIONS: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS13, &rustls::version::TLS12];

/// The carrier takes TLS 1.3 and 1.2, nothing below.
pub fn server_config(certificates: &Certificates) -> Result<Arc<ServerConfig>> {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
        .with_protocol_versions(&VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(certificates.chain.clone(), certificates.key.clone_key())?;
    Ok(Arc::new(config))
}

/// The PBX trusts this root and no other certificate: the intermediates come in the handshake.
pub fn client_config(
    root: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone())?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
        .with_protocol_versions(versions)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

pub fn accept(config: &Arc<ServerConfig>, mut tcp: TcpStream) -> Result<ServerStream> {
    let mut tls = ServerConnection::new(Arc::clone(config))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp).map_err(tls_error)?;
    }
    Ok(StreamOwned::new(tls, tcp))
}

pub fn connect(config: &Arc<ClientConfig>, mut tcp: TcpStream) -> Result<ClientStream> {
    let mut tls = ClientConnection::new(Arc::clone(config), ServerName::try_from(SERVER)?)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp).map_err(tls_error)?;
    }
    Ok(StreamOwned::new(tls, tcp))
}

/// What was agreed, for the reader.
pub fn describe(tls: &ClientConnection) -> Result<String> {
    let version = match tls.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "an unexpected version of TLS",
    };
    let suite = tls.negotiated_cipher_suite();
    let suite = suite.context("the handshake ended without a cipher suite")?;
    let shown = tls.peer_certificates().map_or(0, <[_]>::len);
    Ok(format!(
        "{version}, {:?}, {shown} certificates from {SERVER}: its own and {} intermediates",
        suite.suite(),
        shown.saturating_sub(1)
    ))
}

/// The error of TLS itself where there is one, rather than that of the transport it came through.
fn tls_error(error: io::Error) -> anyhow::Error {
    match error.downcast::<rustls::Error>() {
        Ok(error) => error.into(),
        Err(error) => anyhow::Error::from(error).context("the TLS handshake broke off"),
    }
}
