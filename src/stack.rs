//! The user's handle, and the memory that everything lives in.

use core::fmt;
use core::future::poll_fn;
use core::net::IpAddr;

use crate::at::{AccessMode, MAX_COMMAND_LENGTH};
use crate::config::Config;
use crate::engine::shared::Shared;
use crate::engine::{Addresses, Engine, LinkState, Request, Slot, Statistics};
use crate::error::{Error, LinkError};
use crate::net::{Lookup, TcpConnection, all_of};
use crate::runner::Runner;
use crate::util::zeroed::Zeroed;

/// The buffer between UART and digester, if nobody asks for a larger one. It has to hold one line, never payload.
const LINE_BUFFER: usize = 256;

/// All memory of a stack with `N` sockets, each with `RX` bytes to receive into and `TX` bytes to send from.
///
/// A receive ring of 1500 bytes or more lets the module hand over as much as it can at once; a transmit ring of
/// 1460 bytes or more lets it take as much. The rings of a socket are the greater part of what it costs.
///
/// What the UART hands over goes through a buffer of `LINE` bytes, 256 or more. A larger one brings something only if the
/// UART driver hands over larger pieces: each piece costs some hundred instructions
/// ([`with_line_buffer`](Self::with_line_buffer)).
///
/// Usually in a `StaticCell`; on a big machine a local variable does as well.
pub struct Resources<
    'd,
    const N: usize,
    const RX: usize,
    const TX: usize,
    const LINE: usize = LINE_BUFFER,
> {
    slots: [Zeroed<Slot<'d>>; N],
    rx: [[u8; RX]; N],
    tx: [[u8; TX]; N],
    ingress: [u8; LINE],
    command: [u8; MAX_COMMAND_LENGTH],
    shared: Zeroed<Shared<'d>>,
}

impl<const N: usize, const RX: usize, const TX: usize> Resources<'_, N, RX, TX> {
    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_line_buffer()
    }
}

impl<const N: usize, const RX: usize, const TX: usize, const LINE: usize>
    Resources<'_, N, RX, TX, LINE>
{
    /// Empty memory, with a buffer of `LINE` bytes for what the UART hands over.
    ///
    /// ```
    /// use quectel_nal::Resources;
    ///
    /// let resources = Resources::<4, 2048, 1024, 1536>::with_line_buffer();
    /// ```
    #[must_use]
    pub const fn with_line_buffer() -> Self {
        const {
            assert!(LINE >= LINE_BUFFER, "a line of the module has to fit");
            assert!(N > 0 && N <= 12, "the module has 12 connectIDs");
            assert!(RX > 0 && TX > 0, "a socket needs both rings");
        }
        Self {
            slots: [const { Zeroed::Empty }; N],
            rx: [[0; RX]; N],
            tx: [[0; TX]; N],
            ingress: [0; LINE],
            command: [0; MAX_COMMAND_LENGTH],
            shared: Zeroed::Empty,
        }
    }
}

impl<const N: usize, const RX: usize, const TX: usize, const LINE: usize> Default
    for Resources<'_, N, RX, TX, LINE>
{
    fn default() -> Self {
        Self::with_line_buffer()
    }
}

impl<const N: usize, const RX: usize, const TX: usize, const LINE: usize> fmt::Debug
    for Resources<'_, N, RX, TX, LINE>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").finish_non_exhaustive()
    }
}

/// Makes a stack and the runner that serves it.
///
/// Nothing happens on the serial line before [`Runner::run`] is polled.
// Its frame is large, and would be that of the caller for as long as it runs.
#[inline(never)]
pub fn new<'d, const N: usize, const RX: usize, const TX: usize, const LINE: usize>(
    resources: &'d mut Resources<'d, N, RX, TX, LINE>,
    config: Config<'d>,
) -> (Stack<'d>, Runner<'d>) {
    let rings = resources.rx.iter_mut().zip(resources.tx.iter_mut());
    for ((index, slot), (rx, tx)) in (0..).zip(&mut resources.slots).zip(rings) {
        slot.fill(Slot::new(index, rx, tx));
    }
    let engine = Engine::new(&mut resources.slots, config);
    let shared = resources.shared.fill(Shared::new(engine));
    let stack = Stack {
        shared,
        mode: AccessMode::Buffer,
    };
    let runner = Runner::new(shared, &mut resources.ingress, &mut resources.command);
    (stack, runner)
}

