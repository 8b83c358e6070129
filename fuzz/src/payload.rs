//! Heads of payloads: what is read of hostile bytes ends, stays within bounds and is fit for a person's eyes.

use bytemuck::Zeroable;
use nad_common::{
    head::{HeadKind, MAX_HEAD},
    record::PacketRecord,
};
use nad_engine::payload::{MOST_OF_NAME, Said, ja4, read, registered_domain};

/// The kind, and the ports.
const HEAD: usize = 2;
const PORTS: [(u16, u16); 6] =
    [(50_000, 443), (21, 50_000), (25, 50_000), (110, 50_000), (143, 50_000), (22, 50_000)];
/// The longest text that is no name: a user agent.
const MOST_OF_TEXT: usize = 128;
/// No record of an address has fewer bytes.
const LEAST_OF_ANSWER: usize = 15;

pub(crate) fn run(input: &[u8]) {
    let Some((&[kind, ports], head)) = input.split_first_chunk::<HEAD>() else { return };
    let kind = HeadKind::ALL[usize::from(kind) % HeadKind::ALL.len()];
    let (source_port, destination_port) = PORTS[usize::from(ports) % PORTS.len()];
    let record = PacketRecord { source_port, destination_port, ..PacketRecord::zeroed() };
    let said = read(kind, &record, head);
    let first = &head[..head.len().min(MAX_HEAD)];
    assert_eq!(said, read(kind, &record, first), "only the head counts");
    let Some(said) = said else { return };
    let _ = said.refusal();
    match &said {
        Said::Dns(dns) => {
            name(&dns.name);
            assert!(dns.addresses.len() * LEAST_OF_ANSWER <= first.len(), "{dns:?}");
        }
        Said::Dhcp(dhcp) => dhcp.host_name.iter().for_each(|host| name(host)),
        Said::ClientHello(hello) => {
            hello.server_name.iter().for_each(|server| name(server));
            hello.alpn.iter().for_each(|alpn| text(alpn, MOST_OF_TEXT));
            assert!(ja4(first).is_none_or(|ja4| ja4.len() == 36), "{hello:?}");
        }
        Said::HttpRequest(request) => {
            request.host.iter().for_each(|host| name(host));
            request.user_agent.iter().for_each(|agent| text(agent, MOST_OF_TEXT));
            assert!(usize::from(request.target_length) <= first.len(), "{request:?}");
            assert!(usize::from(request.odd) <= 2 * first.len(), "{request:?}");
        }
        Said::Ssh(ssh) => text(&ssh.software, MOST_OF_TEXT),
        Said::ServerHello(_) | Said::QuicInitial | Said::HttpResponse(_) | Said::Refusal(_) => {}
    }
}

fn name(name: &str) {
    text(name, MOST_OF_NAME);
    assert!(!name.contains(' ') && *name == name.to_ascii_lowercase(), "{name:?}");
    assert!(name.ends_with(registered_domain(name)), "{name:?}");
}

fn text(text: &str, most: usize) {
    assert!(text.len() <= most && text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let dhcp = [&[1, 1, 6][..], &[0; 233], b"\x63\x82\x53\x63\x35\x01\x03\x0c\x02me\x32\x04\x0a\0\0\x07\xff"]
        .concat();
    let smb2 = [b"\0\0\0\x48\xfeSMB\x40\0\0\0\x6d\0\0\xc0\x01\0\0\0\x01\0\0\0", &[0; 48][..]].concat();
    let hello =
        [b"\x16\x03\x01\0\x50\x01\0\0\x4c\x03\x03", &[5; 32][..], b"\0\0\x04\x13\x01\0\x2f\x01\0\0\x1f"]
            .concat();
    let hello =
        [&hello[..], b"\0\0\0\x06\0\x04\0\0\x01a\0\x10\0\x05\0\x03\x02h2\0\x2b\0\x03\x02\x03\x04\0\x0d\0\0"]
            .concat();
    let server = [b"\x16\x03\x03\0\x2a\x02\0\0\x26\x03\x03", &[5; 32][..], b"\0\x13\x01\0"].concat();
    let heads: [(HeadKind, u8, &[u8]); 20] = [
        (
            HeadKind::Dns,
            0,
            b"\0\x07\x81\x80\0\x01\0\x02\0\0\0\0\x01a\x02de\0\0\x01\0\x01\xc0\x0c\0\x05\0\x01\0\0\0\x01\0\x04\x01b\xc0\x0e\
              \xc0\x22\0\x01\0\x01\0\0\0\x01\0\x04\xc0\0\x02\x01",
        ),
        (HeadKind::Dhcp, 0, &dhcp),
        (HeadKind::TlsClientHello, 0, &hello),
        (HeadKind::TlsServerHello, 0, &server),
        (HeadKind::QuicInitial, 0, b"\xc0\0\0\0\x01\x08"),
        (HeadKind::HttpRequest, 0, b"GET /?a=%27$x HTTP/1.1\r\nHost: a.de:80\r\nUser-Agent: b\r\n\r\n"),
        (HeadKind::HttpResponse, 0, b"HTTP/1.1 401 Unauthorized\r\n\r\n"),
        (HeadKind::Ssh, 5, b"SSH-2.0-OpenSSH_9.6 x\r\n"),
        (HeadKind::Smb, 0, &smb2),
        (HeadKind::Smb, 0, b"\0\0\0\x23\xffSMB\x73\x6d\0\0\xc0\x98\x07\xc0\0\0\0\0"),
        (HeadKind::Reply, 1, b"530 Login incorrect.\r\n"),
        (HeadKind::Reply, 2, b"554 5.7.1 Denied\r\n"),
        (HeadKind::Reply, 4, b"* OK\r\na1 NO [AUTHENTICATIONFAILED] x\r\n"),
        (HeadKind::Ldap, 0, b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\0\x04\0"),
        (HeadKind::Kerberos, 0, b"\0\0\0\x0e\x7e\x0c\x30\x0a\xa0\x03\x02\x01\x05\xa6\x03\x02\x01\x18"),
        (HeadKind::Mqtt, 0, b"\x20\x02\0\x05"),
        (HeadKind::Redis, 0, b"-NOAUTH Authentication required.\r\n"),
        (HeadKind::MySql, 0, b"\x48\0\0\x02\xff\x15\x04#28000Access denied"),
        (HeadKind::Postgres, 0, b"E\0\0\0\x50SFATAL\0C28P01\0\0"),
        (HeadKind::Tds, 0, b"\x04\x01\0\x40\0\0\x01\0\xe3\x01\0\0\xaa\x30\0\x18\x48\0\0"),
    ];
    let seed = |(number, (kind, ports, head)): (usize, &(HeadKind, u8, &[u8]))| {
        (number.to_string(), [&[*kind as u8 - 1, *ports], *head].concat())
    };
    heads.iter().enumerate().map(seed).collect()
}
