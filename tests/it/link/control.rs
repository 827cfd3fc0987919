//! The application decides whether there is a link, byte for byte.

use core::cell::Cell;
use core::time::Duration;

use atat::asynch::AtatClient;
use embassy_futures::join::join;
use embedded_io_async::{Read, Write};
use quectel_nal::at::QueryModel;
use quectel_nal::{
    AccessPoint, Authentication, ControlLines, Error, LinkError, LinkMode, LinkState, Stack,
};
use testbench::{SERVER, Script, config, dialogue, dialogue_with_lines};

const TURNED_OFF: Error = Error::Link(LinkError::TurnedOff);
const HOUR: Duration = Duration::from_secs(3600);

/// AT+QIOPEN of connectID 0 for [`SERVER`].
const OPEN: &str = "AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,0";

/// What the runner asks of a module that has restarted, or that nothing is known of, up to the list of its sockets.
async fn take_over(module: &Script<'_>) {
    module.exchange("AT", "OK").await;
    module.exchange("AT", "OK").await;
    module.exchange("ATE0", "OK").await;
    module.exchange("AT+CMEE=1", "OK").await;
    module.exchange("AT+QISDE=0", "OK").await;
    module
        .exchange("AT+QURCCFG=\"urcport\",\"uart1\"", "OK")
        .await;
}

/// The link comes up for the first time.
async fn comes_up(stack: &Stack<'_>, module: &Script<'_>) {
    let (up, ()) = join(stack.wait_link_up(), module.bring_up()).await;
    up.unwrap();
}

#[test]
fn lost_link_is_waited_for() {
    dialogue(config(), async |stack, module| {
        assert_eq!(stack.wait_link_down().await, LinkState::Starting);
        comes_up(&stack, &module).await;
        let lose = async {
            module.expect_silence(Duration::from_secs(1)).await;
            module.line("+QIURC: \"pdpdeact\",1").await;
        };
        let (state, ()) = join(stack.wait_link_down(), lose).await;
        assert_eq!(state, LinkState::Down(LinkError::ContextLost));
    });
}

#[test]
fn down_and_up_again() {
    dialogue(config(), async |stack, module| {
        comes_up(&stack, &module).await;
        let mut changes = stack.link_changes();
        let open = stack.connect(SERVER.parse().unwrap());
        let mut connection = join(open, module.open(OPEN)).await.0.unwrap();
        module.line("+QIURC: \"recv\",0,4").await;
        module.return_payload("AT+QIRD=0,1500", "data").await;

        connection.write_all(b"more").await.unwrap();
        stack.set_link(LinkMode::Down);
        assert_eq!(stack.link_state(), LinkState::TurningOff(LinkMode::Down));
        let way_down = async {
            module.accept_payload("AT+QISEND=0,4", b"more").await;
            module.exchange("AT+QICLOSE=0", "OK").await;
            module.exchange("AT+QIDEACT=1", "OK").await;
        };
        let (mode, ()) = join(stack.wait_link_mode(), way_down).await;
        assert_eq!(mode, Ok(LinkMode::Down));
        let state = stack.wait_link_down().await;
        assert_eq!(state, LinkState::TurnedOff(LinkMode::Down));
        assert_eq!(connection.flush().await, Ok(()));
        // Nobody has asked what the peer has acknowledged while the module knew it.
        assert_eq!(connection.wait_acked().await, Err(TURNED_OFF));
        let mut data = [0; 4];
        connection.read_exact(&mut data).await.unwrap();
        assert_eq!(&data, b"data");
        assert_eq!(connection.read(&mut data).await, Err(TURNED_OFF));
        drop(connection);

        // Nothing is sent any more, and nothing can be asked of the network.
        module.expect_silence(HOUR).await;
        let refused = stack.connect(SERVER.parse().unwrap()).await;
        assert_eq!(refused.unwrap_err(), TURNED_OFF);
        assert_eq!(stack.resolve("example.com").await, Err(TURNED_OFF));
        assert_eq!(stack.wait_link_up().await, Err(LinkError::TurnedOff));
        assert_eq!(changes.next().await, LinkState::TurnedOff(LinkMode::Down));
        assert_eq!(changes.try_next(), None);
        assert_eq!(stack.link_since().elapsed().as_secs(), 3600);
        // The module is there for the application's own commands.
        let mut client = stack.at();
        let answer = module.exchange("AT+CGMM", "EC25\r\n\r\nOK");
        let (model, ()) = join(client.send(&QueryModel), answer).await;
        assert_eq!(model.unwrap().0.as_str(), "EC25");

        stack.set_link(LinkMode::Up);
        assert_eq!(stack.link_state(), LinkState::Starting);
        let open = stack.connect(SERVER.parse().unwrap());
        let way_up = async {
            take_over(&module).await;
            module.exchange("AT+CFUN?", "+CFUN: 1\r\n\r\nOK").await;
            module.exchange("AT+QISTATE?", "OK").await;
            module.register().await;
            module.exchange("AT+QIACT?", "OK").await;
            module
                .exchange("AT+QICSGP=1,1,\"internet\",\"\",\"\",0", "OK")
                .await;
            module.activate().await;
            module.exchange(&OPEN.replace("=1,0,", "=1,1,"), "OK").await;
            module.line("+QIOPEN: 1,0").await;
        };
        join(open, way_up).await.0.unwrap();
    });
}

