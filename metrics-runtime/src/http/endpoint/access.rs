//! Access control: bearer tokens and networks.

use std::fmt;
use std::net::IpAddr;

use subtle::{Choice, ConstantTimeEq as _};

/// An invalid setting of [`Endpoint`](super::Endpoint).
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointSettingError {
    /// The token is empty.
    #[error("the bearer token is empty; expected a secret, or no token at all for a page without access control")]
    #[non_exhaustive]
    EmptyToken,
    /// The token has a character that clients cannot send. The message does not contain the token.
    #[error(
        "the bearer token has a character that a header cannot carry at position {place}; expected visible ASCII \
         characters without spaces"
    )]
    #[non_exhaustive]
    Token {
        /// The position of the character, counted from one.
        place: usize,
    },
    /// The text is neither an address nor a network.
    #[error(
        "{network:?} is not a valid network; expected an address, such as 10.1.2.3 or ::1, or a network, such as 10.0.0.0/8"
    )]
    #[non_exhaustive]
    Network {
        /// The text.
        network: String,
    },
    /// The list of allowed networks is empty.
    #[error(
        "the list of allowed networks is empty, which would refuse every scrape; add a network, or remove the list"
    )]
    #[non_exhaustive]
    NoNetwork,
    /// The limit of concurrent scrapes is zero.
    #[error("the limit of concurrent scrapes is 0; expected at least 1")]
    #[non_exhaustive]
    Limit,
    /// The deadline is zero.
    #[error("the deadline of a scrape is 0; expected more, such as 10 seconds")]
    #[non_exhaustive]
    Deadline,
}

crate::error::debug_as_display!(EndpointSettingError);

/// A bearer token. Its `Debug` output does not contain the secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    pub(super) fn new(token: String) -> Self {
        Self(token)
    }

    pub(super) fn check(&self) -> Result<(), EndpointSettingError> {
        if self.0.is_empty() {
            return Err(EndpointSettingError::EmptyToken);
        }
        match self.0.chars().position(|c| !c.is_ascii_graphic()) {
            Some(before) => Err(EndpointSettingError::Token { place: before + 1 }),
            None => Ok(()),
        }
    }

    /// Compares in constant time for tokens of the same length. The time may reveal the length of the secret.
    fn matches(&self, presented: &[u8]) -> Choice {
        self.0.as_bytes().ct_eq(presented)
    }
}

/// A network in CIDR notation, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    pub(super) fn parse(text: &str) -> Result<Self, EndpointSettingError> {
        let parsed = || {
            let (address, bits) = text.trim().split_once('/').map_or((text.trim(), None), |(a, bits)| (a, Some(bits)));
            let address: IpAddr = address.parse().ok()?;
            let width = if address.is_ipv4() { 32 } else { 128 };
            let bits = match bits {
                None => width,
                Some(bits) if bits.bytes().all(|digit| digit.is_ascii_digit()) => bits.parse().ok()?,
                Some(_) => return None,
            };
            (bits <= width).then_some(Self { address, bits })
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

/// The conditions that a request has to meet before anything is gathered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(super) tokens: Vec<Token>,
    /// The allowed networks; `None` allows all.
    pub(super) networks: Option<Vec<Network>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Allowed,
    /// The peer is in none of the allowed networks.
    Forbidden,
    /// Networks are listed, but the server does not provide the address of the peer.
    UnknownPeer,
    /// The request has no valid token.
    Unauthorized,
}

impl Access {
    #[cfg(feature = "serve")]
    pub(super) fn is_restricted(&self) -> bool {
        !self.tokens.is_empty() || self.networks.is_some()
    }

