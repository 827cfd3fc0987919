//! Switches the module to PPP with atat's own client: `AT`, `AT+CPIN?`, `AT+CGDCONT`, `ATD*99#`.

use atat::asynch::{AtatClient, Client};
use atat::atat_derive::{AtatCmd, AtatResp, AtatUrc};
use atat::digest::ParseError;
use atat::{AtDigester, AtatIngress, Config, Error, Ingress, ResponseSlot, UrcChannel};
use board::uart::{Rx, Tx};
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Timer};
use heapless::String;
use static_cell::ConstStaticCell;

/// Capacity for received bytes that are not digested yet, and for the longest response.
const RESPONSE: usize = 128;
/// Capacity for the longest command.
const COMMAND: usize = 64;
/// Pause before the SIM is queried again, and before the module is dialled again.
const PAUSE: Duration = Duration::from_secs(1);

static RECEIVED: ConstStaticCell<[u8; RESPONSE]> = ConstStaticCell::new([0; RESPONSE]);
static WRITTEN: ConstStaticCell<[u8; COMMAND]> = ConstStaticCell::new([0; COMMAND]);
static RESPONSES: ResponseSlot<RESPONSE> = ResponseSlot::new();
static URCS: UrcChannel<Urc, 2, 1> = UrcChannel::new();

#[derive(Clone, AtatResp)]
struct NoResponse;

/// `AT`: is the module there?
#[derive(Clone, AtatCmd)]
#[at_cmd("", NoResponse, timeout_ms = 1000, attempts = 10)]
struct Attention;

/// `AT+CPIN?`: the state of the SIM.
#[derive(Clone, AtatCmd)]
#[at_cmd("+CPIN?", SimState, timeout_ms = 5000)]
struct QuerySim;

/// `+CPIN: READY`, or which code the SIM asks for.
#[derive(Clone, AtatResp)]
struct SimState {
    #[at_arg(position = 0)]
    code: String<16>,
}

/// `AT+CGDCONT=1,"IP","internet"`: the APN of a PDP context.
#[derive(Clone, AtatCmd)]
#[at_cmd("+CGDCONT", NoResponse, timeout_ms = 1000)]
struct DefineContext<'a> {
    #[at_arg(position = 0)]
    context_id: u8,
    #[at_arg(position = 1)]
    protocol: &'a str,
    #[at_arg(position = 2)]
    apn: &'a str,
}

/// `ATD*99#`: from `CONNECT` on the UART carries PPP.
#[derive(Clone, AtatCmd)]
#[at_cmd("D*99#", NoResponse, timeout_ms = 60000)]
struct Dial;

#[derive(Clone, AtatUrc)]
enum Urc {
    #[at_urc("RDY")]
    Started,
    #[at_urc("POWERED DOWN")]
    PoweredDown,
}

/// Returns the halves of the UART when the module has answered `CONNECT`.
pub async fn dial(mut rx: Rx, mut tx: Tx) -> (Rx, Tx) {
    let digester = AtDigester::<Urc>::new().with_custom_success(connect);
    let mut ingress = Ingress::new(digester, RECEIVED.take(), &RESPONSES, &URCS);
    let mut client = Client::new(&mut tx, &RESPONSES, WRITTEN.take(), Config::new());
    let dialling = async {
        while commands(&mut client).await.is_err() {
            Timer::after(PAUSE).await;
        }
    };
    match select(ingress.read_from(&mut rx), dialling).await {
        Either::First(never) => never,
        Either::Second(()) => {}
    }
    (rx, tx)
}

async fn commands(client: &mut impl AtatClient) -> Result<(), Error> {
    client.send_retry(&Attention).await?;
    while client.send(&QuerySim).await?.code != "READY" {
        Timer::after(PAUSE).await;
    }
    let context = DefineContext {
        context_id: 1,
        protocol: "IP",
        apn: "internet",
    };
    client.send(&context).await?;
    client.send(&Dial).await?;
    Ok(())
}

/// Recognises `CONNECT` with a bit rate behind it: `AtDigester` by itself knows only `CONNECT` alone.
fn connect(bytes: &[u8]) -> Result<(&[u8], usize), ParseError> {
    let word = b"\r\nCONNECT";
    let rest = bytes.strip_prefix(word).ok_or(ParseError::NoMatch)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n");
    let end = end.ok_or(ParseError::Incomplete)?;
    Ok((&[], word.len() + end + 2))
}
