//! reqwless with its TLS (embedded-tls) against axum behind rustls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::{Router, routing};
use quectel_nal::Stack;
use reqwless::Error;
use reqwless::client::{HttpClient, TlsConfig, TlsVerify};
use reqwless::request::{Method, RequestBuilder};
use virtual_modem::{Chop, Loopback};

use super::{listener, run};
use programs::peers::tls::{self, Authority, Identity};
use testbench::{Bench, adversarial, assert_no_violation};

const NAME: &str = "secret.test";

/// A server that sends back what is posted to it, and counts.
fn serve(identity: Identity) -> (Loopback, Arc<AtomicU32>) {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let router = Router::new()
        .route(
            "/",
            routing::post(async move |body: Bytes| {
                counted.fetch_add(1, Ordering::Relaxed);
                body
            }),
        )
        .layer(DefaultBodyLimit::disable());
    tls::serve(listener, identity, router).unwrap();
    (Loopback::new().route(NAME, 443, address), count)
}

async fn post(stack: Stack<'_>, verify: TlsVerify<'_>, body: &[u8]) -> Result<Vec<u8>, Error> {
    // A whole record of the server; as long as one of ours shall be, which 16 KiB is the limit for.
    let (mut read, mut write) = ([0; 16_640], [0; 4096]);
    let tls = TlsConfig::new(1, &mut read, &mut write, verify);
    let mut http = HttpClient::new_with_tls(&stack, &stack, tls);
    let url = format!("https://{NAME}/");
    let request = http.request(Method::POST, &url).await?;
    let mut request = request.body(body);
    let mut buffer = vec![0; body.len() + 1000];
    let response = request.send(&mut buffer).await?;
    Ok(response.body().read_to_end().await?.to_vec())
}

fn signed_by(authority: &Authority) -> TlsVerify<'_> {
    TlsVerify::Certificate {
        ca: &authority.certificate,
        cert: None,
        key: None,
    }
}

/// Whoever answers is believed.
#[test]
fn what_is_posted_comes_back() {
    let (network, _) = serve(Identity::self_signed(NAME).unwrap());
    let bench = Bench::new().chop(Chop::Random { seed: 8, max: 500 });
    run(bench, network, async |stack, modem| {
        for length in [1, 3000, 100_000] {
            let body = adversarial(length);
            let answer = post(stack, TlsVerify::None, &body).await;
            assert!(answer.expect("an answer") == body, "{length} bytes differ");
        }
        assert_no_violation(modem);
    });
}

#[test]
fn a_certificate_of_the_authority_is_believed() {
    let authority = Authority::new().unwrap();
    let (network, count) = serve(authority.sign(NAME).unwrap());
    let bench = Bench::new().chop(Chop::Random { seed: 2, max: 500 });
    run(bench, network, async |stack, modem| {
        for length in [1, 20_000] {
            let body = adversarial(length);
            let answer = post(stack, signed_by(&authority), &body).await;
            assert!(answer.expect("an answer") == body, "{length} bytes differ");
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
        assert_no_violation(modem);
    });
}

/// Nothing is said to a server that is not the right one.
#[test]
fn other_certificates_are_not_believed() {
    let authority = Authority::new().unwrap();
    let somebody = Authority::new().unwrap();
    let mut impostor = authority.sign(NAME).unwrap();
    impostor.key = authority.sign(NAME).unwrap().key;
    let cases = [
        (somebody.sign(NAME).unwrap(), "InvalidCertificate"),
        (Identity::self_signed(NAME).unwrap(), "InvalidCertificate"),
        (authority.sign("other.test").unwrap(), "InvalidCertificate"),
        (impostor, "InvalidSignature"),
    ];
    for (identity, reason) in cases {
        let (network, count) = serve(identity);
        run(Bench::new(), network, async |stack, modem| {
            let refused = post(stack, signed_by(&authority), b"a secret").await;
            match refused {
                Err(Error::Tls(error)) => assert_eq!(format!("{error:?}"), reason),
                other => panic!("{other:?} where {reason} was expected"),
            }
            assert_eq!(count.load(Ordering::Relaxed), 0);
            assert_no_violation(modem);
        });
    }
}
