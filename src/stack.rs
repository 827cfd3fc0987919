//! The application's handle of the stack, and the memory that the stack uses.

use core::fmt;
use core::net::IpAddr;
use core::ops::Range;

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embassy_time::Duration;

#[cfg(feature = "keep-alive")]
use crate::at::KeepAlive;
use crate::at::{AccessMode, MAX_COMMAND_LENGTH};
use crate::config::Config;
#[cfg(feature = "keep-alive")]
use crate::engine::Probing;
use crate::engine::shared::Shared;
use crate::engine::{Counters, Engine, LinkState, Queue, Slot, SlotSet, Statistics, WakeSet};
use crate::error::{Error, LinkError};
use crate::runner::Runner;
use crate::util::zeroed::Zeroed;

/// Default size of the buffer between UART and digester. It has to hold one line, never payload.
const LINE_BUFFER: usize = 256;

/// The memory of a stack with `N` sockets (1 to 12), each with a receive ring of `RX` bytes and a transmit ring of `TX`
/// bytes.
///
/// The module transfers up to 1500 bytes to the host at once, and accepts up to 1460: rings of at least these sizes need the
/// fewest AT commands. Smaller rings work, and save memory. A UDP datagram needs 21 bytes besides its payload. For rings of different
/// sizes there is [`with_buffers`].
///
/// Here a listener takes a socket with its rings, of which it uses nothing: `RX` + `TX` bytes, besides the 250 to 300 bytes that each socket
/// takes on a Cortex-M. With [`with_buffers`] and [`Buffers::none`] it takes only the latter.
///
/// `LINE` is the size of the buffer into which the runner reads from the UART: 256 bytes, the default, or more. A larger one
/// makes sense only if the UART driver returns more bytes at once; it saves some hundred instructions for each read
/// ([`with_line_buffer`](Self::with_line_buffer)).
///
/// Put it in a `StaticCell` or a `ConstStaticCell`; with `std` a local variable works too.
pub struct Resources<
    'd,
    const N: usize,
    const RX: usize,
    const TX: usize,
    const LINE: usize = LINE_BUFFER,
    M = CriticalSectionRawMutex,
> {
    rx: [[u8; RX]; N],
    tx: [[u8; TX]; N],
    base: Base<'d, N, LINE, M>,
}

/// Everything but the rings.
struct Base<'d, const N: usize, const LINE: usize, M> {
    slots: [Zeroed<Slot<'d>>; N],
    line_buffer: [u8; LINE],
    command_buffer: [u8; MAX_COMMAND_LENGTH],
    wakes: WakeSet,
    counters: Counters,
    engine: Zeroed<Engine<'d>>,
    shared: Zeroed<Shared<'d, M>>,
}

/// The ring buffers of one slot, for [`with_buffers`].
#[derive(Debug)]
pub struct Buffers<'d> {
    /// For received bytes.
    pub rx: &'d mut [u8],
    /// For bytes to be sent.
    pub tx: &'d mut [u8],
}

impl Buffers<'_> {
    /// No rings: the slot is for a listener, and takes 250 to 300 bytes on a Cortex-M. Listeners then take such slots only, so there is one
    /// for each.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            rx: &mut [],
            tx: &mut [],
        }
    }
}

impl<const N: usize, const RX: usize, const TX: usize> Resources<'_, N, RX, TX> {
    /// Creates unused memory with the default line buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_line_buffer()
    }
}

impl<const N: usize, const RX: usize, const TX: usize, const LINE: usize>
    Resources<'_, N, RX, TX, LINE>
{
    /// Creates unused memory with a line buffer of `LINE` bytes.
    ///
    /// ```
    /// use quectel_nal::Resources;
    ///
    /// let resources = Resources::<4, 2048, 1024, 1536>::with_line_buffer();
    /// ```
    #[must_use]
    pub const fn with_line_buffer() -> Self {
        Self::with_mutex()
    }
}

