use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const LOCAL: AllowedNetworks = AllowedNetworks {
    private: true,
    loopback: true,
};

fn part_of_fault(url: &str) -> &'static str {
    match OutboundUrl::parse(url) {
        Ok(_) => "none",
        Err(fault) => fault.part,
    }
}

#[test]
fn plain_addresses_are_addresses() {
    for url in [
        "https://api.example.gov.uk",
        "https://api.example.gov.uk/a/b%20c?d=e",
        "https://api.example:443/",
        "https://api.example:8443/@x",
        "https://xn--bcher-kva.example/",
        "https://192.0.2.1/",
        "https://[2001:db8::1]:8443/",
        "https://localhost/",
        "http://localhost:80",
        "http://127.0.0.1:8470/x",
        "http://[::1]:1/",
    ] {
        assert_eq!(part_of_fault(url), "none", "{url}");
    }
}

#[test]
fn what_reads_otherwise_than_it_is_written_is_refused_by_its_part() {
    for (url, part) in [
        ("http://127.0.0.1:80@127.0.0.2:9999/", "user info"),
        ("http://localhost:80@evil.example/", "user info"),
        ("https://user@api.example/", "user info"),
        ("https://@api.example/", "user info"),
        ("https://api.example%40evil.example/", "host"),
        ("https://api.example\\@evil.example/", "host"),
        ("https:///api.example/", "host"),
        ("https://", "host"),
        ("https://:443/", "host"),
        ("https://?x", "host"),
        ("https:/api.example/", "scheme"),
        ("https:api.example", "scheme"),
        ("//api.example/", "scheme"),
        ("ftp://api.example/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("HTTPS://api.example/", "scheme"),
        (" https://api.example/", "scheme"),
        ("https://api.example/\n", "path"),
        ("https://api.exam\tple/", "host"),
        ("https://Api.example/", "host"),
        ("https://api.example./", "host"),
        ("https://api..example/", "host"),
        ("https://api/", "host"),
        ("https://-api.example/", "host"),
        ("https://api_x.example/", "host"),
        ("https://%61pi.example/", "host"),
        ("https://bücher.example/", "host"),
        ("https://api。example/", "host"),
        ("https://xn--a.example/", "host"),
        ("http://2130706433/", "host"),
        ("http://0x7f.1/", "host"),
        ("http://0177.0.0.1/", "host"),
        ("http://127.1/", "host"),
        ("http://127.0.0.1./", "host"),
        ("https://1.2.3.4.5/", "host"),
        ("https://[fe80::1%25eth0]/", "host"),
        ("https://[::ffff:127.0.0.1]/", "host"),
        ("https://[0:0::1]/", "host"),
        ("https://::1/", "host"),
        ("https://api.example:0443/", "host"),
        ("https://api.example:99999/", "port"),
        ("https://api.example:0/", "port"),
        ("https://api.example/a/../b", "path"),
        ("https://api.example/%2e%2e/b", "path"),
        ("https://api.example/a\\b", "path"),
        ("https://api.example/é", "path"),
        ("https://api.example/#f", "fragment"),
        ("https://api.example/#", "fragment"),
        ("http://api.example/", "scheme"),
        ("http://10.0.0.1/", "scheme"),
    ] {
        assert_eq!(part_of_fault(url), part, "{url:?}");
    }
}

/// Which of an address's requests are refused: with the default, with private networks allowed, and
/// on the local platform with both.
fn refusals(address: &str) -> [bool; 3] {
    let address: IpAddr = address.parse().unwrap();
    let private = AllowedNetworks {
        private: true,
        loopback: false,
    };
    [AllowedNetworks::default(), private, LOCAL].map(|allowed| allowed.refusal(address).is_some())
}

#[test]
fn some_addresses_are_refused_whatever_a_contract_allows() {
    for address in [
        "0.0.0.0",
        "169.254.169.254",
        "169.254.170.2",
        "192.0.0.192",
        "192.88.99.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::169.254.170.2",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
    ] {
        assert_eq!(refusals(address), [true, true, true], "{address}");
    }
}

#[test]
fn private_addresses_need_a_contract_that_says_so() {
    for address in [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "fd12:3456::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:a00:1::1",
    ] {
        assert_eq!(refusals(address), [true, false, false], "{address}");
    }
}

#[test]
fn the_machine_itself_needs_the_local_platform() {
    for address in [
        "127.0.0.1",
        "127.255.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::127.0.0.1",
    ] {
        assert_eq!(refusals(address), [true, true, false], "{address}");
    }
}

#[test]
fn public_addresses_are_free_to_the_edge_of_the_others() {
    for address in [
        "8.8.8.8",
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1",
        "64:ff9b::8.8.8.8",
        "2003::1",
    ] {
        assert_eq!(refusals(address), [false, false, false], "{address}");
    }
}

#[test]
fn a_name_of_the_machine_itself_needs_the_local_platform() {
    let here = OutboundUrl::parse("https://localhost/").unwrap();
    assert!(here.refusal(AllowedNetworks::default()).is_some());
    assert_eq!(here.refusal(LOCAL), None);
}

#[test]
fn an_address_moves_to_another_origin_with_its_path() {
    let url = OutboundUrl::parse("https://api.example/people/1?a=b").unwrap();
    let origin = OutboundUrl::parse("https://api.test.example:8443").unwrap();
    assert!(origin.is_origin() && !url.is_origin());
    assert_eq!(
        url.at_origin(&origin).unwrap().as_url().as_str(),
        "https://api.test.example:8443/people/1?a=b"
    );
}

/// An address without what may be written or left out.
fn without_default_port(url: &str) -> String {
    let url = url.replace(":443", "").replace(":80", "");
    url.trim_end_matches('/').to_owned()
}

proptest! {
    #[test]
    fn what_is_accepted_is_read_as_it_is_written(
        url in "https?://[a-c.:@\\\\%0-9x\\[\\]-]{1,12}(/[a-c./%2e\\\\?#]{0,6})?"
    ) {
        if let Ok(parsed) = OutboundUrl::parse(&url) {
            let read = parsed.as_url().as_str();
            prop_assert_eq!(without_default_port(read), without_default_port(&url));

            let parsed = parsed.as_url();
            prop_assert!(parsed.username().is_empty() && parsed.password().is_none());
            prop_assert!(parsed.host_str().is_some_and(|host| !host.is_empty()));
        }
    }

    #[test]
    fn every_form_of_an_address_of_ipv4_is_refused_with_it(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from_bits(bits);
        let class = classify_address(v4.into());
        let [a, b, c, d] = v4.octets();
        for v6 in [
            v4.to_ipv6_mapped(),
            format!("64:ff9b::{v4}").parse().unwrap(),
            format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1").parse().unwrap(),
        ] {
            prop_assert_eq!(classify_address(v6.into()), class, "{}", v6);
        }
    }
}
