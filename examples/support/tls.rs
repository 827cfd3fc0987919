//! HTTPS in front of an axum router.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Serves `router` in a thread, with a certificate for `name` that it has signed itself.
pub fn serve(listener: TcpListener, name: &str, router: Router) -> Result<()> {
    let identity = rcgen::generate_simple_self_signed([name.into()])?;
    let key = identity.signing_key.serialize_der().try_into();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![identity.cert.der().clone()],
            key.map_err(anyhow::Error::msg)?,
        )?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(Encrypted { listener, acceptor }, router).await
        })
    });
    Ok(())
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