/// A network stack: the handle through which sockets are opened and names are looked up.
///
/// It is `Copy`; every task can have its own. It implements
/// [`embedded_nal_async::TcpConnect`], [`embedded_nal_async::UdpStack`] and [`embedded_nal_async::Dns`].
#[derive(Clone, Copy)]
pub struct Stack<'d> {
    pub(crate) shared: &'d Shared<'d>,
    /// The access mode of the sockets that are opened through this handle.
    pub(crate) mode: AccessMode,
}

impl fmt::Debug for Stack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("link", &self.link_state())
            .finish_non_exhaustive()
    }
}

impl<'d> Stack<'d> {
    /// The same stack, as a handle whose sockets are opened in this access mode (section 1.2). The default is
    /// [`Buffer`](AccessMode::Buffer).
    ///
    /// * [`Buffer`](AccessMode::Buffer): the module keeps what has come until it is asked for it. Never more than the
    ///   receive ring can take is on its way; a transaction per 1500 bytes is the price.
    /// * [`DirectPush`](AccessMode::DirectPush): the module sends what has come at once. That fills the line, and needs no
    ///   command; but a receive ring that is full holds up the serial line, and with it every other socket, for
    ///   [`Config::stall_time`](crate::Config::stall_time) at most: then its connection fails with [`Error::Overrun`].
    ///   RTS and CTS have to be wired, or the receive ring be larger than anything the peer sends at once. An error of the
    ///   UART fails all connections in this mode ([`Error::DataLost`]): it may have been their data.
    /// * [`Transparent`](AccessMode::Transparent): the serial line carries nothing but this connection's data; see
    ///   [`TransparentConnection`](crate::TransparentConnection), which [`connect_transparent`](Self::connect_transparent)
    ///   gives. TCP clients only.
    ///
    /// A listener takes [`DirectPush`](AccessMode::DirectPush) for the connections that it accepts.
    ///
    /// ```
    /// # async fn example(stack: quectel_nal::Stack<'_>) -> Result<(), quectel_nal::Error> {
    /// use embedded_nal_async::TcpConnect;
    /// use quectel_nal::at::AccessMode;
    ///
    /// let pushing = stack.with_access_mode(AccessMode::DirectPush);
    /// let connection = pushing.connect("192.0.2.7:80".parse().unwrap()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    #[inline]
    pub fn with_access_mode(self, mode: AccessMode) -> Self {
        self.shared.with(|engine| engine.enable(mode));
        Self {
            shared: self.shared,
            mode,
        }
    }

    /// How the link to the network is, as far as is known: a module that dies while nobody wants anything of it is
    /// noticed with the next command.
    #[must_use]
    pub fn link_state(&self) -> LinkState {
        self.shared.with(|engine| engine.link_state())
    }

    /// Waits until the link is up.
    ///
    /// # Errors
    ///
    /// Why the attempt under way, or if there is none the next one, failed. The runner goes on trying, so that calling
    /// this again waits for the result of the next attempt.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn wait_link_up(&self) -> Result<(), LinkError> {
        let since = self.shared.with(|engine| engine.attempt());
        poll_fn(|cx| {
            self.shared
                .with(|engine| engine.poll_link(since, cx.waker()))
        })
        .await
    }

    /// The address of this side in the PDP context: IPv4 if there is one, else IPv6. `None` while the link is down.
    #[must_use]
    pub fn local_addr(&self) -> Option<IpAddr> {
        self.shared
            .with(|engine| engine.local_address(false).or(engine.local_address(true)))
    }

    /// The IPv6 address of this side in the PDP context.
    #[must_use]
    pub fn local_addr_v6(&self) -> Option<IpAddr> {
        self.shared.with(|engine| engine.local_address(true))
    }

    /// What was counted since the stack was made.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.with(|engine| engine.statistics)
    }

    /// Connects to a TCP server by name; the module looks the name up (AT+QIOPEN, section 2.1.4).
    ///
    /// Waits for the link if it is coming up.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] and [`Error::InvalidPort`] before anything is sent; a name must fit into the transmit ring.
    /// Otherwise as for [`embedded_nal_async::TcpConnect::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    pub async fn connect_host(&self, host: &str, port: u16) -> Result<TcpConnection<'d>, Error> {
        TcpConnection::connect(*self, Request::connect_host(host, port)).await
    }

    /// All addresses of a name, in the order in which the module gives them (AT+QIDNSGIP, section 2.1.14), at most four.
    /// A literal address is its own answer.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] before anything is sent, [`Error::NameNotFound`], [`Error::NameLookup`],
    /// [`Error::TimedOut`] after the configured time (60 s), [`Error::Link`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the lookup up. Another one has to wait until the module has answered the first.
    pub async fn resolve(&self, host: &str) -> Result<Addresses, Error> {
        Lookup::run(self.shared, host, all_of).await
    }
}
