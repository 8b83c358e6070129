//! How a mail gets to its server.

mod encrypted;

use std::{error::Error, fmt, io, time::Duration};

use lettre::{
    Message,
    transport::smtp::{
        self,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        extension::ClientId,
        response::Response,
    },
};
use serde::{Deserialize, Serialize};

use super::{Ending, Failure};
use crate::{
    output::network::{self, Connection, Cut, Limits},
    secret::Secret,
    text,
};
use encrypted::Encrypted;

/// Characters of a server's words that are repeated.
const MOST_REPEATED: usize = 300;
/// Bytes of an answer, which RFC 5321 has in lines of 512, also of one with certificates.
const MOST_ANSWER: usize = 32 << 10;
/// How long the goodbye may take, once the mail was taken.
const GOODBYE: Duration = Duration::from_secs(1);

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
    /// For how long each of its answers is waited for.
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

/// Sends a mail over a connection of its own, and gives the server's answer. `longest` is the time that it may take as a whole.
///
/// # Errors
///
/// [`Failure::Never`] where the server refuses for good, or can't do what it must; [`Failure::Later`] otherwise.
pub(super) fn send(
    server: &Server,
    message: &Message,
    longest: Duration,
    ending: &Ending,
) -> Result<String, Failure> {
    let limits = Limits::new(longest, server.timeout, MOST_ANSWER, ending);
    let answer = converse(server, message, &limits).map_err(|error| failure(server, &error))?;
    let words: Vec<&str> = answer.message().collect();
    Ok(text::printable(&format!("{} {}", answer.code(), words.join(" ")), MOST_REPEATED))
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("{0}")]
    Connection(#[from] io::Error),
    #[error("{0}")]
    Conversation(#[from] smtp::Error),
}

fn converse(server: &Server, message: &Message, limits: &Limits) -> Result<Response, NotTaken> {
    let name = bare(&server.name);
    let addresses = network::resolve(name, server.port, limits)?;
    let connection = Connection::open(&addresses, limits)?;
    let waiting = connection.waiting();
    Ok(network::block_on(&waiting, talk(server, message, connection, limits))?)
}

async fn talk(
    server: &Server,
    message: &Message,
    connection: Connection,
    limits: &Limits,
) -> Result<Response, smtp::Error> {
    let hello = ClientId::default();
    let mut client = match server.security {
        Security::None => AsyncSmtpConnection::connect_with_transport(Box::new(connection), &hello).await?,
        Security::StartTls => {
            let stream = Box::new(connection.by_line());
            let mut client = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
            client.starttls(parameters(server)?, &hello).await?;
            client
        }
        Security::Tls => {
            let stream = Encrypted::over(connection, parameters(server)?).await?;
            AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await?
        }
    };
    if let Some(Login { user, password }) = &server.login {
        let credentials = Credentials::new(user.clone(), password.expose().into());
        client.auth(DEFAULT_MECHANISMS, &credentials).await?;
    }
    let answer = client.send(message.envelope(), &message.formatted()).await?;
    // It was taken, whatever becomes of the goodbye.
    limits.shorten(GOODBYE);
    client.abort().await;
    Ok(answer)
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
fn failure(server: &Server, error: &NotTaken) -> Failure {
    let mut words = cut(error).map_or_else(|| error.to_string(), ToString::to_string);
    if let Some(login) = &server.login {
        words = login.password.cut_out_of(&words);
    }
    words = text::printable(&words, MOST_REPEATED);
    if words.contains("certificate") {
        words.push_str("; name the file of a private authority's certificate as ca_file in [email]");
    }
    let is_final = match error {
        NotTaken::Connection(_) => false,
        NotTaken::Conversation(error) => error.is_permanent() || error.is_client() || error.is_tls(),
    };
    if is_final { Failure::Never(format!("refused: {words}")) } else { Failure::Later(words) }
}

/// Where the conversation was cut short, why.
fn cut(error: &NotTaken) -> Option<&Cut> {
    let mut cause: Option<&(dyn Error + 'static)> = match error {
        NotTaken::Connection(error) => Some(error),
        NotTaken::Conversation(error) => error.source(),
    };
    while let Some(next) = cause {
        let inner = next.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(cut) = inner.and_then(|inner| inner.downcast_ref()) {
            return Some(cut);
        }
        cause = next.source();
    }
    None
}
