//! TCP clients and servers.

use core::net::SocketAddr;

use edge_nal::{Close, TcpConnect, TcpShutdown, TcpSplit};
#[cfg(feature = "server")]
use edge_nal::{TcpAccept, TcpBind};
use embassy_sync::blocking_mutex::raw::RawMutex;
use embedded_io_async::Read;

use super::implement_readable;
#[cfg(feature = "server")]
use crate::engine::specified;
use crate::error::Error;
#[cfg(feature = "server")]
use crate::net::TcpListener;
use crate::net::{TcpConnection, TcpReader, TcpWriter};
use crate::stack::Stack;

impl<'d, M: RawMutex> TcpConnect for Stack<'d, M> {
    type Error = Error;
    type Socket<'a>
        = TcpConnection<'d, M>
    where
        Self: 'a;

    /// As [`embedded_nal_async::TcpConnect::connect`].
    async fn connect(&self, remote: SocketAddr) -> Result<TcpConnection<'d, M>, Error> {
        Self::connect(self, remote).await
    }
}

#[cfg(feature = "server")]
impl<'d, M: RawMutex> TcpBind for Stack<'d, M> {
    type Error = Error;
    type Accept<'a>
        = TcpListener<'d, M>
    where
        Self: 'a;

    /// As [`Stack::listen`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] for a local address that is not the module's, or has a scope; otherwise as for [`Stack::listen`].
    async fn bind(&self, local: SocketAddr) -> Result<TcpListener<'d, M>, Error> {
        let address = specified(local)?;
        self.shared
            .with(|engine| engine.check_local(address))
            .await?;
        self.listen(local.port()).await
    }
}

#[cfg(feature = "server")]
impl<'d, M: RawMutex> TcpAccept for TcpListener<'d, M> {
    type Error = Error;
    type Socket<'a>
        = TcpConnection<'d, M>
    where
        Self: 'a;

    /// As [`TcpListener::accept`].
    async fn accept(&self) -> Result<(SocketAddr, TcpConnection<'d, M>), Error> {
        let (connection, peer) = TcpListener::accept(self).await?;
        Ok((peer, connection))
    }
}

impl<'d, M: RawMutex> TcpSplit for TcpConnection<'d, M> {
    type Read<'a>
        = TcpReader<'a, 'd, M>
    where
        Self: 'a;
    type Write<'a>
        = TcpWriter<'a, 'd, M>
    where
        Self: 'a;

    fn split(&mut self) -> (TcpReader<'_, 'd, M>, TcpWriter<'_, 'd, M>) {
        TcpConnection::split(self)
    }
}

impl<M: RawMutex> TcpShutdown for TcpConnection<'_, M> {
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

implement_readable!(TcpConnection<'_, M>, TcpReader<'_, '_, M>);