impl<const N: usize, const RX: usize, const TX: usize, const LINE: usize, M>
    Resources<'_, N, RX, TX, LINE, M>
{
    /// Creates unused memory of a stack that is protected by another raw mutex.
    ///
    /// `M` protects what the tasks share, a few instructions at a time. The default is [`CriticalSectionRawMutex`]. A program whose
    /// tasks all run on one executor can do without: with [`NoopRawMutex`](crate::NoopRawMutex) the stack never switches interrupts
    /// off, and the compiler does not let it leave its thread.
    ///
    /// ```
    /// use quectel_nal::{Config, NoopRawMutex, Resources, Stack};
    ///
    /// let mut resources = Resources::<4, 2048, 1024, 256, NoopRawMutex>::with_mutex();
    /// let (stack, runner) = quectel_nal::new(&mut resources, Config::new("internet"));
    /// # let _: (Stack<'_, NoopRawMutex>, _) = (stack, runner);
    /// ```
    #[must_use]
    pub const fn with_mutex() -> Self {
        const {
            assert!(LINE >= LINE_BUFFER, "LINE must be at least 256");
            assert!(N > 0 && N <= 12, "N must be 1 to 12");
        }
        Self {
            rx: [[0; RX]; N],
            tx: [[0; TX]; N],
            base: Base {
                slots: [const { Zeroed::Empty }; N],
                line_buffer: [0; LINE],
                command_buffer: [0; MAX_COMMAND_LENGTH],
                wakes: WakeSet::new(),
                counters: Counters::new(),
                engine: Zeroed::Empty,
                shared: Zeroed::Empty,
            },
        }
    }
}

impl<const N: usize, const RX: usize, const TX: usize, const LINE: usize, M> Default
    for Resources<'_, N, RX, TX, LINE, M>
{
    fn default() -> Self {
        Self::with_mutex()
    }
}

impl<const N: usize, const RX: usize, const TX: usize, const LINE: usize, M> fmt::Debug
    for Resources<'_, N, RX, TX, LINE, M>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").finish_non_exhaustive()
    }
}

/// Creates a stack and its runner.
///
/// Nothing is sent to the module before [`Runner::run`] is polled.
// Its stack frame has 696 bytes on a Cortex-M (opt-level "s"). In line they would belong to the caller, which often is `main`.
#[inline(never)]
pub fn new<'d, const N: usize, const RX: usize, const TX: usize, const LINE: usize, M: RawMutex>(
    resources: &'d mut Resources<'d, N, RX, TX, LINE, M>,
    config: Config<'d>,
) -> (Stack<'d, M>, Runner<'d, (), (), M>) {
    const { assert!(RX > 0 && TX > 0, "RX and TX must not be 0") };
    let rings = resources.rx.iter_mut().zip(&mut resources.tx);
    let buffers = rings.map(|(rx, tx)| Buffers { rx, tx });
    resources.base.start(buffers, config)
}

/// Creates a stack whose slots have ring buffers of different sizes, and its runner.
///
/// Slot 0 gets the first of `buffers`, and so on. A socket takes the first slot that is free and has both rings. To choose the slots of
/// a socket, open it with [`Stack::with_slots`]. Slots without rings ([`Buffers::none`]), or with only one, are for listeners, which
/// take no others then.
///
/// ```
/// use quectel_nal::{Buffers, Config, Resources};
///
/// let (mut small, mut large) = ([0; 512 + 512], [0; 8192 + 512]);
/// let (small, large) = (small.split_at_mut(512), large.split_at_mut(8192));
/// let buffers = [
///     Buffers { rx: small.0, tx: small.1 },
///     Buffers { rx: large.0, tx: large.1 },
///     Buffers::none(), // for a listener
/// ];
/// let mut resources = Resources::<3, 0, 0>::new();
/// let (stack, runner) = quectel_nal::with_buffers(&mut resources, buffers, Config::new("internet"));
///
/// let messages = stack.with_slots(0..1); // `messages.connect(…)` takes the small rings
/// let updates = stack.with_slots(1..2); // and `updates.connect(…)` the large ones
/// ```
#[inline(never)] // As `new`.
pub fn with_buffers<'d, const N: usize, const LINE: usize, M: RawMutex>(
    resources: &'d mut Resources<'d, N, 0, 0, LINE, M>,
    buffers: [Buffers<'d>; N],
    config: Config<'d>,
) -> (Stack<'d, M>, Runner<'d, (), (), M>) {
    resources.base.start(buffers.into_iter(), config)
}