/// A task waits for the peer to acknowledge: the connection is closed when it has, or after 10 s.
#[test]
fn down_while_the_peer_has_not_acknowledged() {
    dialogue(config(), async |stack, module| {
        comes_up(&stack, &module).await;
        let mut connections = Vec::new();
        for id in 0..2 {
            let open = stack.connect(SERVER.parse().unwrap());
            let command = OPEN.replace("=1,0,", &format!("=1,{id},"));
            let answers = async {
                module.exchange(&command, "OK").await;
                module.line(&format!("+QIOPEN: {id},0")).await;
            };
            connections.push(join(open, answers).await.0.unwrap());
        }
        let (mut lost, mut heard) = (connections.remove(0), connections.remove(0));
        lost.write_all(b"lost").await.unwrap();
        heard.write_all(b"heard").await.unwrap();
        stack.set_link(LinkMode::Down);
        let since = embassy_time::Instant::now();
        let way_down = async {
            module.accept_payload("AT+QISEND=0,4", b"lost").await;
            module.accept_payload("AT+QISEND=1,5", b"heard").await;
            let none = "+QISEND: 4,0,4\r\n\r\nOK";
            module.exchange("AT+QISEND=0,0", none).await;
            module
                .exchange("AT+QISEND=1,0", "+QISEND: 5,2,3\r\n\r\nOK")
                .await;
            module.exchange("AT+QISEND=0,0", none).await;
            module
                .exchange("AT+QISEND=1,0", "+QISEND: 5,5,0\r\n\r\nOK")
                .await;
            module.exchange("AT+QICLOSE=1", "OK").await;
            while since.elapsed().as_secs() < 8 {
                module.exchange("AT+QISEND=0,0", none).await;
            }
            module.exchange("AT+QICLOSE=0", "OK").await;
            assert_eq!(since.elapsed().as_secs(), 10);
            module.exchange("AT+QIDEACT=1", "OK").await;
        };
        let acked = join(lost.wait_acked(), heard.wait_acked());
        let (told, ()) = join(acked, way_down).await;
        assert_eq!(told, (Err(TURNED_OFF), Ok(())));
        assert_eq!(heard.wait_acked().await, Ok(()));
    });
}

/// The module restarts, for whatever reason: it is asked for nothing that brings a link.
#[test]
fn a_restart_brings_no_link() {
    dialogue(config(), async |stack, module| {
        comes_up(&stack, &module).await;
        stack.set_link(LinkMode::Down);
        module.exchange("AT+QIDEACT=1", "OK").await;
        assert_eq!(stack.wait_link_mode().await, Ok(LinkMode::Down));
        module.line("RDY").await;
        let again = async {
            take_over(&module).await;
            module.exchange("AT+CFUN?", "+CFUN: 1\r\n\r\nOK").await;
            module.exchange("AT+QISTATE?", "OK").await;
            module.exchange("AT+QIACT?", "OK").await;
        };
        again.await;
        module.expect_silence(HOUR).await;
        assert_eq!(stack.link_state(), LinkState::TurnedOff(LinkMode::Down));
    });
}

/// The wish changes while the module activates the context: its answer is waited for.
#[test]
fn in_the_middle_of_a_bring_up() {
    dialogue(config(), async |stack, module| {
        module.begin().await;
        module.exchange("AT+QIACT?", "OK").await;
        module
            .exchange("AT+QICSGP=1,1,\"internet\",\"\",\"\",0", "OK")
            .await;
        module.expect("AT+QIACT=1").await;
        stack.set_link(LinkMode::Down);
        module.expect_silence(Duration::from_secs(20)).await;
        module.line("OK").await;
        take_over(&module).await;
        module.exchange("AT+CFUN?", "+CFUN: 1\r\n\r\nOK").await;
        module.exchange("AT+QISTATE?", "OK").await;
        module
            .exchange("AT+QIACT?", "+QIACT: 1,1,1,\"10.7.157.1\"\r\n\r\nOK")
            .await;
        module.exchange("AT+QIDEACT=1", "OK").await;
        module.expect_silence(HOUR).await;
        assert_eq!(stack.wait_link_mode().await, Ok(LinkMode::Down));
    });
}

