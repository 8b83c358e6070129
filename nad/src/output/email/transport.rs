//! How a mail gets to its server.

use std::{error::Error, fmt, io, net::ToSocketAddrs, time::Duration};

use lettre::{
    Message, SmtpTransport, Transport,
    transport::smtp::{
        self,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::{config::Secret, own, presentation};

/// Characters of a server's words that are repeated.
const MOST_REPEATED: usize = 300;

/// Who takes mail.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its host name or address.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept from being read.
    pub security: Security,
    /// As whom nad logs in.
    pub login: Option<Login>,
    /// Whom its certificate may be signed by, besides the usual authorities.
    pub authority: Option<Certificate>,
    /// For how long it is waited for at each step.
    pub timeout: Duration,
}

/// Who logs in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// How a connection is kept from being read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// It begins in clear and goes on encrypted, or not at all (RFC 3207).
    #[default]
    StartTls,
    /// It is encrypted from its beginning (RFC 8314).
    Tls,
    /// Anyone on the way may read it.
    None,
}

impl Security {
    /// The port that servers have for it.
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// Sends a mail over a connection of its own, and gives the server's answer.
///
/// # Errors
///
/// [`Failure::Never`] where the server refuses for good, or can't do what it must; [`Failure::Later`] otherwise.
pub(super) fn send(server: &Server, message: &Message, timeout: Duration) -> Result<String, Failure> {
    let failure = |error| failure(server, &error);
    let tls = match server.security {
        Security::StartTls => Tls::Required(parameters(server).map_err(failure)?),
        Security::Tls => Tls::Wrapper(parameters(server).map_err(failure)?),
        Security::None => Tls::None,
    };
    let mut builder = SmtpTransport::builder_dangerous(bare(&server.name))
        .port(server.port)
        .timeout(Some(timeout))
        .tls(tls);
    if let Some(Login { user, password }) = &server.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().into()));
    }
    // Where its name can't be resolved, sending says so.
    let addresses = (bare(&server.name), server.port).to_socket_addrs();
    let _connecting = own::CONNECTIONS.begin(&addresses.map(Vec::from_iter).unwrap_or_default());
    let answer = builder.build().send(message).map_err(failure)?;
    let words: Vec<&str> = answer.message().collect();
    Ok(presentation::printable(&format!("{} {}", answer.code(), words.join(" ")), MOST_REPEATED))
}

fn parameters(server: &Server) -> Result<TlsParameters, smtp::Error> {
    let builder = TlsParameters::builder(bare(&server.name).to_owned());
    match &server.authority {
        Some(certificate) => builder.add_root_certificate(certificate.clone()),
        None => builder,
    }
    .build()
}

/// An IPv6 address without its brackets.
fn bare(name: &str) -> &str {
    name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
}

/// What failed in the server's words, without the password where it repeats it.
fn failure(server: &Server, error: &smtp::Error) -> Failure {
    let mut words = if is_timeout(error) { "no answer in time".to_owned() } else { error.to_string() };
    if let Some(login) = &server.login {
        words = login.password.cut_out_of(&words);
    }
    words = presentation::printable(&words, MOST_REPEATED);
    if words.contains("certificate") {
        words.push_str("; name the file of a private authority's certificate as ca_file in [email]");
    }
    if error.is_permanent() || error.is_client() || error.is_tls() {
        Failure::Never(format!("refused: {words}"))
    } else {
        Failure::Later(words)
    }
}

/// Whether the server was waited for in vain; the system calls a read that took too long one that would block.
fn is_timeout(error: &smtp::Error) -> bool {
    let mut cause = error.source();
    while let Some(next) = cause {
        if let Some(failed) = next.downcast_ref::<io::Error>() {
            return matches!(failed.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
        }
        cause = next.source();
    }
    false
}