impl<'d, const N: usize, const LINE: usize, M: RawMutex> Base<'d, N, LINE, M> {
    fn start(
        &'d mut self,
        buffers: impl Iterator<Item = Buffers<'d>>,
        config: Config<'d>,
    ) -> (Stack<'d, M>, Runner<'d, (), (), M>) {
        let mut without_rings = SlotSet::EMPTY;
        for ((index, slot), Buffers { rx, tx }) in (0..).zip(&mut self.slots).zip(buffers) {
            if rx.is_empty() || tx.is_empty() {
                without_rings.insert(index);
            }
            slot.fill(Slot::new(index, rx, tx, &self.wakes));
        }
        let engine = Engine::new(
            &mut self.slots,
            without_rings,
            &self.wakes,
            &self.counters,
            config,
        );
        let engine = self.engine.fill(engine);
        let shared = &*self.shared.fill(Shared::new(engine));
        let stack = Stack {
            shared,
            mode: AccessMode::Buffer,
            slots: without_rings.others(),
            connect_time: None,
            #[cfg(feature = "keep-alive")]
            keep_alive: None,
        };
        let runner = Runner::new(shared, &mut self.line_buffer, &mut self.command_buffer);
        (stack, runner)
    }
}

/// The handle of a network stack, with which sockets are opened and names are resolved.
///
/// It is `Copy`, and every task can have its own. It implements [`embedded_nal_async::TcpConnect`],
/// [`embedded_nal_async::UdpStack`] (feature `udp`) and [`embedded_nal_async::Dns`] (feature `dns`).
///
/// # Calls that return at once
///
/// Tasks may run on several threads, and on executors of different priority, also in interrupts. While one of them is in the middle
/// of a call, the stack is in use: it works with interrupts on. Futures wait for the end of that call. Calls that return at once have no
/// answer in this moment, and cannot wait for one, because the interrupted task may go on only after them:
///
/// * `can_recv`, `can_send`, `read_ready` and `write_ready` return false, `may_recv` and `may_send` true.
/// * `try_read` and `try_write` return `None`, `peek` 0, and calls of the [blocking](crate::blocking) traits `WouldBlock`.
/// * [`local_addr`](Self::local_addr), [`last_failure`](Self::last_failure) and what a socket says of itself are `None`.
///
/// [`link_state`](Self::link_state) and [`statistics`](Self::statistics) always answer. Tasks of one executor never meet this.
pub struct Stack<'d, M: RawMutex = CriticalSectionRawMutex> {
    pub(crate) shared: &'d Shared<'d, M>,
    /// The access mode of sockets that are opened with this handle.
    pub(crate) mode: AccessMode,
    /// The slots that these sockets may take.
    pub(crate) slots: SlotSet,
    /// Replaces `Config::connect_time` for these sockets.
    pub(crate) connect_time: Option<Duration>,
    /// The keep-alive of connections that are opened with this handle.
    #[cfg(feature = "keep-alive")]
    pub(crate) keep_alive: Option<Probing>,
}

impl<M: RawMutex> Clone for Stack<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: RawMutex> Copy for Stack<'_, M> {}

impl<M: RawMutex> fmt::Debug for Stack<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("link", &self.link_state())
            .finish_non_exhaustive()
    }
}

