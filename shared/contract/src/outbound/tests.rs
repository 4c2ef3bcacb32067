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

#[test]
fn addresses_are_refused_by_what_they_lead_to() {
    let nowhere = [
        "0.0.0.0",
        "169.254.169.254",
        "169.254.170.2",
        "192.0.0.192",
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
        "64:ff9b::169.254.170.2",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
    ];
    for address in nowhere {
        let address: IpAddr = address.parse().unwrap();
        assert!(LOCAL.refusal(address).is_some(), "{address}");
    }

    let private = [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "fd12:3456::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:a00:1::1",
    ];
    let allowed = AllowedNetworks {
        private: true,
        loopback: false,
    };
    for address in private {
        let address: IpAddr = address.parse().unwrap();
        assert!(
            AllowedNetworks::default().refusal(address).is_some(),
            "{address}"
        );
        assert!(allowed.refusal(address).is_none(), "{address}");
    }

    for address in ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"] {
        let address: IpAddr = address.parse().unwrap();
        assert!(allowed.refusal(address).is_some(), "{address}");
        assert!(LOCAL.refusal(address).is_none(), "{address}");
    }

    let public = [
        "8.8.8.8",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "169.253.0.1",
        "2606:4700::1",
        "64:ff9b::8.8.8.8",
    ];
    for address in public {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(
            AllowedNetworks::default().refusal(address),
            None,
            "{address}"
        );
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

proptest! {
    #[test]
    fn what_is_accepted_is_read_as_it_is_written(
        url in "https?://[a-c.:@\\\\%0-9x\\[\\]-]{1,12}(/[a-c./%2e\\\\?#]{0,6})?"
    ) {
        if let Ok(parsed) = OutboundUrl::parse(&url) {
            let read = parsed.as_url().as_str();
            let plain = |text: &str| text.replace(":443", "").replace(":80", "").trim_end_matches('/').to_owned();
            prop_assert_eq!(plain(read), plain(&url));
            prop_assert!(parsed.as_url().username().is_empty() && parsed.as_url().password().is_none());
            prop_assert!(parsed.as_url().host_str().is_some_and(|host| !host.is_empty()));
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
