//! minimq against rumqttd.

use core::net::SocketAddr;

use embedded_nal_async::TcpConnect;
use minimq::{
    Buffers, ConfigBuilder, ConnectEvent, Connection, Error, Publication, QoS, Session,
    SubscriptionOptions, TopicFilter,
};
use quectel_nal::{Stack, TcpConnection};
use virtual_modem::{Chop, Fault, Loopback};

use super::run;
use programs::peers::broker;
use testbench::{Bench, adversarial, assert_no_violation, noise};

type Mqtt<'a, 'b, 'd> = Connection<'a, 'b, TcpConnection<'d>>;

fn session<'b>(rx: &'b mut [u8], tx: &'b mut [u8]) -> Session<'b> {
    let config = ConfigBuilder::new(Buffers::new(rx, tx)).client_id("modem");
    Session::new(config.unwrap())
}

async fn connect<'a, 'b, 'd>(
    session: &'a mut Session<'b>,
    stack: Stack<'d>,
    server: SocketAddr,
) -> Mqtt<'a, 'b, 'd> {
    let connection = TcpConnect::connect(&stack, server).await.unwrap();
    session.connect(connection).await.unwrap()
}

async fn subscribe(mqtt: &mut Mqtt<'_, '_, '_>) {
    let options = SubscriptionOptions::default().maximum_qos(QoS::AtLeastOnce);
    let filter = TopicFilter::new("modem/#").options(options);
    let subscribed = mqtt.subscribe(&[filter], &[]).await.unwrap();
    while !mqtt.is_complete(&subscribed) {
        assert!(mqtt.poll().await.unwrap().is_none(), "what was sent before");
    }
}

/// Publishes at QoS 1, and waits for the acknowledgement and for the message to come back.
async fn round(mqtt: &mut Mqtt<'_, '_, '_>, message: &[u8]) {
    let publication = Publication::bytes("modem/test", message).qos(QoS::AtLeastOnce);
    let published = mqtt.publish(publication).await.unwrap();
    let published = published.expect("QoS 1");
    let mut returned = 0;
    while !mqtt.is_complete(&published) || returned == 0 {
        if let Some(publish) = mqtt.poll().await.unwrap() {
            assert_eq!(
                (publish.topic(), publish.qos()),
                ("modem/test", QoS::AtLeastOnce)
            );
            assert!(publish.payload() == message, "another message");
            returned += 1;
        }
    }
    assert_eq!(returned, 1);
}

#[test]
fn messages_come_back_at_qos_1() {
    let (server, _tx, _rx) = broker::serve().unwrap();
    let bench = Bench::new().chop(Chop::Random { seed: 5, max: 90 });
    run(bench, Loopback::new(), async |stack, modem| {
        modem.inject(Fault::ForeignUrcs {
            probability: 0.2,
            seed: 9,
        });
        let (mut rx, mut tx) = (vec![0; 9000], vec![0; 9000]);
        let mut session = session(&mut rx, &mut tx);
        let mut mqtt = connect(&mut session, stack, server).await;
        assert_eq!(mqtt.connect_event(), ConnectEvent::Connected);
        subscribe(&mut mqtt).await;
        for length in [0, 1, 100, 1459, 1460, 1461, 8000] {
            round(&mut mqtt, &noise(11, length)).await;
            round(&mut mqtt, &adversarial(length)).await;
        }
        mqtt.disconnect().await.unwrap();
        mqtt.into_inner().close().await.unwrap();
        assert_no_violation(modem);
    });
}

#[test]
fn the_client_reconnects_after_the_context_was_lost() {
    let (server, mut other, _rx) = broker::serve().unwrap();
    run(Bench::new(), Loopback::new(), async |stack, modem| {
        let (mut rx, mut tx) = (vec![0; 1000], vec![0; 1000]);
        for number in 0..5_u8 {
            // A new session each time: this broker cuts off whoever acknowledges again what it did before.
            let mut session = session(&mut rx, &mut tx);
            let mut mqtt = connect(&mut session, stack, server).await;
            assert_eq!(mqtt.connect_event(), ConnectEvent::Connected);
            subscribe(&mut mqtt).await;
            round(&mut mqtt, &[number; 20]).await;
            other.publish("modem/news", vec![number; 200]).unwrap();
            let message = mqtt.recv().await.unwrap();
            assert_eq!(message.topic(), "modem/news");
            assert_eq!(message.payload(), [number; 200]);
            modem.pdpdeact(1);
            match mqtt.recv().await {
                Err(Error::Transport(_)) => {}
                other => panic!("{other:?}"),
            }
            // Nor can it go on.
            let publication = Publication::bytes("modem/test", b"lost").qos(QoS::AtLeastOnce);
            assert!(mqtt.publish(publication).await.is_err());
            drop(mqtt);
            stack.wait_link_up().await.unwrap();
        }
        assert_no_violation(modem);
    });
}
