use super::*;
use Refused::{Access, Error, Login};

/// What a server at this port refuses with this head, which is also cut and changed.
fn refused(kind: HeadKind, port: u16, head: &[u8]) -> Option<(Protocol, Refused)> {
    harass(kind, (port, 50_000), head);
    let said = said(kind, (port, 50_000), head)?;
    said.refusal().map(|refusal| (refusal.protocol, refusal.what))
}

fn holds(kind: HeadKind, protocol: Protocol, port: u16, cases: &[(&[u8], Option<Refused>)]) {
    for (head, what) in cases {
        let found = refused(kind, port, head);
        assert_eq!(found, what.map(|what| (protocol, what)), "{}", head.escape_ascii());
    }
}

#[test]
fn replies_refuse_by_code_or_word() {
    holds(
        HeadKind::Reply,
        Protocol::Ftp,
        21,
        &[
            (b"530 Login incorrect.\r\n", Some(Login)),
            (b"550 Failed to change directory.\r\n", Some(Error)),
            (b"532 Need account for storing files.\r\n", Some(Access)),
            (b"230 Login successful.\r\n", None),
            (b"220-Welcome\r\n530 no\r\n", None),
            (b"5300 no\r\n", None),
        ],
    );
    holds(
        HeadKind::Reply,
        Protocol::Smtp,
        587,
        &[
            (b"535 5.7.8 Error: authentication failed\r\n", Some(Login)),
            (b"535-5.7.8 Username and Password not accepted.\r\n535 5.7.8 x\r\n", Some(Login)),
            (b"554 5.7.1 <a@b>: Relay access denied\r\n", Some(Access)),
            (b"550 5.1.1 User unknown\r\n", Some(Error)),
            (b"250 OK\r\n", None),
            (b"334 VXNlcm5hbWU6\r\n", None),
        ],
    );
    holds(
        HeadKind::Reply,
        Protocol::Pop3,
        110,
        &[
            (b"-ERR [AUTH] Authentication failed.\r\n", Some(Login)),
            (b"-ERR no such message\r\n", Some(Error)),
            (b"+OK 3 messages\r\n", None),
        ],
    );
    holds(
        HeadKind::Reply,
        Protocol::Imap,
        143,
        &[
            (b"a1 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n", Some(Login)),
            (b"* CAPABILITY IMAP4rev1\r\na1 NO Login failed.\r\n", Some(Login)),
            (b"a2 NO [NOPERM] Not yours\r\n", Some(Access)),
            (b"a3 BAD Unknown command\r\n", Some(Error)),
            (b"a3 NO\r\n", Some(Error)),
            (b"a1 OK Logged in\r\n", None),
        ],
    );
    assert_eq!(refused(HeadKind::Reply, 8021, b"530 Login incorrect.\r\n"), None);
}

/// The header of an SMB2 response.
fn smb2(status: u32, flags: u8, next: u32) -> Vec<u8> {
    let mut header = b"\xfeSMB\x40\0\x01\0".to_vec();
    header.extend(status.to_le_bytes());
    header.extend([1, 0, 1, 0, flags, 0, 0, 0]);
    header.extend(next.to_le_bytes());
    header.resize(72, 0);
    header
}

#[test]
fn smb_refuses_by_status() {
    let alone = |status, flags| [&[0, 0, 0, 72][..], &smb2(status, flags, 0)].concat();
    for (status, what) in [
        (0, None),
        (0x0000_0103, None),
        (0x8000_0006, None),
        (0xc000_0016, None),
        (0xc000_006d, Some(Login)),
        (0xc000_0234, Some(Login)),
        (0xc000_0022, Some(Access)),
        (0xc000_0034, Some(Error)),
    ] {
        holds(HeadKind::Smb, Protocol::Smb, 445, &[(&alone(status, 1), what), (&alone(status, 0), None)]);
    }
    let two = [&[0, 0, 0, 144][..], &smb2(0, 1, 72), &smb2(0xc000_0022, 1, 0)].concat();
    holds(HeadKind::Smb, Protocol::Smb, 445, &[(&two, Some(Access))]);

    let smb1 = |status: [u8; 4], flags: u8, flags2: u16| {
        let mut head = [b"\0\0\0\x23\xffSMB\x73", &status[..], &[flags]].concat();
        head.extend(flags2.to_le_bytes());
        head.resize(39, 0);
        head
    };
    holds(
        HeadKind::Smb,
        Protocol::Smb,
        139,
        &[
            (&smb1([0x6d, 0, 0, 0xc0], 0x98, 0xc007), Some(Login)),
            (&smb1([0x6d, 0, 0, 0xc0], 0x18, 0xc007), None),
            (&smb1([0x22, 0, 0, 0xc0], 0x98, 0xc007), Some(Access)),
            (&smb1([0, 0, 0, 0], 0x98, 0x8007), None),
            (&smb1([2, 0, 2, 0], 0x98, 0x8007), Some(Login)),
            (&smb1([1, 0, 5, 0], 0x98, 0x8007), Some(Access)),
            (&smb1([1, 0, 2, 0], 0x98, 0x8007), Some(Error)),
        ],
    );
}

