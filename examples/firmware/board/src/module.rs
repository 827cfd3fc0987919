//! What a module with a working network answers, for firmwares with a module in memory in place of the UART.

/// The information response to a query of the bring-up. Empty for other commands.
pub fn information_response(command: &[u8]) -> &'static [u8] {
    match command {
        b"AT+CFUN?" => b"\r\n+CFUN: 1\r\n",
        b"AT+CPIN?" => b"\r\n+CPIN: READY\r\n",
        b"AT+CEREG?" => b"\r\n+CEREG: 0,1\r\n",
        b"AT+QIACT?" => b"\r\n+QIACT: 1,1,1,\"10.0.0.1\"\r\n",
        _ => b"",
    }
}
