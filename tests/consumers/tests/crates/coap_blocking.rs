//! embedded-nal-minimal-coapserver on the blocking face, asked by coap-lite through a socket of this computer.

use core::convert::Infallible;
use core::time::Duration;
use std::net::{SocketAddr, UdpSocket};
use std::thread;

use coap_handler::Handler;
use coap_lite::{CoapRequest, MessageClass, MessageType, Packet, RequestType, ResponseType};
use coap_message::{MinimalWritableMessage, MutableWritableMessage, ReadableMessage};
use embedded_nal::{UdpClientStack, UdpFullStack, nb};
use embedded_nal_minimal_coapserver::poll;
use virtual_modem::{Chop, Fault, Loopback};

use testbench::{Bench, adversarial, assert_no_violation, noise};

/// Says back what it is told.
struct Echo;

impl Handler for Echo {
    type RequestData = Vec<u8>;
    type ExtractRequestError = Infallible;
    type BuildResponseError<M: MinimalWritableMessage> = M::UnionError;

    fn extract_request_data<M: ReadableMessage>(
        &mut self,
        request: &M,
    ) -> Result<Vec<u8>, Infallible> {
        Ok(request.payload().to_vec())
    }

    fn estimate_length(&mut self, payload: &Vec<u8>) -> usize {
        payload.len()
    }

    fn build_response<M: MutableWritableMessage>(
        &mut self,
        response: &mut M,
        payload: Vec<u8>,
    ) -> Result<(), M::UnionError> {
        use coap_message::Code;
        response.set_code(M::Code::new(coap_numbers::code::CONTENT)?);
        response.set_payload(&payload)?;
        Ok(())
    }
}

/// The client's socket, which has learnt where the server is.
struct Client {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Client {
    fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.server).unwrap();
    }

    fn receive(&self) -> Packet {
        let mut buffer = [0; 1500];
        let (length, from) = self.socket.recv_from(&mut buffer).expect("an answer");
        assert_eq!(from, self.server);
        Packet::from_bytes(&buffer[..length]).unwrap()
    }

    fn ask(&self, number: u16, of_type: MessageType, payload: &[u8]) {
        let mut request: CoapRequest<()> = CoapRequest::new();
        request.set_method(RequestType::Put);
        request.set_path("/echo");
        request.message.header.message_id = number;
        request.message.header.set_type(of_type);
        request.message.set_token(number.to_le_bytes().to_vec());
        request.message.payload = payload.to_vec();
        self.send(&request.message.to_bytes().unwrap());
    }

    fn converse(&self) {
        for (number, length) in (0..).zip([0, 1, 20, 500, 1000, 1100]) {
            for payload in [noise(number, length), adversarial(length)] {
                let number = number as u16;
                self.ask(number, MessageType::Confirmable, &payload);
                let answer = self.receive();
                assert_eq!(answer.header.get_type(), MessageType::Acknowledgement);
                assert_eq!(answer.header.message_id, number);
                assert_eq!(answer.get_token(), number.to_le_bytes());
                let status = MessageClass::Response(ResponseType::Content);
                assert_eq!(answer.header.code, status);
                assert!(answer.payload == payload, "{length} bytes differ");
            }
        }
        // What is no request gets no answer, and harms nobody.
        for nothing in [&b""[..], b"\x40", b"\r\nOK\r\n", b"\xff\xff\xff\xff\xff"] {
            self.send(nothing);
        }
        self.ask(77, MessageType::NonConfirmable, b"last");
        let answer = self.receive();
        assert_eq!(answer.header.get_type(), MessageType::NonConfirmable);
        assert_eq!(answer.payload, b"last");
        // A ping of CoAP is reset.
        self.send(&[0x40, 0, 0x12, 0x34]);
        let answer = self.receive();
        assert_eq!(answer.header.get_type(), MessageType::Reset);
        assert_eq!(answer.header.message_id, 0x1234);
    }
}

#[test]
fn minimal_coapserver_answers() {
    let bench = Bench::new().chop(Chop::Random { seed: 4, max: 60 });
    bench.run_spinning(Loopback::new(), |stack, modem| {
        nb::block!(stack.link_up()).unwrap();
        modem.inject(Fault::ForeignUrcs {
            probability: 0.2,
            seed: 3,
        });
        let client = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut udp = stack.udp();
        let mut socket = udp.socket().unwrap();
        let greeted = client.local_addr().unwrap();
        nb::block!(udp.send_to(&mut socket, greeted, b"here I am")).unwrap();

        let client = thread::spawn(move || {
            let mut buffer = [0; 20];
            let (length, server) = client.recv_from(&mut buffer).expect("a greeting");
            assert_eq!(&buffer[..length], b"here I am");
            let socket = client;
            Client { socket, server }.converse();
        });
        while !client.is_finished() {
            match poll(&mut udp, &mut socket, &mut Echo) {
                Ok(()) => {}
                Err(nb::Error::WouldBlock) => thread::sleep(Duration::from_micros(100)),
                Err(error) => panic!("{error:?}"),
            }
        }
        client.join().unwrap();
        udp.close(socket).unwrap();
        assert_eq!(stack.handle().statistics().dropped_datagrams, 0);
        assert_no_violation(&modem);
    });
}
