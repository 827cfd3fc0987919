//! The local addresses of the PDP context.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::at::pair;
use crate::util::slices::{copy, front};

/// The addresses as the module writes them. They are parsed when a user asks for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    text: [u8; Self::LONGEST],
    length: u8,
}

impl Addresses {
    /// Both in quotes, the longer one as sixteen decimal numbers (quirk 16).
    const LONGEST: usize = 17 + 1 + 65;
    pub(super) const NONE: Self = Self {
        text: [0; Self::LONGEST],
        length: 0,
    };

    pub(crate) fn keep(&mut self, text: &[u8]) {
        self.length = copy(text, &mut self.text) as u8;
    }

    pub(super) fn read(&self, v6: bool) -> Option<IpAddr> {
        let (v4_address, v6_address): (Option<Ipv4Addr>, Option<Ipv6Addr>) =
            pair(front(&self.text, self.length.into()));
        if v6 {
            v6_address.map(IpAddr::V6)
        } else {
            v4_address.map(IpAddr::V4)
        }
    }
}
