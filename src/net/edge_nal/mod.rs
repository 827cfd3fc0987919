//! The traits of `edge-nal`, implemented by means of those of `embedded-nal-async`.

#[cfg(feature = "dns")]
mod dns;
mod tcp;
#[cfg(feature = "udp")]
mod udp;

/// [`Readable`](edge_nal::Readable) for types with a field `socket`.
macro_rules! implement_readable {
    ($($type:ty),+) => {$(
        impl<M: RawMutex> edge_nal::Readable for $type {
            /// Waits until a read would not wait: for data, the end of the stream, or an error.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future has no effect.
            async fn readable(&mut self) -> Result<(), Error> {
                self.socket.readable().await;
                Ok(())
            }
        }
    )+};
}

use implement_readable;
