//! The default route, from the text of the kernel's routing tables.

/// Flags of a route (`linux/route.h`).
const RTF_UP: u32 = 0x0001;
const RTF_REJECT: u32 = 0x0200;

/// The interface of the IPv4 default route with the lowest metric (of several, the first), from the text of
/// `/proc/net/route`.
pub(super) fn default_ipv4(table: &str) -> Option<&str> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let interface = fields.next()?;
        let destination = hexadecimal(fields.next()?)?;
        let flags = hexadecimal(fields.nth(1)?)?;
        let metric: u32 = fields.nth(2)?.parse().ok()?;
        let mask = hexadecimal(fields.next()?)?;
        (destination == 0 && mask == 0 && is_usable(flags)).then_some((metric, interface))
    });
    lowest(routes)
}

/// The interface of the IPv6 default route with the lowest metric (of several, the first), from the text of
/// `/proc/net/ipv6_route`.
pub(super) fn default_ipv6(table: &str) -> Option<&str> {
    let routes = table.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let everywhere = fields.next()?.bytes().all(|digit| digit == b'0') && fields.next()? == "00";
        let metric = hexadecimal(fields.nth(3)?)?;
        let flags = hexadecimal(fields.nth(2)?)?;
        let interface = fields.next()?;
        (everywhere && is_usable(flags)).then_some((metric, interface))
    });
    lowest(routes)
}

fn is_usable(flags: u32) -> bool {
    flags & (RTF_UP | RTF_REJECT) == RTF_UP
}

fn lowest<'table>(routes: impl Iterator<Item = (u32, &'table str)>) -> Option<&'table str> {
    routes.min_by_key(|&(metric, _)| metric).map(|(_, interface)| interface)
}

fn hexadecimal(field: &str) -> Option<u32> {
    u32::from_str_radix(field, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT  \n";

    fn ipv4(routes: &[&str]) -> String {
        format!("{HEADER}{}", routes.join("\n"))
    }

    #[test]
    fn the_lowest_metric_wins_and_of_equal_ones_the_first() {
        let wired = "enp3s0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0   ";
        let wireless = "wlp2s0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0   ";
        let another = "wwan0\t00000000\t00000000\t0001\t0\t0\t100\t00000000\t0\t0\t0   ";
        assert_eq!(default_ipv4(&ipv4(&[wireless, wired])), Some("enp3s0"));
        assert_eq!(default_ipv4(&ipv4(&[wired, wireless])), Some("enp3s0"));
        assert_eq!(default_ipv4(&ipv4(&[wireless, another, wired])), Some("wwan0"));
    }

    #[test]
    fn other_routes_are_not_the_default() {
        let local = "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0   ";
        // 0.0.0.0/1, as VPNs set it.
        let half = "tun0\t00000000\t0101080A\t0003\t0\t0\t0\t00000080\t0\t0\t0   ";
        // `ip route add unreachable default`.
        let reject = "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0   ";
        let down = "eth1\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\t0\t0\t0   ";
        assert_eq!(default_ipv4(&ipv4(&[local, half, reject, down])), None);
    }

    #[test]
    fn an_empty_or_foreign_table_has_no_default_route() {
        for table in ["", HEADER, "no table\nat all", "Iface\neth0\t00000000"] {
            assert_eq!(default_ipv4(table), None, "{table:?}");
            assert_eq!(default_ipv6(table), None, "{table:?}");
        }
    }

    #[test]
    fn ipv6_takes_the_lowest_metric_and_no_unreachable_route() {
        let any = "00000000000000000000000000000000 00 00000000000000000000000000000000 00";
        let gateway = "fd000000000000000000000000000001";
        let none = "00000000000000000000000000000000";
        let wireless = format!("{any} {gateway} 00000258 00000002 00000000 00000003    wlan0");
        let wired = format!("{any} {gateway} 00000064 00000002 00000000 00000003     eth0");
        let unreachable = format!("{any} {none} ffffffff 00000001 00000000 00200200       lo");
        let prefix =
            format!("fe800000000000000000000000000000 40 {none} 00 {none} 00000001 2 0 00000001  eth1");
        let table = [&*prefix, &wireless, &wired, &unreachable].join("\n");
        assert_eq!(default_ipv6(&table), Some("eth0"));
        assert_eq!(default_ipv6(&[&*prefix, &unreachable].join("\n")), None);
    }
}
