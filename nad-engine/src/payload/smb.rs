//! The status of SMB responses ([MS-SMB2] 2.2.1, [MS-CIFS] 2.2.3.1).

use super::{
    bytes::Bytes,
    refusal::{Protocol, Refusal, Refused},
};

/// What the responses in a head refuse: the first that does.
pub(super) fn read(head: &[u8]) -> Option<Refusal> {
    // The NetBIOS session header: a type and a length.
    let message = head.get(4..)?;
    let what = match message.first_chunk::<4>()? {
        b"\xfeSMB" => smb2(message),
        b"\xffSMB" => smb1(message),
        _ => None,
    };
    what.map(|what| Protocol::Smb.refuses(what))
}

fn smb2(mut message: &[u8]) -> Option<Refused> {
    const IS_RESPONSE: u32 = 1;
    loop {
        let word = |place: usize| Some(u32::from_le_bytes(Bytes(message.get(place..)?).array()?));
        let (status, flags, next) = (word(8)?, word(16)?, word(20)?);
        if flags & IS_RESPONSE != 0
            && let Some(what) = of_status(status)
        {
            return Some(what);
        }
        // Several in one message follow each other; none is shorter than its header.
        const HEADER: usize = 64;
        let next = usize::try_from(next).ok().filter(|next| *next >= HEADER)?;
        message = message.get(next..).filter(|message| message.starts_with(b"\xfeSMB"))?;
    }
}

fn smb1(message: &[u8]) -> Option<Refused> {
    const IS_RESPONSE: u8 = 0x80;
    const HAS_NT_STATUS: u16 = 0x4000;
    let mut rest = Bytes(message.get(5..)?);
    let status = rest.array()?;
    let (flags, flags2) = (rest.u8()?, u16::from_le_bytes(rest.array()?));
    if flags & IS_RESPONSE == 0 {
        return None;
    }
    if flags2 & HAS_NT_STATUS != 0 {
        return of_status(u32::from_le_bytes(status));
    }
    // A class and a code of DOS.
    let [class, _, low, high] = status;
    match (class, u16::from_le_bytes([low, high])) {
        (0, _) => None,
        (2, 2) => Some(Refused::Login),
        (1, 5) | (2, 4) => Some(Refused::Access),
        _ => Some(Refused::Error),
    }
}

/// What an NT status refuses ([MS-ERREF] 2.3.1).
fn of_status(status: u32) -> Option<Refused> {
    const SEVERITY_ERROR: u32 = 0b11;
    match status {
        _ if status >> 30 != SEVERITY_ERROR => None,
        // A login goes on, and an answer to a request that the client took back.
        0xc000_0016 | 0xc000_0120 => None,
        // No such user, wrong password, restrictions of the account, the time, the machine and the kind of login,
        // expired, disabled, locked or to be changed.
        0xc000_0064
        | 0xc000_006a
        | 0xc000_006d..=0xc000_0072
        | 0xc000_015b
        | 0xc000_0193
        | 0xc000_0224
        | 0xc000_0234 => Some(Refused::Login),
        // Access denied, privilege not held, network access denied.
        0xc000_0022 | 0xc000_0061 | 0xc000_00ca => Some(Refused::Access),
        _ => Some(Refused::Error),
    }
}
