//! An HTTP server with a demo page.

use std::net::{SocketAddr, TcpListener};

use anyhow::Result;
use axum::extract::DefaultBodyLimit;
use axum::response::Html;
use axum::{Router, body::Bytes, routing};

use super::http;

/// Starts an HTTP server on the loopback interface. It answers a POST with the number of bytes.
pub fn serve() -> Result<SocketAddr> {
    let page = routing::get(|| async { Html(PAGE) })
        .post(|body: Bytes| async move { format!("{} bytes received\n", body.len()) });
    let router = Router::new()
        .route("/", page)
        .layer(DefaultBodyLimit::disable());
    http::serve(TcpListener::bind(("127.0.0.1", 0))?, router)
}

const PAGE: &str = "<!doctype html>
<title>quectel-nal</title>
<h1>It works</h1>
<p>This page came through the TCP/IP stack of a simulated Quectel module: the name was looked up with AT+QIDNSGIP,
the connection opened with AT+QIOPEN, the request sent with AT+QISEND, and these bytes read with AT+QIRD.</p>
<p>Add --trace to see the conversation, or --modem /dev/ttyUSB2 and a URL to have it with a real module.</p>
";
