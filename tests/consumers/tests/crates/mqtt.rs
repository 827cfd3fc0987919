//! rust-mqtt against rumqttd.

use core::num::NonZero;

use embassy_futures::select::{Either, select};
use embassy_time::Timer;
use quectel_nal::{Stack, TcpConnection};
use rust_mqtt::buffer::AllocBuffer;
use rust_mqtt::client::event::Event;
use rust_mqtt::client::options::{
    ConnectOptions, DisconnectOptions, PublicationOptions, SubscriptionOptions, TopicReference,
};
use rust_mqtt::client::{Client, MqttError};
use rust_mqtt::config::KeepAlive;
use rust_mqtt::types::{MqttString, ReasonCode, TopicFilter, TopicName};
use virtual_modem::{Chop, Loopback};

use super::run;
use programs::peers::broker;
use testbench::{Bench, adversarial, assert_no_violation, noise};

type Mqtt<'c, 'd> = Client<'c, 'c, TcpConnection<'d>, AllocBuffer, 4, 4, 4, 1, 4, 0, 0>;

fn topic() -> TopicName<'static> {
    TopicName::new(MqttString::from_str("modem/test").unwrap()).unwrap()
}

/// Connects, and subscribes at QoS 1.
async fn begin<'d>(mqtt: &mut Mqtt<'_, 'd>, stack: Stack<'d>, server: core::net::SocketAddr) {
    let connection = stack.connect(server).await.unwrap();
    let options = ConnectOptions::new()
        .clean_start()
        .keep_alive(KeepAlive::Seconds(NonZero::new(60).unwrap()));
    let name = MqttString::from_str("modem").unwrap();
    mqtt.connect(connection, &options, Some(name))
        .await
        .unwrap();
    let filter = TopicFilter::new(MqttString::from_str("modem/#").unwrap()).unwrap();
    let options = SubscriptionOptions::new().at_least_once();
    mqtt.subscribe(filter, &options).await.unwrap();
    match mqtt.poll().await.unwrap() {
        Event::Suback(answer) => assert_eq!(answer.reason_code, ReasonCode::GrantedQoS1),
        event => panic!("{event:?}"),
    }
}

/// Publishes at QoS 1, and waits for the acknowledgement and for the message to come back.
async fn round(mqtt: &mut Mqtt<'_, '_>, message: &[u8]) {
    let options = PublicationOptions::new(TopicReference::Name(topic())).at_least_once();
    mqtt.publish(&options, message.into()).await.unwrap();
    let (mut acknowledged, mut returned) = (false, false);
    while !acknowledged || !returned {
        match mqtt.poll().await.unwrap() {
            Event::PublishAcknowledged(_) | Event::PublishComplete(_) => acknowledged = true,
            Event::Publish(publish) => {
                assert!(publish.message.as_bytes() == message, "another message");
                returned = true;
            }
            event => panic!("{event:?}"),
        }
    }
}

#[test]
fn messages_come_back_at_qos_1() {
    let (server, _tx, _rx) = broker::serve().unwrap();
    let bench = Bench::new().chop(Chop::Random { seed: 2, max: 90 });
    run(bench, Loopback::new(), async |stack, modem| {
        let mut buffer = AllocBuffer;
        let mut mqtt = Mqtt::new(&mut buffer);
        begin(&mut mqtt, stack, server).await;
        for length in [0, 1, 100, 1459, 1460, 1461, 5000, 100_000] {
            round(&mut mqtt, &noise(7, length)).await;
            round(&mut mqtt, &adversarial(length)).await;
        }
        let connection = mqtt.disconnect(&DisconnectOptions::new()).await.unwrap();
        connection.close().await.unwrap();
        assert_no_violation(modem);
    });
}

/// rust-mqtt writes a packet in pieces; they go out together.
#[test]
fn a_publication_costs_one_send() {
    let (server, _tx, _rx) = broker::serve().unwrap();
    run(Bench::new(), Loopback::new(), async |stack, modem| {
        let mut buffer = AllocBuffer;
        let mut mqtt = Mqtt::new(&mut buffer);
        begin(&mut mqtt, stack, server).await;
        modem.reset_counts();
        let options = PublicationOptions::new(TopicReference::Name(topic())).at_least_once();
        mqtt.publish(&options, "21.5".into()).await.unwrap();
        assert_eq!(modem.commands()["QISEND"], 1);
    });
}

#[test]
fn the_client_reconnects_after_the_context_was_lost() {
    let (server, _tx, _rx) = broker::serve().unwrap();
    run(Bench::new(), Loopback::new(), async |stack, modem| {
        let mut buffer = AllocBuffer;
        let mut mqtt = Mqtt::new(&mut buffer);
        for _ in 0..3 {
            begin(&mut mqtt, stack, server).await;
            round(&mut mqtt, b"before").await;
            modem.pdpdeact(1);
            match mqtt.poll().await.unwrap_err() {
                MqttError::Network(_) => {}
                error => panic!("{error:?}"),
            }
            drop(mqtt.abort().await.unwrap());
            stack.wait_link_up().await.unwrap();
        }
        begin(&mut mqtt, stack, server).await;
        round(&mut mqtt, b"after").await;
        assert_no_violation(modem);
    });
}

/// What an MQTT task does all day: wait for a packet or for something else to do. No byte is lost in between.
#[test]
fn waiting_can_be_interrupted_at_any_time() {
    const MESSAGES: usize = 300;
    let (server, mut tx, _rx) = broker::serve().unwrap();
    let bench = Bench::new().chop(Chop::Random { seed: 6, max: 40 });
    run(bench, Loopback::new(), async |stack, modem| {
        let mut buffer = AllocBuffer;
        let mut mqtt = Mqtt::new(&mut buffer);
        begin(&mut mqtt, stack, server).await;
        std::thread::spawn(move || {
            for number in 0..MESSAGES {
                let message = noise(number as u64, number);
                tx.publish("modem/news", message).unwrap();
                std::thread::sleep(core::time::Duration::from_millis(1));
            }
        });
        let mut interruptions = 0;
        for number in 0..MESSAGES {
            let header = loop {
                let tick = Timer::after_micros(300);
                match select(mqtt.poll_header(), tick).await {
                    Either::First(header) => break header.unwrap(),
                    Either::Second(()) => interruptions += 1,
                }
            };
            match mqtt.poll_body(header).await.unwrap() {
                Event::Publish(publish) => {
                    assert!(publish.message.as_bytes() == noise(number as u64, number));
                }
                event => panic!("{event:?}"),
            }
        }
        assert!(interruptions > 10, "{interruptions}");
        assert_no_violation(modem);
    });
}
