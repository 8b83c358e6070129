//! What servers refuse, whatever their protocol.

/// A server refuses something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// In which protocol.
    pub protocol: Protocol,
    /// What it refuses.
    pub what: Refused,
}

/// The protocol of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// FTP (RFC 959).
    Ftp,
    /// SMTP (RFC 5321).
    Smtp,
    /// POP3 (RFC 1939).
    Pop3,
    /// IMAP (RFC 9051).
    Imap,
    /// HTTP/1 (RFC 9112).
    Http,
    /// SMB of any version.
    Smb,
    /// Kerberos (RFC 4120).
    Kerberos,
    /// LDAP (RFC 4511).
    Ldap,
    /// MQTT 3.1.1 and 5.
    Mqtt,
    /// Redis.
    Redis,
    /// MySQL and MariaDB.
    MySql,
    /// PostgreSQL.
    Postgres,
    /// Microsoft SQL Server.
    Tds,
}

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refused {
    /// A login: an unknown user, a wrong password, a locked account, or no login where one is needed.
    Login,
    /// What this user or host may not do.
    Access,
    /// Anything else: there is no such thing, or the request is wrong.
    Error,
}

impl Protocol {
    /// A refusal in this protocol.
    pub(super) const fn refuses(self, what: Refused) -> Refusal {
        Refusal { protocol: self, what }
    }
}