impl<M: RawMutex> Stack<'_, M> {
    /// Returns a handle of the same stack that opens its sockets in another access mode (section 1.2). The default is
    /// [`Buffer`](AccessMode::Buffer).
    ///
    /// * [`Buffer`](AccessMode::Buffer): the module keeps received data until the runner reads it. It never sends more than
    ///   the receive ring can take. The cost is one AT transaction for each 1500 bytes.
    /// * [`DirectPush`](AccessMode::DirectPush): the module sends received data at once. This uses the full speed of the
    ///   serial line and needs no transactions. But a full receive ring stops the serial line, and with it every other
    ///   socket, for up to [`Config::stall_time`](crate::Config::stall_time). After that time the connection fails with
    ///   [`Error::Overrun`](crate::Error::Overrun). Wire RTS and CTS, or use a receive ring that is larger than what the peer
    ///   sends at once. An error of the UART fails all connections in this mode with
    ///   [`Error::DataLost`](crate::Error::DataLost), because the lost bytes may have been theirs.
    /// * [`Transparent`](AccessMode::Transparent): the serial line carries the data of one TCP connection and nothing else; see
    ///   below. For TCP clients only; other sockets, and all without the crate's feature `transparent`, fail to open with
    ///   [`Error::Unsupported`](crate::Error::Unsupported).
    ///
    /// The access mode of a listener is that of the connections that it accepts. An open socket changes its mode with
    /// [`set_access_mode`](crate::TcpConnection::set_access_mode).
    ///
    /// # Transparent mode
    ///
    /// Nothing is added to the data, so that both directions run at the full speed of the line. Other sockets, name lookups and
    /// the application's own AT commands have to wait meanwhile, and [`link_state`](Self::link_state) returns
    /// [`Occupied`](crate::LinkState::Occupied). Events of other sockets are looked up afterwards. A change to buffer mode lets
    /// the others use the line; reads and writes go on, slower.
    ///
    /// * At the end of the connection the module sends `NO CARRIER`. The same text can be data of the peer. The DCD line tells
    ///   the two apart, if it is wired ([`ControlLines`](crate::ControlLines)). Without DCD the runner waits for silence and then
    ///   escapes; for about 3 s nothing is sent, and the data goes on afterwards if the text was the peer's.
    /// * `+++` in the data does not leave the mode. It takes about 1 s longer to send than other data.
    /// * While the receive ring is full, RTS holds the module back. Without RTS/CTS data is lost; the connection fails with
    ///   [`Error::DataLost`](crate::Error::DataLost) if the UART driver reports it.
    /// * `NO CARRIER` can be lost, and a module that loses its power sends nothing. While a reader waits and nothing has arrived
    ///   for 12 × [`Config::recheck`](crate::Config::recheck) (default 12 × 5 s), the runner escapes to find out whether the
    ///   connection still exists; then after pauses that double, up to
    ///   [`Config::longest_recheck`](crate::Config::longest_recheck).
    /// * `flush` waits until everything has been written to the UART. The settings `transpktsize` and `transwaittm` define how the
    ///   module cuts the data into packets ([`Setting`](crate::at::Setting)).
    ///
    /// ```
    /// # async fn example(stack: quectel_nal::Stack<'_>) -> Result<(), quectel_nal::Error> {
    /// use quectel_nal::AccessMode;
    ///
    /// let pushing = stack.with_access_mode(AccessMode::DirectPush);
    /// let connection = pushing.connect("192.0.2.7:80".parse().unwrap()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "push")]
    #[must_use]
    pub const fn with_access_mode(self, mode: AccessMode) -> Self {
        Self { mode, ..self }
    }

    /// Returns a handle of the same stack whose sockets may take this long to open, instead of
    /// [`Config::connect_time`](crate::Config::connect_time).
    ///
    /// ```
    /// # async fn example(stack: quectel_nal::Stack<'_>) -> Result<(), quectel_nal::Error> {
    /// use quectel_nal::Duration;
    ///
    /// let hasty = stack.with_connect_time(Duration::from_secs(10));
    /// let connection = hasty.connect("192.0.2.7:80".parse().unwrap()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn with_connect_time(self, time: Duration) -> Self {
        Self {
            connect_time: Some(crate::config::bounded(time)),
            ..self
        }
    }

    /// Returns a handle of the same stack whose sockets take the slots with these indexes only, of those that this handle may use.
    ///
    /// That chooses the rings of a socket where they differ in size ([`with_buffers`]), and keeps slots free for a socket that must
    /// always find one. The connections that a listener accepts take the slots of the handle that has opened it; so does the listener
    /// itself, unless there are slots without rings. If all these slots are in use, opening a socket fails with
    /// [`Error::NoFreeSocket`], also while others are free.
    ///
    /// ```
    /// # async fn example(stack: quectel_nal::Stack<'_>) -> Result<(), quectel_nal::Error> {
    /// // Of four slots, the last one is never taken by clients of the server.
    /// let server = stack.with_slots(0..3).listen(80).await?;
    /// let alarm = stack.with_slots(3..4).connect("192.0.2.7:80".parse().unwrap()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn with_slots(self, slots: Range<usize>) -> Self {
        Self {
            slots: self.slots.within(slots),
            ..self
        }
    }

    /// Returns a handle of the same stack whose TCP connections are probed by the module while they are idle, so that the end of a
    /// peer that says nothing any more is noticed (AT+QICFG="tcp/keepalive", section 2.1.15). The default is the module's, which is
    /// without.
    ///
    /// The module has one setting, which holds for the connections that are opened after it. The runner changes it before an open, if
    /// it has to. After the first open with this setting, connections of other handles are opened with the one in
    /// [`Config::settings`](crate::Config::settings), or without keep-alive. A module that refuses the setting opens the connection
    /// all the same. Listeners and UDP sockets leave the setting alone.
    ///
    /// Modules count the idle time in minutes or in seconds: [`KeepAlive::in_seconds`] is for the latter, such as EC200U.
    ///
    /// ```
    /// # async fn example(stack: quectel_nal::Stack<'_>) -> Result<(), quectel_nal::Error> {
    /// use quectel_nal::{Duration, KeepAlive};
    ///
    /// // After five minutes without a word three probes, one each 30 s.
    /// let keep_alive = KeepAlive::new(Duration::from_secs(300), Duration::from_secs(30), 3);
    /// let patient = stack.with_keep_alive(keep_alive);
    /// let connection = patient.connect("192.0.2.7:80".parse().unwrap()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "keep-alive")]
    #[must_use]
    pub const fn with_keep_alive(self, keep_alive: KeepAlive) -> Self {
        Self {
            keep_alive: Some(Probing::new(keep_alive)),
            ..self
        }
    }

    /// The state of the link to the network, as far as it is known: a module that stops working while nothing is sent to it
    /// is noticed with the next command.
    #[must_use]
    pub fn link_state(&self) -> LinkState {
        self.shared.link().state
    }

    /// Waits until the link is up.
    ///
    /// # Errors
    ///
    /// The reason why the current attempt to bring up the link failed, or the next attempt if none is in progress. The
    /// runner keeps trying: calling this again waits for the result of the next attempt.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn wait_link_up(&self) -> Result<(), LinkError> {
        let mut since = None;
        let link = self.shared.wait(Queue::Link, |engine| {
            let since = *since.get_or_insert_with(|| engine.link.attempt());
            engine.link.poll_up(since)
        });
        link.await
    }

    /// The local address in the PDP context: IPv4 if there is one, otherwise IPv6. `None` while the link is down, and while the stack
    /// is [in use](Self#calls-that-return-at-once).
    #[must_use]
    pub fn local_addr(&self) -> Option<IpAddr> {
        let address = |engine: &mut Engine<'_>| {
            engine
                .link
                .local_address(false)
                .or(engine.link.local_address(true))
        };
        self.shared.try_with(address).flatten()
    }

    /// The local IPv6 address in the PDP context. `None` while the link is down, if there is none, and while the stack is
    /// [in use](Self#calls-that-return-at-once).
    #[must_use]
    pub fn local_addr_v6(&self) -> Option<IpAddr> {
        let address = |engine: &mut Engine<'_>| engine.link.local_address(true);
        self.shared.try_with(address).flatten()
    }

    /// Why a connection, a datagram socket or a name lookup failed last; `None` if none has failed, and while the stack is
    /// [in use](Self#calls-that-return-at-once). Nothing is sent.
    ///
    /// Clients for HTTP or MQTT pass on the kind of an error only. This is the error itself. It stays until something else fails.
    ///
    /// ```
    /// # fn example(stack: quectel_nal::Stack<'_>, error: impl core::fmt::Debug) {
    /// println!("request failed: {error:?}, because of {:?}", stack.last_failure());
    /// # }
    /// ```
    #[must_use]
    pub fn last_failure(&self) -> Option<Error> {
        let failure = |engine: &mut Engine<'_>| engine.last_failure();
        self.shared.try_with(failure).flatten()
    }

    /// The counters since the stack was created.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.counters.statistics()
    }
}