#[test]
fn ldap_refuses_by_result_code() {
    let bind = |code| [b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01", &[code][..], b"\x04\0\x04\0"].concat();
    holds(
        HeadKind::Ldap,
        Protocol::Ldap,
        389,
        &[
            (&bind(0), None),
            (&bind(14), None),
            (&bind(49), Some(Login)),
            (&bind(50), Some(Access)),
            (&bind(32), Some(Error)),
            // With lengths in four bytes, as Active Directory writes them.
            (b"\x30\x84\0\0\0\x10\x02\x01\x01\x61\x84\0\0\0\x07\x0a\x01\x31\x04\0\x04\0", Some(Login)),
            // An entry that is found, and then the result of the search.
            (b"\x30\x05\x02\x01\x02\x64\0\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x32\x04\0\x04\0", Some(Access)),
            (b"\x30\x05\x02\x01\x02\x64\0", None),
        ],
    );
}

#[test]
fn kerberos_refuses_by_error_code() {
    let error = |code: u8| {
        [
            b"\0\0\0\x2c\x7e\x2a\x30\x28\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\x18\x0f20260101000000Z",
            &b"\xa5\x03\x02\x01\x00\xa6\x03\x02\x01"[..],
            &[code],
        ]
        .concat()
    };
    holds(
        HeadKind::Kerberos,
        Protocol::Kerberos,
        88,
        &[
            (&error(24), Some(Login)),
            (&error(6), Some(Login)),
            (&error(18), Some(Login)),
            (&error(12), Some(Access)),
            (&error(7), Some(Error)),
            (&error(25), None),
            (b"\0\0\0\x04\x6b\x02\x30\0", None),
        ],
    );
}

#[test]
fn mqtt_refuses_by_return_code() {
    holds(
        HeadKind::Mqtt,
        Protocol::Mqtt,
        1883,
        &[
            (b"\x20\x02\0\0", None),
            (b"\x20\x02\0\x04", Some(Login)),
            (b"\x20\x02\0\x05", Some(Login)),
            (b"\x20\x02\0\x01", Some(Error)),
            (b"\x20\x03\0\x86\0", Some(Login)),
            (b"\x20\x03\0\x8a\0", Some(Access)),
            (b"\x20\x80\x01\0\x87", Some(Login)),
            (b"\x20\x80\x80\x80\x80\x01\0\x87", None),
        ],
    );
}

#[test]
fn databases_refuse_by_number_or_word() {
    holds(
        HeadKind::Redis,
        Protocol::Redis,
        6379,
        &[
            (b"-NOAUTH Authentication required.\r\n", Some(Login)),
            (b"-WRONGPASS invalid username-password pair or user is disabled.\r\n", Some(Login)),
            (b"-ERR invalid password\r\n", Some(Login)),
            (b"-NOPERM this user has no permissions to run the 'config' command\r\n", Some(Access)),
            (b"-ERR unknown command 'GET'\r\n", Some(Error)),
            (b"-MOVED 3999 127.0.0.1:6381\r\n", None),
        ],
    );
    holds(
        HeadKind::MySql,
        Protocol::MySql,
        3306,
        &[
            (b"\x48\0\0\x02\xff\x15\x04#28000Access denied for user 'a'@'b'", Some(Login)),
            (b"\x48\0\0\x02\xff\x6a\x04Host 'b' is not allowed", Some(Access)),
            (b"\x1a\0\0\x01\xff\x28\x04#42000syntax", Some(Error)),
            (b"\x07\0\0\x02\0\0\0\x02\0\0\0", None),
        ],
    );
    holds(
        HeadKind::Postgres,
        Protocol::Postgres,
        5432,
        &[
            (b"E\0\0\0\x50SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0", Some(Login)),
            (b"E\0\0\0\x50SERROR\0VERROR\0C42501\0Mpermission denied\0\0", Some(Access)),
            (b"E\0\0\0\x50SERROR\0VERROR\0C42P01\0Mno such relation\0\0", Some(Error)),
            (b"E\0\0\0\x50SERROR\0", None),
        ],
    );
    let change = b"\xe3\x03\0\x01\0\0";
    let answer = |tokens: &[u8]| [b"\x04\x01\0\x40\0\x34\x01\0", tokens].concat();
    holds(
        HeadKind::Tds,
        Protocol::Tds,
        1433,
        &[
            (&answer(b"\xaa\x30\0\x18\x48\0\0\x01\x0e"), Some(Login)),
            (&answer(&[change, &b"\xaa\x30\0\xdc\x0f\0\0\x01\x0b"[..]].concat()), Some(Access)),
            (&answer(b"\xaa\x30\0\xd0\0\0\0\x01\x10"), Some(Error)),
            (&answer(b"\xfd\0\0\0\0\0\0\0\0\0\0\0\0"), None),
            // The answer before a login.
            (&answer(b"\0\0\x1a\0\x06"), None),
        ],
    );
}
