//! MQTT 5 through a modem, with rust-mqtt.
//!
//! ```text
//! cargo run --example mqtt
//! cargo run --example mqtt -- --modem /dev/ttyUSB2 --apn internet broker.example.com
//! ```

use core::fmt::Debug;
use core::num::NonZero;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Parser;
use programs::peers::broker;
use programs::{Line, ModemOptions};
use quectel_nal::Stack;
use rust_mqtt::buffer::AllocBuffer;
use rust_mqtt::client::Client;
use rust_mqtt::client::event::Event;
use rust_mqtt::client::options::{
    ConnectOptions, DisconnectOptions, PublicationOptions, SubscriptionOptions, TopicReference,
};
use rust_mqtt::config::KeepAlive;
use rust_mqtt::types::{MqttString, TopicFilter, TopicName};
use virtual_modem::Loopback;

/// Subscribes to a topic, publishes a message on it at QoS 1, and waits for the PUBACK and for the message.
#[derive(Parser)]
#[command(name = "mqtt")]
struct Arguments {
    /// HOST[:PORT] of an MQTT 5 broker [default: one in this program, through the virtual modem]
    broker: Option<String>,

    /// Topic
    #[arg(short, long, default_value = "quectel-nal/demo")]
    topic: String,

    /// Message
    #[arg(short, long, default_value = "hello")]
    message: String,

    #[command(flatten)]
    modem: ModemOptions,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut network = Loopback::new();
    // The broker stops when these are dropped.
    let mut _client = None;
    let (host, port) = match &arguments.broker {
        Some(place) => match place.split_once(':') {
            Some(_) => programs::host_and_port(place)?,
            None => (place.clone(), 1883),
        },
        None => {
            ensure!(arguments.modem.is_virtual(), "give HOST[:PORT] of a broker");
            let (address, tx, rx) = broker::serve()?;
            _client = Some((tx, rx));
            network = network.route("broker.test", 1883, address);
            ("broker.test".into(), 1883)
        }
    };
    topic(&arguments.topic)?;
    let line = Line::default();
    let outcome = arguments.modem.run(&line, network, async |stack| {
        programs::link_up(stack).await?;
        publish(stack, &host, port, &arguments).await
    });
    eprintln!("{line}");
    outcome
}

async fn publish(stack: Stack<'_>, host: &str, port: u16, arguments: &Arguments) -> Result<()> {
    // The module looks the name up.
    let connecting = stack.connect_host(host, port);
    let connection = programs::waiting("the connection", connecting)
        .await
        .with_context(|| format!("cannot connect to {host}"))?;

    // At most one subscription and one message in flight each way.
    let mut memory = AllocBuffer;
    let mut client = Client::<_, _, 1, 1, 1, 1, 1, 0, 0>::new(&mut memory);
    let options = ConnectOptions::new()
        .clean_start()
        .keep_alive(KeepAlive::Seconds(NonZero::new(60).context("not 0")?));
    let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let name = format!("quectel-nal-{time}");
    client
        .connect(connection, &options, Some(text(&name)?))
        .await
        .map_err(failed("the broker refused"))?;
    eprintln!("connected to {host}:{port}");

    let filter = TopicFilter::new(text(&arguments.topic)?).context("not a topic")?;
    let options = SubscriptionOptions::new().at_least_once();
    client
        .subscribe(filter, &options)
        .await
        .map_err(failed("subscribing"))?;
    let topic = topic(&arguments.topic)?;
    let options = PublicationOptions::new(TopicReference::Name(topic)).at_least_once();

    let (mut acknowledged, mut returned) = (false, false);
    while !acknowledged || !returned {
        match client.poll().await.map_err(failed("waiting"))? {
            Event::Suback(answer) if answer.reason_code.is_success() => {
                eprintln!("subscribed to {}", arguments.topic);
                let message = arguments.message.as_str().into();
                client
                    .publish(&options, message)
                    .await
                    .map_err(failed("publishing"))?;
            }
            Event::Suback(answer) => bail!("subscription refused: {:?}", answer.reason_code),
            Event::PublishAcknowledged(_) => {
                eprintln!("the broker has the message");
                acknowledged = true;
            }
            Event::PublishRejected(answer) => bail!("message refused: {:?}", answer.reason_code),
            Event::Publish(publish) => {
                println!("{}", String::from_utf8_lossy(publish.message.as_bytes()));
                returned = true;
            }
            _ => {}
        }
    }
    let goodbye = DisconnectOptions::new();
    let connection = client.disconnect(&goodbye).await;
    connection.map_err(failed("leaving"))?.close().await?;
    Ok(())
}

/// The errors of rust-mqtt are no [`std::error::Error`].
fn failed<E: Debug>(what: &str) -> impl FnOnce(E) -> anyhow::Error {
    move |error| anyhow!("{what}: {error:?}")
}

fn text(text: &str) -> Result<MqttString<'_>> {
    MqttString::from_str(text).map_err(failed("not a text for MQTT"))
}

fn topic(name: &str) -> Result<TopicName<'_>> {
    TopicName::new(text(name)?).context("not a topic to publish on")
}
