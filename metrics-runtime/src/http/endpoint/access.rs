//! Who may have the page.

use std::fmt;
use std::net::IpAddr;

use subtle::{Choice, ConstantTimeEq as _};

/// Why a setting of the endpoint cannot be followed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointSettingError {
    /// A token that is nothing would be one that everybody has.
    #[error("the bearer token is empty; it has to be a secret, or left away for a page that needs none")]
    #[non_exhaustive]
    EmptyToken,
    /// No client could send it as it is. The token is not shown.
    #[error(
        "the bearer token has a character that no header can carry at place {place}; allowed are visible ASCII \
         characters without blanks"
    )]
    #[non_exhaustive]
    Token {
        /// The place of the character, counted from one.
        place: usize,
    },
    /// Neither an address nor a network.
    #[error("{network:?} is no network; it has to be an address, as 10.1.2.3 or ::1, or a network, as 10.0.0.0/8")]
    #[non_exhaustive]
    Network {
        /// What was given.
        network: String,
    },
    /// An allow-list of nobody.
    #[error(
        "the list of networks that are allowed is empty: nobody could have the page; name one, or leave the list away"
    )]
    #[non_exhaustive]
    NoNetwork,
    /// Nobody could ever scrape.
    #[error("the limit of concurrent scrapes is 0; it has to be at least 1")]
    #[non_exhaustive]
    Limit,
    /// No page could ever be ready.
    #[error("the deadline of a scrape is 0; it has to be more, as 10 seconds")]
    #[non_exhaustive]
    Deadline,
}

crate::error::debug_as_display!(EndpointSettingError);

/// A secret: it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    pub(crate) fn new(token: String) -> Self {
        Self(token)
    }

    pub(crate) fn check(&self) -> Result<(), EndpointSettingError> {
        if self.0.is_empty() {
            return Err(EndpointSettingError::EmptyToken);
        }
        match self.0.chars().position(|c| !c.is_ascii_graphic()) {
            Some(before) => Err(EndpointSettingError::Token { place: before + 1 }),
            None => Ok(()),
        }
    }

    /// Takes as long for a token that is nearly right as for one that is all wrong. How long the secret is, it may tell.
    fn is(&self, presented: &[u8]) -> Choice {
        self.0.as_bytes().ct_eq(presented)
    }
}

/// An address, or all that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointSettingError> {
        let parsed = || {
            let (address, bits) = text.trim().split_once('/').map_or((text.trim(), None), |(a, bits)| (a, Some(bits)));
            let address: IpAddr = address.parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = match bits {
                None => most,
                Some(bits) if bits.bytes().all(|digit| digit.is_ascii_digit()) => bits.parse().ok()?,
                Some(_) => return None,
            };
            (bits <= most).then_some(Self { address, bits })
        };
        parsed().ok_or_else(|| EndpointSettingError::Network { network: text.to_owned() })
    }

    fn contains(self, peer: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u8| (a ^ b).checked_shr(u32::from(width - self.bits)).unwrap_or(0) == 0;
        match (self.address, peer) {
            (IpAddr::V4(network), IpAddr::V4(peer)) => same(network.to_bits().into(), peer.to_bits().into(), 32),
            (IpAddr::V6(network), IpAddr::V6(peer)) => same(network.to_bits(), peer.to_bits(), 128),
            _ => false,
        }
    }
}

/// What a scraper has to show before anything is done for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(crate) tokens: Vec<Token>,
    /// Everybody, where there is no list.
    pub(crate) networks: Option<Vec<Network>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Welcome,
    /// Not from there.
    Forbidden,
    /// There is a list, and nobody said where the request comes from.
    Unknown,
    /// Not without a token that is right.
    Unauthorized,
}

impl Access {
    #[cfg(feature = "serve")]
    pub(crate) fn is_restricted(&self) -> bool {
        !self.tokens.is_empty() || self.networks.is_some()
    }

    /// By the address of the peer, never by what a header says of it. `authorization` is nothing where there is no such
    /// header, or more than one.
    pub(crate) fn judge(&self, peer: Option<IpAddr>, authorization: Option<&[u8]>) -> Verdict {
        if let Some(networks) = &self.networks {
            // A socket for both protocols sees an IPv4 peer as ::ffff:10.1.2.3.
            match peer.map(|peer| peer.to_canonical()) {
                None => return Verdict::Unknown,
                Some(peer) if networks.iter().any(|network| network.contains(peer)) => {}
                Some(_) => return Verdict::Forbidden,
            }
        }
        if self.tokens.is_empty() {
            return Verdict::Welcome;
        }
        let presented = authorization.and_then(bearer).unwrap_or_default();
        let right = self.tokens.iter().fold(Choice::from(0), |right, token| right | token.is(presented));
        if bool::from(right) { Verdict::Welcome } else { Verdict::Unauthorized }
    }
}

