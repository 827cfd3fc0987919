"""The servers that the firmware connects to, on the loopback interface."""

import random
import socketserver
import subprocess
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def content(length):
    """Bytes that depend on the length only, and contain what a parser could take for the end of payload or for a URC."""
    generator = random.Random(length)
    lines = (b"\r\nOK\r\n", b"\r\n+QIURC: \"closed\",0\r\n", b"> ", b"\r\nERROR\r\n", b"+++")
    parts = []
    total = 0
    while total < length:
        part = generator.choice(lines) if generator.random() < 0.1 else generator.randbytes(200)
        parts.append(part)
        total += len(part)
    return b"".join(parts)[:length]


def summary(body):
    """What the firmware prints when it has received this body completely."""
    return f"{len(body)} bytes, checksum {zlib.crc32(body):08x}"


class Pages(BaseHTTPRequestHandler):
    """Serves /LENGTH: a body of LENGTH bytes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            body = content(int(self.path[1:]))
        except ValueError:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Quiet(ThreadingHTTPServer):
    """Does not report broken connections, which the faults cause."""

    daemon_threads = True

    def handle_error(self, *_):
        pass


class Echo(socketserver.BaseRequestHandler):
    """Sends every datagram back."""

    def handle(self):
        data, server = self.request
        server.sendto(data, self.client_address)


class Serving:
    """A server that runs in a thread."""

    def __init__(self, server):
        self.server = server
        self.port = server.server_address[1]
        self.thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def pages():
    return Serving(Quiet(("127.0.0.1", 0), Pages))


def echo():
    return Serving(socketserver.ThreadingUDPServer(("127.0.0.1", 0), Echo))


class Helper:
    """The servers for which Python has no library: HTTPS with a certificate, and an MQTT broker."""

    def __init__(self):
        command = ["cargo", "run", "--quiet", "--example", "firmware_peers"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.https, self.mqtt = (int(port) for port in self.process.stdout.readline().split())

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# Host names that the firmware looks up.
NAMES = {"www.example.test": "192.0.2.1"}


class Network:
    """All servers, and the routes from the addresses that the module uses to them."""

    def __init__(self, with_helper):
        self.pages = pages()
        self.echo = echo()
        self.helper = Helper() if with_helper else None
        self.routes = {"192.0.2.1:80": self.pages.port, "192.0.2.1:7": self.echo.port}
        if self.helper:
            self.routes["192.0.2.1:443"] = self.helper.https
            self.routes["broker.example.test:1883"] = self.helper.mqtt

    def __enter__(self):
        self.pages.__enter__()
        self.echo.__enter__()
        return self

    def __exit__(self, *error):
        if self.helper:
            self.helper.stop()
        self.echo.__exit__(*error)
        self.pages.__exit__(*error)


def serve(with_helper=False):
    return Network(with_helper)
