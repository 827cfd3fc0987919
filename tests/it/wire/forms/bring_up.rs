//! Commands from outside the note's list.

use quectel_nal::at::*;

use super::{forms, long};

forms! {
    "1.2" {
        "AT&D1" EscapeWithDtr { EscapeWithDtr => "AT&D1\r" }
        "ATO" ResumeDataMode { ResumeDataMode => "ATO\r" }
    }
    "V.250" {
        "AT" Attention { Attention => "AT\r" }
        "ATQ0V1" RestoreResultCodes { RestoreResultCodes => "ATQ0V1\r" }
        "AT&F" RestoreDefaults { RestoreDefaults => "AT&F\r" }
        "ATE0" DisableCommandEcho { DisableCommandEcho => "ATE0\r" }
        "ATE1" EnableCommandEcho { EnableCommandEcho => "ATE1\r" }
        "ATI" Identify { Identify => "ATI\r" }
        "AT+GSN" QueryImei { QueryImei => "AT+GSN\r" }
        "AT+IFC=<dce_by_dte>,<dte_by_dce>" SetFlowControl {
            SetFlowControl {
                module_by_host: FlowControl::Hardware,
                host_by_module: FlowControl::Hardware,
            } => "AT+IFC=2,2\r",
            SetFlowControl {
                module_by_host: FlowControl::None,
                host_by_module: FlowControl::Software,
            } => "AT+IFC=0,1\r",
        }
    }
    "27.007" {
        "AT+CMEE=<n>" SetErrorFormat {
            SetErrorFormat { format: ErrorFormat::Plain } => "AT+CMEE=0\r",
            SetErrorFormat { format: ErrorFormat::Number } => "AT+CMEE=1\r",
            SetErrorFormat { format: ErrorFormat::Text } => "AT+CMEE=2\r",
        }
        "AT+CFUN?" QueryFunctionality { QueryFunctionality => "AT+CFUN?\r" }
        "AT+CFUN=<fun>[,<rst>]" SetFunctionality {
            SetFunctionality { functionality: Functionality::Minimum, restart: None }
                => "AT+CFUN=0\r",
            SetFunctionality { functionality: Functionality::Airplane, restart: Some(Restart::No) }
                => "AT+CFUN=4,0\r",
            SetFunctionality { functionality: Functionality::Full, restart: Some(Restart::Yes) }
                => "AT+CFUN=1,1\r",
        }
        "AT+CPIN?" QuerySim { QuerySim => "AT+CPIN?\r" }
        "AT+CPIN=<pin>" EnterPin {
            EnterPin { pin: Text::new("1234").unwrap() } => "AT+CPIN=\"1234\"\r",
            EnterPin { pin: Text::new("12345678").unwrap() } => "AT+CPIN=\"12345678\"\r",
        }
        "AT+CREG?" QueryRegistration { QueryRegistration => "AT+CREG?\r" }
        "AT+CGREG?" QueryPacketRegistration { QueryPacketRegistration => "AT+CGREG?\r" }
        "AT+CGREG=1" ReportPacketRegistration { ReportPacketRegistration => "AT+CGREG=1\r" }
        "AT+CEREG=1" ReportLteRegistration { ReportLteRegistration => "AT+CEREG=1\r" }
        "AT+CEREG?" QueryLteRegistration { QueryLteRegistration => "AT+CEREG?\r" }
        "AT+COPS?" QueryOperator { QueryOperator => "AT+COPS?\r" }
        "AT+CGACT?" ListBearers { ListBearers => "AT+CGACT?\r" }
        "AT+CSQ" QuerySignalQuality { QuerySignalQuality => "AT+CSQ\r" }
        "AT+CESQ" QueryExtendedSignalQuality { QueryExtendedSignalQuality => "AT+CESQ\r" }
        "AT+CIMI" QuerySubscriber { QuerySubscriber => "AT+CIMI\r" }
        "AT+CCLK?" QueryClock { QueryClock => "AT+CCLK?\r" }
        "AT+CGMI" QueryManufacturer { QueryManufacturer => "AT+CGMI\r" }
        "AT+CGMM" QueryModel { QueryModel => "AT+CGMM\r" }
        "AT+CGMR" QueryRevision { QueryRevision => "AT+CGMR\r" }
        "AT+CGSN" QuerySerialNumber { QuerySerialNumber => "AT+CGSN\r" }
        "AT+CPSMS?" QueryPowerSavingMode { QueryPowerSavingMode => "AT+CPSMS?\r" }
        "AT+CPSMS=<mode>[,<T3312>[,<T3314>[,<T3412>[,<T3324>]]]]" SetPowerSavingMode {
            SetPowerSavingMode {
                mode: Switch::Off,
                gprs_periodic_update: None,
                gprs_ready: None,
                periodic_update: None,
                active: None,
            } => "AT+CPSMS=0\r",
            SetPowerSavingMode {
                mode: Switch::On,
                gprs_periodic_update: None,
                gprs_ready: None,
                periodic_update: Some(PeriodicUpdateTimer::at_least(4 * 3_600)),
                active: Some(ActiveTimer::at_least(20)),
            } => "AT+CPSMS=1,,,\"00011000\",\"00001010\"\r",
            SetPowerSavingMode {
                mode: Switch::On,
                gprs_periodic_update: Some(PeriodicUpdateTimer::OFF),
                gprs_ready: Some(ActiveTimer::OFF),
                periodic_update: Some(PeriodicUpdateTimer::OFF),
                active: Some(ActiveTimer::OFF),
            } => "AT+CPSMS=1,\"11100000\",\"11100000\",\"11100000\",\"11100000\"\r",
        }
        "AT+CEDRXS?" QueryEdrx { QueryEdrx => "AT+CEDRXS?\r" }
        "AT+CEDRXS=<mode>[,<AcT-type>[,<cycle>]]" SetEdrx {
            SetEdrx { mode: EdrxMode::Off, network: None, cycle: None } => "AT+CEDRXS=0\r",
            SetEdrx { mode: EdrxMode::Reset, network: None, cycle: None } => "AT+CEDRXS=3\r",
            SetEdrx { mode: EdrxMode::On, network: Some(EdrxNetwork::NbIot), cycle: None }
                => "AT+CEDRXS=1,5\r",
            SetEdrx {
                mode: EdrxMode::OnWithUrc,
                network: Some(EdrxNetwork::Lte),
                cycle: Some(EdrxCycle::at_least(81_920)),
            } => "AT+CEDRXS=2,4,\"0101\"\r",
        }
        "AT+CEDRXRDP" QueryGrantedEdrx { QueryGrantedEdrx => "AT+CEDRXRDP\r" }
    }
    "Quectel" {
        "AT+QURCCFG=\"urcport\"" QueryUrcPort { QueryUrcPort => "AT+QURCCFG=\"urcport\"\r" }
        "AT+QURCCFG=\"urcport\",<port>" ConfigureUrcPort {
            ConfigureUrcPort { port: Text::new("uart1").unwrap() }
                => "AT+QURCCFG=\"urcport\",\"uart1\"\r",
            ConfigureUrcPort { port: Text::new(long(16)).unwrap() }
                => format!("AT+QURCCFG=\"urcport\",\"{}\"\r", long(16)),
        }
        "AT+QSCLK?" QueryUartSleep { QueryUartSleep => "AT+QSCLK?\r" }
        "AT+QSCLK=<n>" SetUartSleep {
            SetUartSleep { sleep: Switch::Off } => "AT+QSCLK=0\r",
            SetUartSleep { sleep: Switch::On } => "AT+QSCLK=1\r",
        }
        "AT+QCSQ" QueryCellSignal { QueryCellSignal => "AT+QCSQ\r" }
        "AT+QCCID" QueryCardNumber { QueryCardNumber => "AT+QCCID\r" }
        "AT+QPOWD=<n>" PowerDown {
            PowerDown { mode: PowerDownMode::Immediate } => "AT+QPOWD=0\r",
            PowerDown { mode: PowerDownMode::Normal } => "AT+QPOWD=1\r",
        }
    }
}