/// The token in `Bearer token`: the scheme in any case (RFC 9110, section 11.1; RFC 6750, section 2.1).
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked("bearer".len())?;
    let token = token.strip_prefix(b" ")?;
    scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(tokens: &[&str], networks: Option<&[&str]>) -> Access {
        Access {
            tokens: tokens.iter().map(|&token| Token::new(token.to_owned())).collect(),
            networks: networks.map(|networks| networks.iter().map(|text| Network::parse(text).expect(text)).collect()),
        }
    }

    fn from(peer: &str, access: &Access) -> Verdict {
        access.judge(Some(peer.parse().expect("an address")), None)
    }

    #[test]
    fn only_the_whole_token_opens() {
        let access = access(&["s3cr3t", "next"], None);
        let verdict = |header: &[u8]| access.judge(None, Some(header));
        for header in ["Bearer s3cr3t", "bearer s3cr3t", "BEARER  s3cr3t ", "Bearer next"] {
            assert_eq!(verdict(header.as_bytes()), Verdict::Welcome, "{header}");
        }
        for header in [
            "",
            "Bearer",
            "Bearer ",
            "Bearers3cr3t",
            "Bearer s3cr3",
            "Bearer s3cr3tt",
            "Bearer S3CR3T",
            "Bearer s3cr3t next",
            "Bearer s3cr3t,next",
            "Basic s3cr3t",
            "s3cr3t",
            "Bearer \"s3cr3t\"",
        ] {
            assert_eq!(verdict(header.as_bytes()), Verdict::Unauthorized, "{header}");
        }
        assert_eq!(verdict(b"Bearer \xff\xfe"), Verdict::Unauthorized);
        assert_eq!(verdict(&vec![b'B'; 1 << 20]), Verdict::Unauthorized);
        assert_eq!(access.judge(None, None), Verdict::Unauthorized);
    }

    #[test]
    fn a_token_that_nobody_could_send_is_an_error_and_is_not_shown() {
        let check = |token: &str| Token::new(token.to_owned()).check();
        assert_eq!(check("aZ0-._~+/=:\"\\"), Ok(()));
        assert_eq!(check(""), Err(EndpointSettingError::EmptyToken));
        for (token, place) in [(" ", 1), ("a b", 2), ("secret\n", 7), ("sécret", 2), ("\0", 1)] {
            assert_eq!(check(token), Err(EndpointSettingError::Token { place }));
        }
        assert!(!format!("{:?} {}", Token::new("hush".into()), check("hush\n").expect_err("a break")).contains("hush"));
    }

    #[test]
    fn addresses_and_networks() {
        let access = access(&[], Some(&["10.0.0.0/8", " 192.168.1.7 ", "2001:db8::/32", "::1"]));
        for peer in ["10.255.0.1", "192.168.1.7", "2001:db8:ffff::1", "::1", "::ffff:10.1.2.3"] {
            assert_eq!(from(peer, &access), Verdict::Welcome, "{peer}");
        }
        for peer in ["11.0.0.1", "192.168.1.8", "2001:db9::1", "::2", "::ffff:11.1.2.3", "127.0.0.1"] {
            assert_eq!(from(peer, &access), Verdict::Forbidden, "{peer}");
        }
        assert_eq!(access.judge(None, None), Verdict::Unknown);
        let everybody = self::access(&[], Some(&["0.0.0.0/0"]));
        assert_eq!(from("8.8.8.8", &everybody), Verdict::Welcome);
        assert_eq!(from("::1", &everybody), Verdict::Forbidden);
        assert_eq!(from("fe80::1", &self::access(&[], Some(&["::/0"]))), Verdict::Welcome);
        for network in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0/8",
            "localhost",
            "10.0.0.1:80",
        ] {
            assert_eq!(Network::parse(network), Err(EndpointSettingError::Network { network: network.to_owned() }));
        }
    }

    #[test]
    fn with_both_both_are_needed() {
        let access = access(&["t"], Some(&["127.0.0.1"]));
        let here = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(access.judge(Some(here), Some(b"Bearer t")), Verdict::Welcome);
        assert_eq!(from("127.0.0.1", &access), Verdict::Unauthorized);
        let there = IpAddr::from([127, 0, 0, 2]);
        assert_eq!(access.judge(Some(there), Some(b"Bearer t")), Verdict::Forbidden);
    }
}
