"""A host in Python: pyserial on the virtual modem's pseudo terminal, and its control socket.

Run it with the path of the program: python3 host.py target/debug/virtual-modem
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

import serial


def echo_server():
    """A server on the loopback interface that sends one connection's bytes back."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        while data := connection.recv(1024):
            connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


class Modem:
    """The program, its serial port, and its control socket."""

    def __init__(self, program, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "modem")
        control = os.path.join(self.folder.name, "control")
        self.process = subprocess.Popen(
            [program, "--pty", self.path, "--control", control, "--strict", "--quiet", *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stdout:
            if line.startswith("ready "):
                break
        self.port = serial.Serial(self.path, 115200, timeout=5)
        self.control = socket.socket(socket.AF_UNIX)
        self.control.connect(control)
        self.answers = self.control.makefile()

    def ask(self, **request):
        """A request of the control socket."""
        self.control.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(self.answers.readline())
        assert answer["ok"], answer
        return answer

    def wait_for(self, *ends):
        """All lines up to one of these."""
        lines = []
        while True:
            line = self.port.readline()
            assert line.endswith(b"\n"), f"silence after {lines}"
            line = line.strip().decode()
            if line:
                lines.append(line)
            if line in ends:
                return lines

    def command(self, text, *ends):
        """Types a command and waits for its result, or for one of `ends`."""
        self.port.write(text.encode() + b"\r")
        lines = self.wait_for("OK", "ERROR", *ends)
        assert lines[-1] != "ERROR", f"{text}: {lines}"
        return lines

    def close(self):
        """Ends the program, and gives its exit code."""
        self.ask(do="quit")
        self.port.close()
        return self.process.wait(timeout=5)


def main():
    modem = Modem(sys.argv[1], "--route", f"echo.example:7=127.0.0.1:{echo_server()}")
    modem.command("ATE0")
    modem.command("AT+QISDE=0")
    modem.command('AT+QICSGP=1,1,"internet","","",0')
    modem.command("AT+QIACT=1")
    modem.command('AT+QIOPEN=1,0,"TCP","echo.example",7,0,0')
    modem.wait_for("+QIOPEN: 0,0")
    modem.port.write(b"AT+QISEND=0,5\r")
    assert modem.port.read_until(b"> ").endswith(b"> ")
    modem.port.write(b"hello")
    modem.wait_for("SEND OK")
    modem.wait_for('+QIURC: "recv",0')
    assert "hello" in modem.command("AT+QIRD=0,1500")

    # From outside: data of the peer without any network, a fault, and what came of it.
    modem.ask(do="push", id=0, text="from outside")
    modem.wait_for('+QIURC: "recv",0')
    modem.ask(do="fault", fault="refuse=QIRD,568")
    modem.port.write(b"AT+QIRD=0,1500\r")
    modem.wait_for("ERROR")
    assert "from outside" in modem.command("AT+QIRD=0,1500")
    assert modem.ask(do="state")["sockets"][0]["received"] == 17
    assert modem.ask(do="statistics")["violations"] == []
    assert modem.close() == 0
    print("host.py: ok")


if __name__ == "__main__":
    main()
