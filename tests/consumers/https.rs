//! reqwless with its TLS (embedded-tls) against axum behind rustls.

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::{Router, routing};
use quectel_nal::Stack;
use reqwless::client::{HttpClient, TlsConfig, TlsVerify};
use reqwless::request::{Method, RequestBuilder};
use virtual_modem::{Chop, Loopback};

use crate::common::{Bench, adversarial, assert_no_violation};
use crate::{listener, run};

#[path = "../../examples/support/tls.rs"]
mod tls;

/// A server that sends back what is posted to it.
fn serve() -> Loopback {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/", routing::post(async |body: Bytes| body))
        .layer(DefaultBodyLimit::disable());
    tls::serve(listener, "secret.test", router).unwrap();
    Loopback::new().route("secret.test", 443, address)
}

async fn post(stack: Stack<'_>, body: &[u8]) -> Result<Vec<u8>, reqwless::Error> {
    // A whole record of the server; as long as one of ours shall be, which 16 KiB is the limit for.
    let (mut read, mut write) = ([0; 16_640], [0; 4096]);
    let tls = TlsConfig::new(1, &mut read, &mut write, TlsVerify::None);
    let mut http = HttpClient::new_with_tls(&stack, &stack, tls);
    let request = http.request(Method::POST, "https://secret.test/").await?;
    let mut request = request.body(body);
    let mut buffer = vec![0; body.len() + 1000];
    let response = request.send(&mut buffer).await?;
    Ok(response.body().read_to_end().await?.to_vec())
}

#[test]
fn what_is_posted_comes_back() {
    let bench = Bench::new().chop(Chop::Random { seed: 8, max: 500 });
    run(bench, serve(), async |stack, modem| {
        for length in [1, 3000, 100_000] {
            let body = adversarial(length);
            let answer = post(stack, &body).await;
            assert!(answer.expect("an answer") == body, "{length} bytes differ");
        }
        assert_no_violation(modem);
    });
}