    /// Decides by the address of the peer, never by a header such as `x-forwarded-for`. Pass `None` as `authorization`
    /// if the request has no such header, or more than one.
    pub(super) fn decide(&self, peer: Option<IpAddr>, authorization: Option<&[u8]>) -> Decision {
        if let Some(networks) = &self.networks {
            // A dual-stack socket reports an IPv4 peer as ::ffff:10.1.2.3.
            match peer.map(|peer| peer.to_canonical()) {
                None => return Decision::UnknownPeer,
                Some(peer) if networks.iter().any(|network| network.contains(peer)) => {}
                Some(_) => return Decision::Forbidden,
            }
        }
        if self.tokens.is_empty() {
            return Decision::Allowed;
        }
        let presented = authorization.and_then(bearer).unwrap_or_default();
        let valid = self.tokens.iter().fold(Choice::from(0), |valid, token| valid | token.matches(presented));
        if bool::from(valid) { Decision::Allowed } else { Decision::Unauthorized }
    }
}

/// Returns the token of `Bearer token`. The scheme is case-insensitive (RFC 9110, section 11.1; RFC 6750, section 2.1).
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

    fn from(peer: &str, access: &Access) -> Decision {
        access.decide(Some(peer.parse().expect("an address")), None)
    }

    #[test]
    fn only_an_exact_token_is_allowed() {
        let access = access(&["s3cr3t", "next"], None);
        let decision = |header: &[u8]| access.decide(None, Some(header));
        for header in ["Bearer s3cr3t", "bearer s3cr3t", "BEARER  s3cr3t ", "Bearer next"] {
            assert_eq!(decision(header.as_bytes()), Decision::Allowed, "{header}");
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
            assert_eq!(decision(header.as_bytes()), Decision::Unauthorized, "{header}");
        }
        assert_eq!(decision(b"Bearer \xff\xfe"), Decision::Unauthorized);
        assert_eq!(decision(&vec![b'B'; 1 << 20]), Decision::Unauthorized);
        assert_eq!(access.decide(None, None), Decision::Unauthorized);
    }

    #[test]
    fn a_token_that_no_client_can_send_is_an_error_and_is_not_shown() {
        let check = |token: &str| Token::new(token.to_owned()).check();
        assert_eq!(check("aZ0-._~+/=:\"\\"), Ok(()));
        assert_eq!(check(""), Err(EndpointSettingError::EmptyToken));
        for (token, place) in [(" ", 1), ("a b", 2), ("secret\n", 7), ("sécret", 2), ("\0", 1)] {
            assert_eq!(check(token), Err(EndpointSettingError::Token { place }));
        }
        assert!(!format!("{:?} {}", Token::new("hush".into()), check("hush\n").expect_err("a break")).contains("hush"));
    }

    #[test]
    fn peers_are_matched_with_addresses_and_networks() {
        let access = access(&[], Some(&["10.0.0.0/8", " 192.168.1.7 ", "2001:db8::/32", "::1"]));
        for peer in ["10.255.0.1", "192.168.1.7", "2001:db8:ffff::1", "::1", "::ffff:10.1.2.3"] {
            assert_eq!(from(peer, &access), Decision::Allowed, "{peer}");
        }
        for peer in ["11.0.0.1", "192.168.1.8", "2001:db9::1", "::2", "::ffff:11.1.2.3", "127.0.0.1"] {
            assert_eq!(from(peer, &access), Decision::Forbidden, "{peer}");
        }
        assert_eq!(access.decide(None, None), Decision::UnknownPeer);
        let all_ipv4 = self::access(&[], Some(&["0.0.0.0/0"]));
        assert_eq!(from("8.8.8.8", &all_ipv4), Decision::Allowed);
        assert_eq!(from("::1", &all_ipv4), Decision::Forbidden);
        assert_eq!(from("fe80::1", &self::access(&[], Some(&["::/0"]))), Decision::Allowed);
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
    fn with_tokens_and_networks_both_are_required() {
        let access = access(&["t"], Some(&["127.0.0.1"]));
        let listed = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(access.decide(Some(listed), Some(b"Bearer t")), Decision::Allowed);
        assert_eq!(from("127.0.0.1", &access), Decision::Unauthorized);
        let other = IpAddr::from([127, 0, 0, 2]);
        assert_eq!(access.decide(Some(other), Some(b"Bearer t")), Decision::Forbidden);
    }
}
