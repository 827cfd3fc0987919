//! The commands, responses and URCs of the crate with atat's own client, ingress and digester: any user of atat can send them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use atat::asynch::{AtatClient, Client};
use atat::{AtatIngress, Config, DefaultDigester, Error, Ingress, ResponseSlot, UrcChannel};
use embassy_futures::block_on;
use embassy_time::Duration;
use embedded_io_async::{ErrorType, Write};
use quectel_nal::at::*;

/// A serial line on which each command is known in advance, and answered at once.
struct Line<I> {
    ingress: I,
    written: Vec<u8>,
    script: RefCell<VecDeque<(&'static str, &'static [u8])>>,
}

impl<I> ErrorType for Line<I> {
    type Error = Infallible;
}

impl<I: AtatIngress> Write for Line<I> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.written.extend_from_slice(bytes);
        if self.written.ends_with(b"\r") {
            let (command, answer) = self
                .script
                .borrow_mut()
                .pop_front()
                .expect("a command more");
            assert_eq!(str::from_utf8(&self.written), Ok(command));
            self.written.clear();
            let taken = self.ingress.try_write(answer).unwrap();
            assert_eq!(taken, answer.len());
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[test]
fn atats_own_client_sends_and_reads_them() {
    let script = [
        ("AT\r", &b"\r\nOK\r\n"[..]),
        ("AT+QICSGP=1,1,\"internet\",\"\",\"\",0\r", b"\r\nOK\r\n"),
        (
            "AT+QIACT?\r",
            b"\r\n+QIACT: 1,1,1,\"10.7.157.1\"\r\n\r\nOK\r\n",
        ),
        (
            "AT+QICFG=\"tcp/keepalive\",1,2,30,3\r",
            b"\r\nOK\r\n\r\n+QIURC: \"closed\",3\r\n",
        ),
        (
            "AT+QICFG=\"tcp/keepalive\"\r",
            b"\r\n+QICFG: \"tcp/keepalive\",1,2,30,3\r\n\r\nOK\r\n",
        ),
        (
            "AT+QIOPEN=1,0,\"TCP\",\"example.com\",80,0,0\r",
            b"\r\nOK\r\n\r\n+QIOPEN: 0,566\r\n",
        ),
        (
            "AT+QIGETERROR\r",
            b"\r\n+QIGETERROR: 566,open socket failed\r\n\r\nOK\r\n",
        ),
        (
            "AT+QISTATE=1,0\r",
            b"\r\n+QISTATE: 0,\"TCP\",\"10.0.0.1\",80,1,4,1,0,0,\"uart1\"\r\n\r\nOK\r\n",
        ),
        ("AT+QICLOSE=0,5\r", b"\r\n+CME ERROR: 563\r\n"),
    ];
    let slot = ResponseSlot::<256>::new();
    let urcs = UrcChannel::<Urc, 4, 1>::new();
    let mut subscription = urcs.subscribe().unwrap();
    let mut ingress_buffer = [0; 256];
    let digester = DefaultDigester::<Urc>::new();
    let line = Line {
        ingress: Ingress::new(digester, &mut ingress_buffer, &slot, &urcs),
        written: Vec::new(),
        script: RefCell::new(script.into()),
    };
    let mut buffer = [0; MAX_COMMAND_LENGTH];
    let config = Config::new().cmd_cooldown(Duration::MIN);
    let mut client = Client::new(line, &slot, &mut buffer, config);
    let (context, connect_id) = (ContextId::FIRST, ConnectId::FIRST);

    block_on(async {
        assert_eq!(client.send(&Attention).await, Ok(NoResponse));
        let configure = ConfigureContext {
            context,
            context_type: ContextType::Ipv4,
            apn: Text::new("internet").unwrap(),
            username: Text::EMPTY,
            password: Text::EMPTY,
            authentication: Authentication::None,
        };
        assert_eq!(client.send(&configure).await, Ok(NoResponse));
        let contexts = client.send(&ListActiveContexts).await.unwrap();
        let addresses: Vec<_> = contexts.iter().map(|each| each.addresses.ipv4()).collect();
        assert_eq!(addresses, [Some(Ipv4Addr::new(10, 7, 157, 1))]);

        let setting = Setting::TcpKeepAlive(KeepAlive::On {
            idle: Within::nearest(2),
            interval: Within::nearest(30),
            probes: Within::nearest(3),
        });
        let configured = client.send(&ConfigureSetting { setting }).await;
        assert_eq!(configured, Ok(NoResponse));
        let key = SettingKey::TcpKeepAlive;
        let answer = client.send(&QuerySetting { key }).await.unwrap();
        assert_eq!(answer.setting(), Some(setting));

        let open = OpenSocket {
            context,
            connect_id,
            service: ServiceType::Tcp,
            host: Host::name("example.com").unwrap(),
            remote_port: 80,
            local_port: 0,
            access_mode: AccessMode::Buffer,
        };
        assert_eq!(client.send(&open).await, Ok(NoResponse));
        let last = client.send(&QueryLastError).await.unwrap();
        assert_eq!(last.error(), Some(ErrorCode::CONNECT_FAILED));
        let sockets = client.send(&QuerySocket { connect_id }).await.unwrap();
        assert_eq!(sockets[0].state, SocketState::Closing);
        assert_eq!(
            parse_address(&sockets[0].address),
            Some(IpAddr::from([10, 0, 0, 1]))
        );
        let close = CloseSocket {
            connect_id,
            timeout: Some(5),
        };
        let refused = client.send(&close).await;
        assert!(matches!(refused, Err(Error::CmeError(_))), "{refused:?}");

        let closed = Indication::Closed(ConnectId::new(3).unwrap());
        let failed = Opened {
            connect_id,
            result: Err(ErrorCode::CONNECT_FAILED),
        };
        let urc = subscription.next_message_pure().await;
        assert_eq!(urc, Urc::Indication(closed));
        let urc = subscription.next_message_pure().await;
        assert_eq!(urc, Urc::Opened(failed));
    });
}
