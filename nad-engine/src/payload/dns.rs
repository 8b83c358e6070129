//! DNS messages over UDP (RFC 1035), also those of mDNS (RFC 6762) and LLMNR (RFC 4795), which look alike.

use std::net::IpAddr;

use domain::{
    base::{Message, ParsedName, ParsedRecord},
    rdata::{A, Aaaa, Cname},
};

use super::{MOST_OF_NAME, name_character};

/// Aliases that are followed from the asked name.
const MOST_ALIASES: usize = 8;

/// A question, or what was answered to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// Whether it is a response.
    pub is_response: bool,
    /// The name of the first question, in lower case without the root's dot; a dot within a label stands as `?`. In a
    /// response without a question, as mDNS has them, the name that the first address record is of. Empty for the root
    /// and where there is no name.
    pub name: Box<str>,
    /// The type of the first question (RFC 1035, 3.2.2); 0 where there is none.
    pub query_type: u16,
    /// The response code without its extension (RFC 1035, 4.1.1), 0 to 15: 3 where the name does not exist.
    pub response_code: u8,
    /// The addresses of that name that stand in the head, also by way of aliases (CNAME).
    pub addresses: Vec<Answer>,
    /// How many answers the message says it has.
    pub answers: u16,
}

/// An address of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The address.
    pub address: IpAddr,
    /// For how many seconds it may be used.
    pub ttl_s: u32,
}

type Name<'a> = ParsedName<&'a [u8]>;
type Record<'a> = ParsedRecord<'a, [u8]>;

pub(super) fn read(head: &[u8]) -> Option<Dns> {
    let message = Message::from_slice(head).ok()?;
    let header = message.header();
    let question = message.question().next().and_then(Result::ok);
    // The head may end within the message: what is whole before that counts.
    let records: Vec<Record<'_>> =
        message.iter().map_while(Result::ok).map(|(record, _)| record).filter(is_of_addresses).collect();
    let asked = question.as_ref().map(|question| *question.qname());
    let asked = asked.or_else(|| Some(records.iter().find(|record| address(record).is_some())?.owner()));
    let is_response = header.qr();
    let addresses = asked.filter(|_| is_response).map_or_else(Vec::new, |asked| addresses(asked, &records));
    Some(Dns {
        is_response,
        name: asked.map_or_else(Box::default, |name| in_words(&name)),
        query_type: question.map_or(0, |question| question.qtype().to_int()),
        response_code: header.rcode().to_int(),
        addresses,
        answers: message.header_counts().ancount(),
    })
}

fn is_of_addresses(record: &Record<'_>) -> bool {
    alias(record).is_some() || address(record).is_some()
}

/// The addresses of a name and of its aliases. Servers may give records in any order.
fn addresses(asked: Name<'_>, records: &[Record<'_>]) -> Vec<Answer> {
    let mut names = vec![asked];
    for place in 0..MOST_ALIASES {
        let Some(name) = names.get(place).copied() else { break };
        let is_of_it = |record: &&Record<'_>| record.owner() == name;
        names.extend(records.iter().filter(is_of_it).filter_map(alias));
    }
    names.truncate(MOST_ALIASES);
    let is_known = |record: &&Record<'_>| names.iter().any(|name| *name == record.owner());
    records.iter().filter(is_known).filter_map(address).collect()
}

fn alias<'a>(record: &Record<'a>) -> Option<Name<'a>> {
    let record = record.to_record::<Cname<Name<'a>>>().ok()??;
    Some(record.into_data().into_cname())
}

fn address(record: &Record<'_>) -> Option<Answer> {
    let ttl_s = record.ttl().as_secs();
    if let Ok(Some(record)) = record.to_record::<A>() {
        return Some(Answer { address: record.data().addr().into(), ttl_s });
    }
    let record = record.to_record::<Aaaa>().ok()??;
    Some(Answer { address: record.data().addr().into(), ttl_s })
}

fn in_words(name: &Name<'_>) -> Box<str> {
    let mut text = String::new();
    for label in name.iter().filter(|label| !label.is_root()) {
        if !text.is_empty() {
            text.push('.');
        }
        let character = |byte: &u8| if *byte == b'.' { '?' } else { name_character(*byte) };
        text.extend(label.as_slice().iter().map(character));
    }
    text.truncate(MOST_OF_NAME);
    text.into()
}
