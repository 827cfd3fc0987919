//! HTTPS in front of an axum router.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::{ServerConfig, sign::CertifiedKey};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::http;

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub certificate: CertificateDer<'static>,
    /// The same as text.
    pub pem: String,
}

/// A server's certificate and its private key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Authority {
    pub fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        let name = (DnType::CommonName, "an authority for tests");
        params.distinguished_name.push(name.0, name.1);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// A certificate for the server of this name.
    pub fn sign(&self, name: &str) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let certificate = params(name)?.signed_by(&key, &self.issuer)?;
        Ok(Identity::new(certificate.der().clone(), &key))
    }
}

impl Identity {
    fn new(certificate: CertificateDer<'static>, key: &KeyPair) -> Self {
        Self {
            chain: vec![certificate],
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        }
    }

    /// A self-signed certificate for `name`.
    pub fn self_signed(name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let certificate = params(name)?.self_signed(&key)?;
        Ok(Self::new(certificate.der().clone(), &key))
    }
}

/// Puts the name into the common name and into `subjectAltName`.
fn params(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new([name.into()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

/// Accepts a key that does not belong to the certificate, for tests.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// Serves `router` in a thread.
pub fn serve(listener: TcpListener, identity: Identity, router: Router) -> Result<()> {
    let key = any_supported_type(&identity.key)?;
    let shown = CertifiedKey::new(identity.chain, key);
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shown(Arc::new(shown))));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    http::serve_on(listener, |listener| async {
        axum::serve(Encrypted { listener, acceptor }, router).await
    })
}

struct Encrypted {
    listener: tokio::net::TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            if let Ok((stream, peer)) = self.listener.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
