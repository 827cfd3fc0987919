//! Direct push and transparent access mode, byte for byte: sections 1.2, 3.3 and 3.4 of the note, with its figures.

use core::time::Duration;
use embassy_futures::join::join;
use embassy_time::Instant;
use embedded_io_async::{Read, Write};
use quectel_nal::at::AccessMode;
use quectel_nal::{Config, ControlLines, LinkState, Stack, TcpConnection};
use testbench::{SERVER, Script, config, dialogue, sleep};

async fn expect_read(connection: &mut (impl Read + ?Sized), bytes: &[u8]) {
    let mut buffer = [0; 64];
    let mut seen = 0;
    while seen < bytes.len() {
        let Ok(count @ 1..) = connection.read(&mut buffer[seen..]).await else {
            panic!("no data")
        };
        seen += count;
    }
    assert_eq!(&buffer[..seen], bytes);
}

async fn connect_transparent<'d>(stack: &Stack<'d>, module: &Script<'_>) -> TcpConnection<'d> {
    let open = module.exchange(
        "AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,2",
        "CONNECT",
    );
    let server = SERVER.parse().unwrap();
    let (connection, ()) = join(
        stack
            .with_access_mode(AccessMode::Transparent)
            .connect(server),
        open,
    )
    .await;
    connection.unwrap()
}

/// Sections 3.4.1 to 3.4.4.
#[test]
fn tcp_client_in_direct_push_mode() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let stack = stack.with_access_mode(AccessMode::DirectPush);
        let open = async {
            module
                .exchange("AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,1", "OK")
                .await;
            // Data right behind the result, with its line end shared.
            module
                .say("\r\n+QIOPEN: 0,0\r\n\r\n+QIURC: \"recv\",0,5\r\nhello\r\n")
                .await;
        };
        let (connection, ()) = join(stack.connect(SERVER.parse().unwrap()), open).await;
        let mut connection: TcpConnection<'_> = connection.unwrap();
        expect_read(&mut connection, b"hello").await;

        connection.write_all(b"test2").await.unwrap();
        let send = async {
            module.expect("AT+QISEND=0,5").await;
            // A push between the command and its prompt, with everything in it that could be mistaken.
            module
                .say("\r\n+QIURC: \"recv\",0,22\r\n> \r\nSEND OK\r\n\r\nERROR\r\n\r\n> ")
                .await;
            module.expect_bytes(b"test2").await;
            module
                .say("\r\nSEND OK\r\n\r\n+QIURC: \"recv\",0,4\r\ntest\r\n")
                .await;
        };
        let (flushed, ()) = join(connection.flush(), send).await;
        assert_eq!(flushed, Ok(()));
        expect_read(&mut connection, b"> \r\nSEND OK\r\n\r\nERROR\r\ntest").await;

        let acked = async {
            module
                .exchange("AT+QISEND=0,0", "+QISEND: 5,5,0\r\n\r\nOK")
                .await;
        };
        let (acknowledged, ()) = join(connection.wait_acked(), acked).await;
        assert_eq!(acknowledged, Ok(()));

        let (closed, ()) = join(connection.close(), module.exchange("AT+QICLOSE=0", "OK")).await;
        assert_eq!(closed, Ok(()));
    });
}

/// Sections 3.3.1 to 3.3.4, and the way back and forth of section 1.2.
#[test]
fn tcp_client_in_transparent_access_mode() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let open = async {
            module
                .exchange(
                    "AT+QIOPEN=1,0,\"TCP\",\"220.180.239.212\",8009,0,2",
                    "CONNECT",
                )
                .await;
            module.say("Test 1").await;
        };
        let (connection, ()) = join(
            stack
                .with_access_mode(AccessMode::Transparent)
                .connect(SERVER.parse().unwrap()),
            open,
        )
        .await;
        let mut connection = connection.unwrap();
        assert_eq!(stack.link_state(), LinkState::Occupied);
        expect_read(&mut connection, b"Test 1").await;
        connection
            .write_all(b"to the internet directly")
            .await
            .unwrap();
        module.expect_bytes(b"to the internet directly").await;

        let sent = Instant::now();
        let escape = async {
            module.expect_bytes(b"+++").await;
            assert!((Instant::now() - sent).as_millis() > 1000);
            module.expect_silence(Duration::from_millis(1001)).await;
            module.say("\r\nOK\r\n").await;
        };
        let (escaped, ()) = join(connection.set_access_mode(AccessMode::Buffer), escape).await;
        assert_eq!(escaped, Ok(()));
        assert_eq!(stack.link_state(), LinkState::Up);
        module
            .exchange("AT+QIRD=0,0", "+QIRD: 6,6,0\r\n\r\nOK")
            .await;
        module.return_nothing("AT+QIRD=0,1500").await;

        let resume = module.exchange("AT+QISWTMD=0,2", "CONNECT");
        let (resumed, ()) = join(connection.set_access_mode(AccessMode::Transparent), resume).await;
        assert_eq!(resumed, Ok(()));
        module.say("Test 2").await;
        expect_read(&mut connection, b"Test 2").await;

        let close = async {
            module.confirm_escape().await;
            module.exchange("AT+QICLOSE=0", "OK").await;
        };
        let (closed, ()) = join(connection.close(), close).await;
        assert_eq!(closed, Ok(()));
    });
}

