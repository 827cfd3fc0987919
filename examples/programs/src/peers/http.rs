//! HTTP in front of an axum router.

use std::net::{SocketAddr, TcpListener};

use anyhow::Result;
use axum::Router;

/// Serves `router` in a thread, and returns the address of the listener.
pub fn serve(listener: TcpListener, router: Router) -> Result<SocketAddr> {
    let address = listener.local_addr()?;
    serve_on(listener, |listener| async {
        axum::serve(listener, router).await
    })?;
    Ok(address)
}

/// Runs a server of tokio in a thread.
pub(super) fn serve_on<S>(
    listener: TcpListener,
    serve: impl FnOnce(tokio::net::TcpListener) -> S + Send + 'static,
) -> Result<()>
where
    S: Future<Output = std::io::Result<()>>,
{
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::spawn(move || {
        runtime.block_on(async { serve(tokio::net::TcpListener::from_std(listener)?).await })
    });
    Ok(())
}
