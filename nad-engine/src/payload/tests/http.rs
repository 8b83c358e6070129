use super::*;

fn request(head: &[u8]) -> HttpRequest {
    match said(HeadKind::HttpRequest, TO, head) {
        Some(Said::HttpRequest(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn odd(target: &str) -> u16 {
    request(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes()).odd
}

const BROWSER: &[u8] = b"GET /wiki/Se%C3%A9ance?action=raw&n=1 HTTP/1.1\r\nHost: En.Example.org:8080\r\n\
    Cookie: id=1; theme=dark\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nsec-ch-ua: \"Not)A;Brand\";v=\"99\"\r\n\r\n${x}";

#[test]
fn an_ordinary_request_has_nothing_odd() {
    let request = request(BROWSER);
    assert_eq!((request.method, request.host.as_deref()), (Method::Get, Some("en.example.org")));
    assert_eq!(request.target_length, 33);
    assert_eq!(
        request.user_agent.as_deref(),
        Some("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
    );
    assert_eq!(request.odd, 0);
    harass(HeadKind::HttpRequest, TO, BROWSER);
}

#[test]
fn what_injections_need_is_counted_raw_and_encoded() {
    for (target, count) in [
        ("/", 0),
        ("/a?q=it%20is+fine&lang=%E4%B8%AD%E6%96%87", 0),
        ("/a?b=$(id)", 1),
        ("/a;b|c", 2),
        ("/?x=%24%7Bjndi:x%7D", 3),
        ("/?x=%27+or+%221%22", 3),
        ("/%0d%0aSet-x", 2),
        ("/cgi-bin/.%2e/%2e%2e/x", 3),
        ("/a/../../x", 2),
        ("/a?f=../x", 1),
        ("/%252e%252e/", 2),
        ("/%69ndex", 1),
        ("/100%", 0),
        ("/%zz", 0),
        ("/a b", 1),
        ("/\u{e9}", 2),
        ("/<script>", 2),
    ] {
        assert_eq!(odd(target), count, "{target}");
    }
    let agent = b"GET / HTTP/1.1\r\nUser-Agent: () { :;}; echo `x`\r\nX-Api: ${a}\r\nX: \x01\t\xff";
    assert_eq!(request(agent).odd, 4 + 3 + 2);
}

#[test]
fn hosts_are_names_without_ports_and_passwords() {
    for (head, host) in [
        ("GET / HTTP/1.1\r\nhost:\t[2001:db8::1]:80\r\n", Some("2001:db8::1")),
        ("GET / HTTP/1.0\r\n\r\nHost: content.example\r\n", None),
        ("GET http://me:pass@proxied.example:81/x HTTP/1.1\r\n", Some("proxied.example")),
        ("CONNECT tunnel.example:443 HTTP/1.1\r\n", Some("tunnel.example")),
        ("GET / HTTP/1.1\nHost: bare.example\nHost: second.example\n", Some("bare.example")),
        ("GET / HTTP/1.1\r\nHost: \r\n", None),
    ] {
        assert_eq!(request(head.as_bytes()).host.as_deref(), host, "{head}");
    }
}

#[test]
fn a_request_may_be_cut_anywhere() {
    let request = request(b"POST /abc");
    assert_eq!((request.method, request.target_length, request.host), (Method::Post, 4, None));
    assert_eq!(said(HeadKind::HttpRequest, TO, b"GETS / HTTP/1.1"), None);
}

#[test]
fn responses_refuse_by_their_status() {
    let status = |line: &[u8]| said(HeadKind::HttpResponse, (80, 50_000), line);
    for (code, what) in [
        (200, None),
        (304, None),
        (401, Some(Refused::Login)),
        (407, Some(Refused::Login)),
        (403, Some(Refused::Access)),
        (404, Some(Refused::Error)),
        (503, Some(Refused::Error)),
    ] {
        let said = status(format!("HTTP/1.1 {code} Whatever\r\n").as_bytes()).unwrap();
        assert_eq!(said, Said::HttpResponse(HttpResponse { status: code }));
        assert_eq!(said.refusal().map(|refusal| refusal.what), what);
    }
    for line in [&b"HTTP/1.1 2x0 OK"[..], b"HTTP/1.1 099 OK", b"HTTP/1.1 20", b"HTTP/1.1  200 "] {
        assert_eq!(status(line), None);
    }
}
