//! Domain names in the letters of any language, as the network has them (IDNA, UTS 46): `münchen.example` is
//! `xn--mnchen-3ya.example`.

/// A name of ASCII letters, digits and hyphens; one that has no others stays as it is.
///
/// # Errors
///
/// When the name has no such form, in words.
pub(crate) fn ascii(name: &str) -> Result<String, String> {
    if name.is_ascii() {
        return Ok(name.into());
    }
    let ascii = idna::domain_to_ascii_cow(name.as_bytes(), idna::AsciiDenyList::STD3);
    ascii.map(Into::into).map_err(|_| {
        format!("the domain {name:?} has letters or signs that a domain name can't have: give it in ASCII, as xn--…")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_any_language_has_one_form_in_ascii() {
        for (name, expected) in [
            ("münchen.example", "xn--mnchen-3ya.example"),
            ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
            ("mu\u{308}nchen.example", "xn--mnchen-3ya.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("mail.example.org", "mail.example.org"),
            ("10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(ascii(name).unwrap(), expected, "{name}");
        }
        for name in [
            "mün chen.example",
            "mün\u{200b}\u{202e}/chen.example",
            "xn--mnchen-3yä.example",
            "ü\u{0}.example",
        ] {
            assert!(ascii(name).unwrap_err().contains("xn--"), "{name:?}");
        }
    }
}
