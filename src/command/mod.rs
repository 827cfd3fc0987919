//! The wire language: every AT command, response and URC of the TCP/IP application note as a type.
