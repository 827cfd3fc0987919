//! Optional parameters: 2.1.15.

use quectel_nal::at::*;

use super::forms;

fn query(key: SettingKey) -> QuerySetting {
    QuerySetting { key }
}

fn set(setting: Setting) -> ConfigureSetting {
    ConfigureSetting { setting }
}

fn other(arguments: &str) -> ConfigureSetting {
    set(Setting::Other(
        OtherSetting::new(arguments.to_owned().leak()).unwrap(),
    ))
}

forms! {
    "2.1.15" {
        "AT+QICFG=?" TestConfigureSetting { TestConfigureSetting => "AT+QICFG=?\r" }
        "AT+QICFG=\"transpktsize\"" QuerySetting {
            query(SettingKey::TransparentPacketSize) => "AT+QICFG=\"transpktsize\"\r",
        }
        "AT+QICFG=\"transpktsize\",<transpktsize>" ConfigureSetting {
            set(Setting::TransparentPacketSize(Within::MIN)) => "AT+QICFG=\"transpktsize\",1\r",
            set(Setting::TransparentPacketSize(Within::MAX)) => "AT+QICFG=\"transpktsize\",1460\r",
        }
        "AT+QICFG=\"transwaittm\"" QuerySetting {
            query(SettingKey::TransparentWait) => "AT+QICFG=\"transwaittm\"\r",
        }
        "AT+QICFG=\"transwaittm\",<transwaittm>" ConfigureSetting {
            set(Setting::TransparentWait(Within::MIN)) => "AT+QICFG=\"transwaittm\",0\r",
            set(Setting::TransparentWait(Within::MAX)) => "AT+QICFG=\"transwaittm\",20\r",
        }
        "AT+QICFG=\"dataformat\"" QuerySetting {
            query(SettingKey::DataFormats) => "AT+QICFG=\"dataformat\"\r",
        }
        "AT+QICFG=\"dataformat\",<send_data_format>,<recv_data_format>" ConfigureSetting {
            set(Setting::DataFormats { send: DataFormat::Text, receive: DataFormat::Text })
                => "AT+QICFG=\"dataformat\",0,0\r",
            set(Setting::DataFormats { send: DataFormat::Text, receive: DataFormat::Hex })
                => "AT+QICFG=\"dataformat\",0,1\r",
        }
        "AT+QICFG=\"viewmode\"" QuerySetting {
            query(SettingKey::ViewMode) => "AT+QICFG=\"viewmode\"\r",
        }
        "AT+QICFG=\"viewmode\",<view_mode>" ConfigureSetting {
            set(Setting::ViewMode(ViewMode::LineEnd)) => "AT+QICFG=\"viewmode\",0\r",
            set(Setting::ViewMode(ViewMode::Comma)) => "AT+QICFG=\"viewmode\",1\r",
        }
        "AT+QICFG=\"tcp/retranscfg\"" QuerySetting {
            query(SettingKey::TcpRetransmission) => "AT+QICFG=\"tcp/retranscfg\"\r",
        }
        "AT+QICFG=\"tcp/retranscfg\",<max_backoffs>,<max_rto>" ConfigureSetting {
            set(Setting::TcpRetransmission {
                max_backoffs: Within::MIN,
                max_interval: Within::MIN,
            }) => "AT+QICFG=\"tcp/retranscfg\",3,5\r",
            set(Setting::TcpRetransmission {
                max_backoffs: Within::MAX,
                max_interval: Within::MAX,
            }) => "AT+QICFG=\"tcp/retranscfg\",20,1000\r",
        }
        "AT+QICFG=\"dns/cache\"" QuerySetting {
            query(SettingKey::DnsCache) => "AT+QICFG=\"dns/cache\"\r",
        }
        "AT+QICFG=\"dns/cache\",<dns_cache>" ConfigureSetting {
            set(Setting::DnsCache(Switch::Off)) => "AT+QICFG=\"dns/cache\",0\r",
            set(Setting::DnsCache(Switch::On)) => "AT+QICFG=\"dns/cache\",1\r",
        }
        "AT+QICFG=\"qisend/timeout\"" QuerySetting {
            query(SettingKey::SendTimeout) => "AT+QICFG=\"qisend/timeout\"\r",
        }
        "AT+QICFG=\"qisend/timeout\",<time>" ConfigureSetting {
            set(Setting::SendTimeout(Within::MIN)) => "AT+QICFG=\"qisend/timeout\",0\r",
            set(Setting::SendTimeout(Within::MAX)) => "AT+QICFG=\"qisend/timeout\",3600\r",
        }
        "AT+QICFG=\"passiveclosed\"" QuerySetting {
            query(SettingKey::PassiveClose) => "AT+QICFG=\"passiveclosed\"\r",
        }
        "AT+QICFG=\"passiveclosed\",<closed>" ConfigureSetting {
            set(Setting::PassiveClose(Switch::Off)) => "AT+QICFG=\"passiveclosed\",0\r",
            set(Setting::PassiveClose(Switch::On)) => "AT+QICFG=\"passiveclosed\",1\r",
        }
        "AT+QICFG=\"udp/readmode\"" QuerySetting {
            query(SettingKey::UdpReadMode) => "AT+QICFG=\"udp/readmode\"\r",
        }
        "AT+QICFG=\"udp/readmode\",<mode>" ConfigureSetting {
            set(Setting::UdpReadMode(UdpMode::Block)) => "AT+QICFG=\"udp/readmode\",0\r",
            set(Setting::UdpReadMode(UdpMode::Stream)) => "AT+QICFG=\"udp/readmode\",1\r",
        }
        "AT+QICFG=\"udp/sendmode\"" QuerySetting {
            query(SettingKey::UdpSendMode) => "AT+QICFG=\"udp/sendmode\"\r",
        }
        "AT+QICFG=\"udp/sendmode\",<mode>" ConfigureSetting {
            set(Setting::UdpSendMode(UdpMode::Block)) => "AT+QICFG=\"udp/sendmode\",0\r",
            set(Setting::UdpSendMode(UdpMode::Stream)) => "AT+QICFG=\"udp/sendmode\",1\r",
        }
        "AT+QICFG=\"tcp/accept\"" QuerySetting {
            query(SettingKey::TcpAccept) => "AT+QICFG=\"tcp/accept\"\r",
        }
        "AT+QICFG=\"tcp/accept\",<state>" ConfigureSetting {
            set(Setting::TcpAccept(Switch::Off)) => "AT+QICFG=\"tcp/accept\",0\r",
            set(Setting::TcpAccept(Switch::On)) => "AT+QICFG=\"tcp/accept\",1\r",
        }
        "AT+QICFG=\"tcp/keepalive\"" QuerySetting {
            query(SettingKey::TcpKeepAlive) => "AT+QICFG=\"tcp/keepalive\"\r",
        }
        "AT+QICFG=\"tcp/keepalive\",<enable>[,<idle_time>,<interval_time>,<probe_cnt>]"
        ConfigureSetting {
            set(Setting::TcpKeepAlive(KeepAlive::Off)) => "AT+QICFG=\"tcp/keepalive\",0\r",
            set(Setting::TcpKeepAlive(KeepAlive::On {
                idle: Within::MIN,
                interval: Within::MIN,
                probes: Within::MIN,
            })) => "AT+QICFG=\"tcp/keepalive\",1,1,25,3\r",
            set(Setting::TcpKeepAlive(KeepAlive::On {
                idle: Within::MAX,
                interval: Within::MAX,
                probes: Within::MAX,
            })) => "AT+QICFG=\"tcp/keepalive\",1,1800,100,10\r",
        }
        "AT+QICFG=\"recv/buffersize\"" QuerySetting {
            query(SettingKey::ReceiveBufferSize) => "AT+QICFG=\"recv/buffersize\"\r",
        }
        "AT+QICFG=\"recv/buffersize\",<recv_buffersize>" ConfigureSetting {
            set(Setting::ReceiveBufferSize(Within::MIN)) => "AT+QICFG=\"recv/buffersize\",10240\r",
            set(Setting::ReceiveBufferSize(Within::MAX)) => "AT+QICFG=\"recv/buffersize\",524288\r",
        }
        "AT+QICFG=\"recvind\"" QuerySetting {
            query(SettingKey::ReceiveIndication) => "AT+QICFG=\"recvind\"\r",
        }
        "AT+QICFG=\"recvind\",<enable>" ConfigureSetting {
            set(Setting::ReceiveIndication(Switch::Off)) => "AT+QICFG=\"recvind\",0\r",
            set(Setting::ReceiveIndication(Switch::On)) => "AT+QICFG=\"recvind\",1\r",
        }
    }
    "beyond the note" {
        "AT+QICFG=<key>,<values>" ConfigureSetting {
            other("\"close/mode\",1") => "AT+QICFG=\"close/mode\",1\r",
            other("\"TCP/SendMode\",1,,\"a b\"") => "AT+QICFG=\"TCP/SendMode\",1,,\"a b\"\r",
            other(&format!("\"a\",{:0124}", 1)) => &format!("AT+QICFG=\"a\",{:0124}\r", 1),
        }
    }
}