/// Section 1.2: ATO, where AT+QISWTMD is refused.
#[test]
fn resume_by_ato() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let mut connection = connect_transparent(&stack, &module).await;
        let escape = module.confirm_escape();
        let (escaped, ()) = join(connection.set_access_mode(AccessMode::Buffer), escape).await;
        assert_eq!(escaped, Ok(()));
        let resume = async {
            module
                .exchange("AT+QIRD=0,0", "+QIRD: 0,0,0\r\n\r\nOK")
                .await;
            module.return_nothing("AT+QIRD=0,1500").await;
            module.exchange("AT+QISWTMD=0,2", "ERROR").await;
            module.give_reason("552,invalid parameters").await;
            module.exchange("ATO", "CONNECT").await;
            module.say("again").await;
        };
        let (resumed, ()) = join(connection.set_access_mode(AccessMode::Transparent), resume).await;
        assert_eq!(resumed, Ok(()));
        expect_read(&mut connection, b"again").await;
    });
}

/// Section 1.2, note 2: NO CARRIER ends the mode, and AT+QICLOSE is for the host to send.
#[test]
fn no_carrier_is_the_end_of_the_stream() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let mut connection = connect_transparent(&stack, &module).await;
        let end = async {
            module.say("goodbye\r\nNO CARRIER\r\n").await;
            // Is it? In data mode the module would say OK to this.
            module.expect_bytes(b"+++").await;
            module.expect("AT").await;
            module.line("OK").await;
            module.exchange("AT", "OK").await;
            module
                .exchange("AT+QIACT?", "+QIACT: 1,1,1,\"10.7.157.1\"\r\n\r\nOK")
                .await;
            module.exchange("AT+QIRD=0,0", "ERROR").await;
            module.give_reason("552,invalid parameters").await;
            for _ in 0..2 {
                module.exchange("AT+QIRD=0,1500", "ERROR").await;
                module.give_reason("567,socket has been closed").await;
            }
            module.exchange("AT+QICLOSE=0,1", "OK").await;
        };
        let receive = async {
            expect_read(&mut connection, b"goodbye").await;
            assert_eq!(connection.read(&mut [0; 10]).await, Ok(0));
        };
        join(receive, end).await;
    });
}

/// DTR and DCD as a board may have them.
struct Wired<'a> {
    dtr: &'a core::cell::Cell<u32>,
    carrier: &'a core::cell::Cell<bool>,
}

impl ControlLines for Wired<'_> {
    fn has_dtr(&self) -> bool {
        true
    }

    async fn pulse_dtr(&mut self) {
        self.dtr.set(self.dtr.get() + 1);
    }

    fn carrier(&mut self) -> Option<bool> {
        Some(self.carrier.get())
    }
}

#[test]
fn dtr_and_dcd_take_no_silence() {
    let (dtr, carrier) = (core::cell::Cell::new(0), core::cell::Cell::new(true));
    let lines = Wired {
        dtr: &dtr,
        carrier: &carrier,
    };
    testbench::dialogue_with_lines(Config::new("internet"), lines, async |stack, module| {
        module.begin_with("AT&D1").await;
        module.exchange("AT+QIACT?", "OK").await;
        module
            .exchange("AT+QICSGP=1,1,\"internet\",\"\",\"\",0", "OK")
            .await;
        module.activate().await;
        let mut connection = connect_transparent(&stack, &module).await;

        // DCD is on: the peer's text.
        let start = Instant::now();
        module.say("\r\nNO CARRIER\r\n").await;
        expect_read(&mut connection, b"\r\nNO CARRIER\r\n").await;
        assert!((Instant::now() - start).as_millis() < 100);

        let escape = async {
            while dtr.get() == 0 {
                sleep(Duration::from_millis(1)).await;
            }
            module.say("\r\nOK\r\n").await;
        };
        let start = Instant::now();
        let (escaped, ()) = join(connection.set_access_mode(AccessMode::Buffer), escape).await;
        assert_eq!(escaped, Ok(()));
        assert!((Instant::now() - start).as_millis() < 200);
    });
}
