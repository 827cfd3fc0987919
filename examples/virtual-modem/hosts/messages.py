"""python-gsmmodem-new, a driver from PyPI that knows nothing of this project, on the virtual modem's pseudo terminal."""

import sys

from gsmmodem.modem import GsmModem

from host import Modem


def main():
    modem = Modem(sys.argv[1], "--message", "+4912=hello")
    driver = GsmModem(modem.path, 115200)
    modem.port.close()
    driver.smsTextMode = True
    driver.connect()
    assert driver.manufacturer == "Quectel", driver.manufacturer
    assert driver.imsi == "262011234567890", driver.imsi
    assert driver.signalStrength == 25, driver.signalStrength
    assert driver.networkName == "Virtual", driver.networkName
    driver.waitForNetworkCoverage(timeout=5)
    driver.sendSms("+491234", "sent by a driver from PyPI")
    driver.close()
    sent = modem.ask(do="messages")["messages"]
    assert sent == [{"to": "+491234", "text": "sent by a driver from PyPI"}], sent
    modem.ask(do="quit")
    print("messages.py: ok, exit code", modem.process.wait(timeout=5))


if __name__ == "__main__":
    main()
