//! One message to an MQTT broker.

use core::fmt::Write as _;
use core::num::NonZero;

use heapless::String;
use quectel_nal::Stack;
use rust_mqtt::buffer::BumpBuffer;
use rust_mqtt::client::Client;
use rust_mqtt::client::event::Event;
use rust_mqtt::client::options::{
    ConnectOptions, DisconnectOptions, PublicationOptions, TopicReference,
};
use rust_mqtt::config::KeepAlive;
use rust_mqtt::types::{MqttString, TopicName};

const BROKER: &str = "test.mosquitto.org";
const PORT: u16 = 1883;
const NAME: &str = "quectel-nal-board";
const TOPIC: &str = "quectel-nal/board/length";
const KEEP_ALIVE: KeepAlive = KeepAlive::Seconds(const { NonZero::new(60).unwrap() });

/// Connects to the broker, publishes the value at QoS 1, and leaves when the broker has it. The error is what has failed.
pub(crate) async fn publish(stack: Stack<'static>, value: usize) -> Result<(), &'static str> {
    // The module looks up the name.
    let connection = stack.connect_host(BROKER, PORT).await;
    let connection = connection.map_err(|_| "no connection to the broker")?;

    // Received packets are stored here.
    let mut memory = [0; 256];
    let mut memory = BumpBuffer::new(&mut memory);
    // No subscription, and one message in flight in each direction.
    let mut client = Client::<_, _, 0, 1, 1, 0, 0, 0, 0>::new(&mut memory);
    let options = ConnectOptions::new().clean_start().keep_alive(KEEP_ALIVE);
    let connected = client.connect(connection, &options, Some(text(NAME)?));
    connected.await.map_err(|_| "the broker refused")?;

    let topic = TopicName::new(text(TOPIC)?).ok_or("not a topic")?;
    let options = PublicationOptions::new(TopicReference::Name(topic)).at_least_once();
    let mut message = String::<20>::new();
    write!(message, "{value}").map_err(|_| "a value too long")?;
    let published = client.publish(&options, message.as_str().into());
    published.await.map_err(|_| "publishing failed")?;
    loop {
        match client.poll().await {
            Ok(Event::PublishAcknowledged(_)) => break,
            Ok(Event::PublishRejected(_)) => return Err("the message was refused"),
            Ok(_) => {}
            Err(_) => return Err("the connection to the broker failed"),
        }
    }

    let left = client.disconnect(&DisconnectOptions::new()).await;
    let connection = left.map_err(|_| "leaving the broker failed")?;
    connection.close().await.map_err(|_| "closing failed")
}

fn text(text: &'static str) -> Result<MqttString<'static>, &'static str> {
    MqttString::from_str(text).map_err(|_| "not a text for MQTT")
}
