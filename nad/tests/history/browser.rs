//! The page in a real browser: Debian's chromium.

use std::process::{Command, Stdio};

use crate::{folder, sensor::Folder, skip::skipped};

/// Pixels of a phone's width, in the browser's own measure.
const PHONE: u32 = 390;

fn has_chromium() -> bool {
    let found =
        Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// The document as the browser has it after loading a page.
fn document(folder: &Folder, name: &str) -> String {
    let profile = format!("--user-data-dir={}", folder.path("profile").display());
    let address = format!("file://{}", folder.path(name).display());
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--allow-file-access-from-files",
        ])
        .args([
            &profile,
            "--hide-scrollbars",
            "--window-size=1280,900",
            "--virtual-time-budget=5000",
            "--dump-dom",
            &address,
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_browser_shows_the_incident_and_nothing_is_wider_than_a_phone() {
    if !has_chromium() {
        skipped("the report in a browser: there is no chromium; apt-get install chromium");
        return;
    }
    let folder = folder();
    folder.nad("report --capture office.pcap --train-for 120s --out r.html").exits(0);
    let page = document(&folder, "r.html");
    assert!(page.contains("<article id=\"incident-1\">") && page.contains("port scan"), "{page}");
    // In a frame as wide as a phone, because a window can't be as narrow; the page itself runs no script.
    folder.write(
        "phone.html",
        format!(
            "<iframe id=\"f\" src=\"r.html\" width=\"{PHONE}\" height=\"800\" style=\"border:0\"></iframe><p id=\"measured\"></p>
             <script>addEventListener('load', () => {{
                 const page = f.contentDocument.documentElement;
                 const shown = [...f.contentDocument.querySelectorAll('svg')].filter(it => it.clientWidth > 0);
                 measured.textContent = [page.clientWidth, page.scrollWidth, shown.length,
                     shown[0].classList[0]].join(' ');
             }})</script>"
        ),
    );
    let measured = document(&folder, "phone.html");
    let expected = format!("<p id=\"measured\">{PHONE} {PHONE} 1 narrow</p>");
    assert!(measured.contains(&expected), "{measured}");
}