#[test]
fn minimum_functionality_and_back() {
    for (mode, command) in [
        (LinkMode::Minimum, "AT+CFUN=0"),
        (LinkMode::Airplane, "AT+CFUN=4"),
    ] {
        dialogue(config(), async |stack, module| {
            comes_up(&stack, &module).await;
            stack.set_link(mode);
            let way_down = async {
                module.exchange("AT+QIDEACT=1", "OK").await;
                module.exchange(command, "OK").await;
            };
            assert_eq!(join(stack.wait_link_mode(), way_down).await.0, Ok(mode));
            module.expect_silence(HOUR).await;

            stack.set_link(LinkMode::Up);
            let way_up = async {
                take_over(&module).await;
                let now = &command[command.len() - 1..];
                module
                    .exchange("AT+CFUN?", &format!("+CFUN: {now}\r\n\r\nOK"))
                    .await;
                module.exchange("AT+CFUN=1", "OK").await;
                module.exchange("AT+QISTATE?", "OK").await;
                module.register().await;
                module.exchange("AT+QIACT?", "OK").await;
                module
                    .exchange("AT+QICSGP=1,1,\"internet\",\"\",\"\",0", "OK")
                    .await;
                module.activate().await;
            };
            let (mode, ()) = join(stack.wait_link_mode(), way_up).await;
            assert_eq!(mode, Ok(LinkMode::Up));
        });
    }
}

/// The module stays off, whatever time passes, until it is wanted again. Then the hook switches it on.
#[test]
fn off_and_on() {
    let pressed = Cell::new(0);
    let hook = Key(&pressed);
    dialogue_with_lines(config(), hook, async |stack, module| {
        comes_up(&stack, &module).await;
        let open = stack.connect(SERVER.parse().unwrap());
        let mut connection = join(open, module.open(OPEN)).await.0.unwrap();
        connection.write_all(b"goodbye").await.unwrap();
        stack.set_link(LinkMode::Off);
        let way_down = async {
            module.accept_payload("AT+QISEND=0,7", b"goodbye").await;
            module.exchange("AT+QICLOSE=0", "OK").await;
            module.exchange("AT+QIDEACT=1", "OK").await;
            module.exchange("AT+QPOWD=1", "OK").await;
            module.expect_silence(Duration::from_secs(3)).await;
            module.line("POWERED DOWN").await;
        };
        let (mode, ()) = join(stack.wait_link_mode(), way_down).await;
        assert_eq!(mode, Ok(LinkMode::Off));
        module.expect_silence(20 * HOUR).await;
        let refused = stack.at().send(&QueryModel).await;
        assert!(
            matches!(refused, Err(atat::Error::Aborted)),
            "{:?}",
            refused.err()
        );
        let refused = stack.module().last_error().await;
        assert_eq!(refused.err(), Some(TURNED_OFF));
        assert_eq!(pressed.get(), 0);

        stack.set_link(LinkMode::Up);
        let (up, ()) = join(stack.wait_link_up(), module.bring_up()).await;
        assert_eq!(up, Ok(()));
        assert_eq!(pressed.get(), 1);
    });
}

/// Nobody wanted the module on.
#[test]
fn a_module_that_starts_by_itself_is_left_alone() {
    dialogue(config(), async |stack, module| {
        comes_up(&stack, &module).await;
        stack.set_link(LinkMode::Off);
        module.exchange("AT+QIDEACT=1", "OK").await;
        module.exchange("AT+QPOWD=1", "OK").await;
        module.line("POWERED DOWN").await;
        module.line("RDY").await;
        module.line("+CFUN: 1").await;
        module.expect_silence(20 * HOUR).await;
        assert_eq!(stack.link_state(), LinkState::TurnedOff(LinkMode::Off));
        stack.set_link(LinkMode::Up);
        module.bring_up().await;
        assert_eq!(stack.wait_link_up().await, Ok(()));
    });
}

/// Sockets end in good order, and what is opened meanwhile waits for the new access point.
#[test]
fn another_access_point() {
    dialogue(config(), async |stack, module| {
        join(stack.wait_link_up(), module.bring_up())
            .await
            .0
            .unwrap();
        let open = stack.connect(SERVER.parse().unwrap());
        let mut connection = join(open, module.open(OPEN)).await.0.unwrap();
        connection.write_all(b"goodbye").await.unwrap();
        let access_point = AccessPoint::new("UNINET").unwrap();
        let access_point = access_point
            .credentials("me", "secret", Authentication::Pap)
            .unwrap();
        stack.set_access_point(access_point).await;
        assert_eq!(stack.link_state(), LinkState::Down(LinkError::TurnedOff));
        let way = async {
            module.accept_payload("AT+QISEND=0,7", b"goodbye").await;
            module.exchange("AT+QICLOSE=0", "OK").await;
            module.exchange("AT+QIDEACT=1", "OK").await;
            module
                .exchange("AT+QICSGP=1,1,\"UNINET\",\"me\",\"secret\",1", "OK")
                .await;
            module.activate().await;
            module.exchange(&OPEN.replace("=1,0,", "=1,1,"), "OK").await;
            module.line("+QIOPEN: 1,0").await;
        };
        let (next, ()) = join(stack.connect(SERVER.parse().unwrap()), way).await;
        next.unwrap();
        assert_eq!(connection.read(&mut [0; 4]).await, Err(TURNED_OFF));
        assert_eq!(stack.link_state(), LinkState::Up);
    });
}

/// The power key of the module.
struct Key<'c>(&'c Cell<u32>);

impl ControlLines for Key<'_> {
    fn can_reset(&self) -> bool {
        true
    }

    async fn reset(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}
