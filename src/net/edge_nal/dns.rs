//! Name lookups.

use core::net::IpAddr;

use edge_nal::{AddrType, Dns};
use embassy_sync::blocking_mutex::raw::RawMutex;

use crate::error::Error;
use crate::stack::Stack;

impl<M: RawMutex> Dns for Stack<'_, M> {
    type Error = Error;

    /// As [`embedded_nal_async::Dns::get_host_by_name`].
    async fn get_host_by_name(&self, host: &str, addr_type: AddrType) -> Result<IpAddr, Error> {
        let family = match addr_type {
            AddrType::IPv4 => embedded_nal_async::AddrType::IPv4,
            AddrType::IPv6 => embedded_nal_async::AddrType::IPv6,
            AddrType::Either => embedded_nal_async::AddrType::Either,
        };
        embedded_nal_async::Dns::get_host_by_name(self, host, family).await
    }

    /// Not available: the module has no reverse lookup.
    ///
    /// # Errors
    ///
    /// Always [`Error::Unsupported`].
    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, Error> {
        Err(Error::Unsupported)
    }
}
