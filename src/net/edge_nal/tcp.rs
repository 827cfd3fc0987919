//! TCP clients and servers.

use core::net::SocketAddr;

use edge_nal::{Close, TcpConnect, TcpShutdown, TcpSplit};
#[cfg(feature = "server")]
use edge_nal::{TcpAccept, TcpBind};
use embedded_io_async::Read;

use super::implement_readable;
#[cfg(feature = "server")]
use crate::engine::specified;
use crate::error::Error;
#[cfg(feature = "server")]
use crate::net::TcpListener;
use crate::net::{TcpConnection, TcpReader, TcpWriter};
use crate::stack::Stack;

impl<'d> TcpConnect for Stack<'d> {
    type Error = Error;
    type Socket<'a>
        = TcpConnection<'d>
    where
        Self: 'a;

    /// As [`embedded_nal_async::TcpConnect::connect`].
    async fn connect(&self, remote: SocketAddr) -> Result<TcpConnection<'d>, Error> {
        Self::connect(self, remote).await
    }
}

#[cfg(feature = "server")]
impl<'d> TcpBind for Stack<'d> {
    type Error = Error;
    type Accept<'a>
        = TcpListener<'d>
    where
        Self: 'a;

    /// As [`Stack::listen`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] for a local address that is not the module's, or has a scope; otherwise as for [`Stack::listen`].
    async fn bind(&self, local: SocketAddr) -> Result<TcpListener<'d>, Error> {
        let address = specified(local)?;
        self.shared
            .with(|engine| engine.check_local(address))
            .await?;
        self.listen(local.port()).await
    }
}

#[cfg(feature = "server")]
impl<'d> TcpAccept for TcpListener<'d> {
    type Error = Error;
    type Socket<'a>
        = TcpConnection<'d>
    where
        Self: 'a;

    /// As [`TcpListener::accept`].
    async fn accept(&self) -> Result<(SocketAddr, TcpConnection<'d>), Error> {
        let (connection, peer) = TcpListener::accept(self).await?;
        Ok((peer, connection))
    }
}

impl<'d> TcpSplit for TcpConnection<'d> {
    type Read<'a>
        = TcpReader<'a, 'd>
    where
        Self: 'a;
    type Write<'a>
        = TcpWriter<'a, 'd>
    where
        Self: 'a;

    fn split(&mut self) -> (TcpReader<'_, 'd>, TcpWriter<'_, 'd>) {
        TcpConnection::split(self)
    }
}

impl TcpShutdown for TcpConnection<'_> {
    /// The module cannot close one direction of a connection.
    ///
    /// * [`Close::Both`] sends what was written, closes the connection, and waits until the module has done so.
    /// * [`Close::Write`] waits until the peer has acknowledged what was written. The peer sees the end of the stream only
    ///   when the whole connection is closed.
    /// * [`Close::Read`] reads until the peer has closed, and discards the data.
    ///
    /// # Errors
    ///
    /// The reason why not everything that was written could be sent, or of the connection's failure.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel a close that has begun: the runner finishes it.
    async fn close(&mut self, what: Close) -> Result<(), Error> {
        match what {
            Close::Both => self.socket.close().await,
            Close::Write => self.wait_acked().await,
            Close::Read => {
                let mut discarded = [0; 64];
                while self.read(&mut discarded).await? > 0 {}
                Ok(())
            }
        }
    }

    /// Closes the connection at once. Bytes that the module has not accepted yet are discarded.
    async fn abort(&mut self) -> Result<(), Error> {
        self.socket.abort();
        Ok(())
    }
}

implement_readable!(TcpConnection<'_>, TcpReader<'_, '_>);
