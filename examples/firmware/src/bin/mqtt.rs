//! Publishes a message at QoS 1 on a topic that it has subscribed to, and waits for the acknowledgement and for the message.

#![no_std]
#![no_main]

use core::fmt::Write as _;
use core::num::NonZero;

use board::report::{self, Output};
use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use embassy_time::{Duration, Timer, with_timeout};
use firmware as _;
use quectel_nal::{Config, Resources, Runner, Stack};
use rust_mqtt::buffer::BumpBuffer;
use rust_mqtt::client::Client;
use rust_mqtt::client::event::Event;
use rust_mqtt::client::options::{
    ConnectOptions, DisconnectOptions, PublicationOptions, SubscriptionOptions, TopicReference,
};
use rust_mqtt::config::KeepAlive;
use rust_mqtt::types::{MqttString, TopicFilter, TopicName};
use static_cell::ConstStaticCell;

const APN: &str = "internet";
const BROKER: &str = "broker.example.test";
const PORT: u16 = 1883;
const NAME: &str = "firmware";
const TOPIC: &str = "quectel-nal/firmware";
const MESSAGE: &str = "hello";
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

static RESOURCES: ConstStaticCell<Resources<2, 512, 512>> = ConstStaticCell::new(Resources::new());

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (rx, tx) = board::start();
    let (stack, runner) = quectel_nal::new(RESOURCES.take(), Config::new(APN));
    spawner.spawn(modem(runner, rx, tx).expect("the only one"));
    for attempt in 1..=ATTEMPTS {
        match with_timeout(PATIENCE, publish(stack)).await {
            Ok(Ok(())) => {
                let _ = writeln!(Output, "published and received, attempt {attempt}");
                report::exit(0);
            }
            Ok(Err(what)) => {
                let _ = writeln!(Output, "attempt {attempt}: {what}");
            }
            Err(_) => {
                let _ = writeln!(Output, "attempt {attempt}: no time left");
            }
        }
    }
    report::exit(1);
}

#[embassy_executor::task]
async fn modem(mut runner: Runner<'static>, mut rx: Rx, mut tx: Tx) -> ! {
    loop {
        let error = runner.run(&mut rx, &mut tx).await;
        let _ = writeln!(Output, "{error}");
        Timer::after_secs(1).await;
    }
}

async fn publish(stack: Stack<'static>) -> Result<(), &'static str> {
    stack.wait_link_up().await.map_err(|_| "no link")?;
    // The module looks up the name as part of the connect.
    let connection = stack
        .connect_host(BROKER, PORT)
        .await
        .map_err(|_| "no connection")?;

    // rust-mqtt stores received packets here.
    let mut memory = [0; 512];
    let mut memory = BumpBuffer::new(&mut memory);
    // At most one subscription, and one message in flight in each direction.
    let mut client = Client::<_, _, 1, 1, 1, 1, 1, 0, 0>::new(&mut memory);
    let options = ConnectOptions::new()
        .clean_start()
        .keep_alive(KeepAlive::Seconds(const { NonZero::new(60).unwrap() }));
    client
        .connect(connection, &options, Some(text(NAME)?))
        .await
        .map_err(|_| "the broker refused")?;

    let filter = TopicFilter::new(text(TOPIC)?).ok_or("not a topic")?;
    let options = SubscriptionOptions::new().at_least_once();
    client
        .subscribe(filter, &options)
        .await
        .map_err(|_| "subscribing failed")?;
    let topic = TopicName::new(text(TOPIC)?).ok_or("not a topic")?;
    let options = PublicationOptions::new(TopicReference::Name(topic)).at_least_once();

    let (mut acknowledged, mut returned) = (false, false);
    while !acknowledged || !returned {
        match client.poll().await.map_err(|_| "the connection failed")? {
            Event::Suback(answer) if answer.reason_code.is_success() => {
                client
                    .publish(&options, MESSAGE.into())
                    .await
                    .map_err(|_| "publishing failed")?;
            }
            Event::Suback(_) => return Err("the subscription was refused"),
            Event::PublishAcknowledged(_) => acknowledged = true,
            Event::PublishRejected(_) => return Err("the message was refused"),
            Event::Publish(publish) => returned = publish.message.as_bytes() == MESSAGE.as_bytes(),
            _ => {}
        }
    }
    let connection = client
        .disconnect(&DisconnectOptions::new())
        .await
        .map_err(|_| "leaving failed")?;
    connection.close().await.map_err(|_| "closing failed")
}

fn text(text: &'static str) -> Result<MqttString<'static>, &'static str> {
    MqttString::from_str(text).map_err(|_| "not a text for MQTT")
}
