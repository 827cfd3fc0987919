//! coap-lite and embedded-nal-coap over UDP.

use coap_handler::Handler;
use coap_lite::{CoapRequest, MessageClass, Packet, RequestType, ResponseType};
use coap_message::{
    Code, MinimalWritableMessage, MutableWritableMessage, OptionNumber, ReadableMessage,
};
use coap_request::Stack as _;
use core::convert::Infallible;
use core::net::SocketAddr;
use embassy_futures::select::{Either, select};
use embedded_nal_async::{ConnectedUdp, UdpStack};
use embedded_nal_coap::CoAPShared;
use virtual_modem::Loopback;

use super::{run, serve_udp};
use testbench::{Bench, assert_no_violation};

/// Answers `GET /echo` with the payload of the request.
fn answer(bytes: &[u8]) -> Option<Vec<u8>> {
    let packet = Packet::from_bytes(bytes).ok()?;
    let request = CoapRequest::from_packet(packet, ());
    let path = request.get_path();
    let payload = request.message.payload.clone();
    let mut response = request.response?;
    if path == "echo" {
        response.set_status(ResponseType::Content);
        response.message.payload = payload;
    } else {
        response.set_status(ResponseType::NotFound);
    }
    response.message.to_bytes().ok()
}

fn network() -> Loopback {
    Loopback::new().route("192.0.2.5", 5683, serve_udp(answer))
}

fn server() -> SocketAddr {
    "192.0.2.5:5683".parse().unwrap()
}

#[test]
fn coap_lite_asks_and_is_answered() {
    run(Bench::new(), network(), async |stack, modem| {
        let anywhere = "0.0.0.0:0".parse().unwrap();
        let (_, mut socket) = stack.connect_from(anywhere, server()).await.unwrap();
        for (path, status) in [
            ("/echo", ResponseType::Content),
            ("/none", ResponseType::NotFound),
        ] {
            let mut request: CoapRequest<()> = CoapRequest::new();
            request.set_method(RequestType::Get);
            request.set_path(path);
            request.message.header.message_id = 7;
            request.message.set_token(b"quectel".to_vec());
            request.message.payload = b"\r\nOK\r\n".to_vec();
            let bytes = request.message.to_bytes().unwrap();
            socket.send(&bytes).await.unwrap();
            let mut buffer = [0; 1280];
            let length = socket.receive_into(&mut buffer).await.unwrap();
            let answer = Packet::from_bytes(&buffer[..length]).unwrap();
            assert_eq!(answer.get_token(), b"quectel");
            assert_eq!(answer.header.code, MessageClass::Response(status));
        }
        assert_no_violation(modem);
    });
}

/// A GET with a payload that wants to see it again.
struct Ask<'a>(&'a str, &'a [u8]);

impl Ask<'_> {
    fn write<M: MinimalWritableMessage>(&self, request: &mut M) -> Result<(), M::UnionError> {
        request.set_code(Code::new(coap_numbers::code::GET)?);
        let path = OptionNumber::new(coap_numbers::option::URI_PATH)?;
        request.add_option(path, self.0.as_bytes())?;
        request.set_payload(self.1)?;
        Ok(())
    }
}

impl<S: coap_request::Stack> coap_request::Request<S> for Ask<'_> {
    type Output = (u8, Vec<u8>);
    type Carry = ();

    async fn build_request(
        &mut self,
        request: &mut S::RequestMessage<'_>,
    ) -> Result<(), S::RequestUnionError> {
        self.write(request)
    }

    async fn process_response(
        &mut self,
        response: &S::ResponseMessage<'_>,
        (): (),
    ) -> Self::Output {
        (response.code().into(), response.payload().to_vec())
    }
}

/// A server whose every resource is its greeting.
struct Greeting;

impl Handler for Greeting {
    type RequestData = ();
    type ExtractRequestError = Infallible;
    type BuildResponseError<M: MinimalWritableMessage> = M::UnionError;

    fn extract_request_data<M: ReadableMessage>(&mut self, _: &M) -> Result<(), Infallible> {
        Ok(())
    }

    fn estimate_length(&mut self, (): &()) -> usize {
        20
    }

    fn build_response<M: MutableWritableMessage>(
        &mut self,
        response: &mut M,
        (): (),
    ) -> Result<(), M::UnionError> {
        response.set_code(M::Code::new(coap_numbers::code::CONTENT)?);
        response.set_payload(b"hello")?;
        Ok(())
    }
}

/// Entropy that is none.
struct Dice(u32);

impl rand_core::RngCore for Dice {
    fn next_u32(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_u32(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        rand_core::impls::fill_bytes_via_next(self, bytes);
    }
}

#[test]
fn embedded_nal_coap_asks_and_answers() {
    run(Bench::new(), network(), async |stack, modem| {
        let shared = CoAPShared::<2>::new();
        let (client, runner) = shared.split();
        let anywhere = "0.0.0.0:0".parse().unwrap();
        let (local, mut socket) = stack.bind_single(anywhere).await.unwrap();

        let conversation = async {
            let mut server = client.to(server());
            for length in [0, 1, 500, 1000] {
                let payload = vec![b'\r'; length];
                let (code, answer) = server.request(Ask("echo", &payload)).await.unwrap();
                assert_eq!(code, coap_numbers::code::CONTENT);
                assert_eq!(answer, payload);
            }
            let (code, _) = server.request(Ask("none", b"")).await.unwrap();
            assert_eq!(code, coap_numbers::code::NOT_FOUND);

            // And the other way round.
            let port = local.port();
            let asked = blocking::unblock(move || {
                let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                let mut request: CoapRequest<()> = CoapRequest::new();
                request.set_path("/anything");
                let bytes = request.message.to_bytes().unwrap();
                socket.send_to(&bytes, ("127.0.0.1", port)).unwrap();
                let mut buffer = [0; 200];
                let length = socket.recv(&mut buffer).unwrap();
                Packet::from_bytes(&buffer[..length]).unwrap().payload
            });
            assert_eq!(asked.await, b"hello");
        };
        let (mut handler, mut dice) = (Greeting, Dice(1));
        let running = runner.run(&mut socket, &mut handler, &mut dice);
        match select(running, conversation).await {
            Either::First(ended) => panic!("{ended:?}"),
            Either::Second(()) => {}
        }
        assert_no_violation(modem);
    });
}
