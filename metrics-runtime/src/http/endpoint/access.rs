//! Access control: bearer tokens and networks.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

#[cfg(feature = "basic-auth")]
use base64::Engine as _;
#[cfg(feature = "basic-auth")]
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConstantTimeEq as _};

#[cfg(feature = "tls")]
use super::tls::{Tls, TlsError};

/// The TLS of a build without the feature.
#[cfg(not(feature = "tls"))]
#[derive(Debug)]
pub(crate) enum Tls {}

#[cfg(not(feature = "tls"))]
impl Tls {
    pub(crate) fn requires_client_certificate(&self) -> bool {
        match *self {}
    }
}

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
    /// The user or the password of basic authentication cannot be sent. The message does not contain the password.
    #[cfg(feature = "basic-auth")]
    #[error("basic authentication: {0}")]
    #[non_exhaustive]
    BasicAuth(&'static str),
    /// The TLS files cannot be used.
    #[cfg(feature = "tls")]
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
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

/// A user with a password. Its `Debug` output does not contain the password.
#[cfg(feature = "basic-auth")]
#[derive(Clone, PartialEq, Eq)]
pub(super) struct User {
    name: String,
    password: String,
}

#[cfg(feature = "basic-auth")]
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(feature = "basic-auth")]
impl User {
    pub(super) fn new(name: String, password: String) -> Self {
        Self { name, password }
    }

    /// Returns the credentials as a client sends them (RFC 7617), if it can send them.
    pub(super) fn credentials(&self) -> Result<Token, EndpointSettingError> {
        let Self { name, password } = self;
        let problem = if name.is_empty() || password.is_empty() {
            "the user or the password is empty; expected both"
        } else if name.contains(':') {
            "the user contains a colon, which ends it in the header; expected a user without one"
        } else if name.chars().chain(password.chars()).any(char::is_control) {
            "the user or the password contains a control character, such as a line break; expected none"
        } else {
            return Ok(Token(STANDARD.encode(format!("{name}:{password}"))));
        };
        Err(EndpointSettingError::BasicAuth(problem))
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
            (bits <= width).then_some(Self { address, bits }.canonical())
        };
        parsed().ok_or_else(|| EndpointSettingError::Network { network: text.to_owned() })
    }

    /// Returns the IPv4 network of an IPv4-mapped one, `::ffff:10.0.0.0/104`, because peers are compared as IPv4
    /// addresses.
    fn canonical(self) -> Self {
        match (self.address.to_canonical(), self.bits.checked_sub(96)) {
            (address @ IpAddr::V4(_), Some(bits)) if self.address.is_ipv6() => Self { address, bits },
            _ => self,
        }
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
    /// The credentials of users, as clients send them. A request needs a token, or those of a user.
    pub(super) users: Vec<Token>,
    /// The allowed networks; `None` allows all.
    pub(super) networks: Option<Vec<Network>>,
    /// The TLS of a separate address.
    pub(super) tls: Option<Arc<Tls>>,
    /// `true` if the page may be public without tokens and networks.
    pub(super) open: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Allowed,
    /// The peer is in none of the allowed networks.
    Forbidden,
    /// Networks are listed, but the server does not provide the address of the peer.
    UnknownPeer,
    /// The request has no valid token, and no valid user and password.
    Unauthorized,
}

impl Access {
    /// Returns `true` if access is restricted, or explicitly open to everyone.
    #[cfg(feature = "serve")]
    pub(super) fn may_be_public(&self) -> bool {
        self.is_set() || self.tls().is_some_and(Tls::requires_client_certificate)
    }

    /// Returns the TLS of a separate address.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_deref()
    }

    /// Returns `true` if a bearer token is valid.
    pub(crate) fn takes_token(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Returns `true` if a user with a password is valid.
    pub(crate) fn takes_user(&self) -> bool {
        !self.users.is_empty()
    }

    /// Returns `true` if requests need a token, or a user and a password.
    fn requires_credentials(&self) -> bool {
        self.takes_token() || self.takes_user()
    }

    /// Returns the schemes that a client may use.
    pub(super) fn challenges(&self) -> impl Iterator<Item = &'static str> + use<> {
        let bearer = self.takes_token().then_some("Bearer realm=\"metrics\"");
        let basic = self.takes_user().then_some("Basic realm=\"metrics\", charset=\"UTF-8\"");
        bearer.into_iter().chain(basic)
    }

    /// Decides by the address of the peer, never by a header such as `x-forwarded-for`. Pass `None` as `authorization`
    /// if the request has no such header, or more than one.
    pub(super) fn decide(&self, peer: Option<IpAddr>, authorization: Option<&[u8]>) -> Decision {
        let decision = self.decide_peer(peer);
        if decision != Decision::Allowed || !self.requires_credentials() {
            return decision;
        }
        let presented = |scheme| authorization.and_then(|text| credentials(text, scheme)).unwrap_or_default();
        let is_one = |known: &[Token], presented: &[u8]| {
            known.iter().fold(Choice::from(0), |valid, token| valid | token.matches(presented))
        };
        let valid = is_one(&self.tokens, presented("bearer")) | is_one(&self.users, presented("basic"));
        if bool::from(valid) { Decision::Allowed } else { Decision::Unauthorized }
    }

    /// Decides by the allowed networks alone.
    pub(super) fn decide_peer(&self, peer: Option<IpAddr>) -> Decision {
        let Some(networks) = &self.networks else { return Decision::Allowed };
        // A dual-stack socket reports an IPv4 peer as ::ffff:10.1.2.3.
        match peer.map(|peer| peer.to_canonical()) {
            None => Decision::UnknownPeer,
            Some(peer) if networks.iter().any(|network| network.contains(peer)) => Decision::Allowed,
            Some(_) => Decision::Forbidden,
        }
    }

    /// Returns `true` if requests need credentials or an address, or if the page is explicitly open to everyone.
    pub(super) fn is_set(&self) -> bool {
        self.open || self.requires_credentials() || self.networks.is_some()
    }
}

/// Returns the credentials after the scheme, such as the token of `Bearer token`. The scheme is case-insensitive (RFC
/// 9110, section 11.1; RFC 6750, section 2.1).
fn credentials<'a>(authorization: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (found, credentials) = authorization.split_at_checked(scheme.len())?;
    let credentials = credentials.strip_prefix(b" ")?;
    found.eq_ignore_ascii_case(scheme.as_bytes()).then(|| credentials.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(tokens: &[&str], networks: Option<&[&str]>) -> Access {
        Access {
            tokens: tokens.iter().map(|&token| Token::new(token.to_owned())).collect(),
            networks: networks.map(|networks| networks.iter().map(|text| Network::parse(text).expect(text)).collect()),
            ..Access::default()
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

    #[cfg(feature = "basic-auth")]
    #[test]
    fn a_user_needs_the_password_and_a_token_is_as_good() {
        let user = User::new("ada".into(), "s3:crét".into());
        let mut access = access(&["t"], None);
        access.users.push(user.credentials().expect("valid"));
        let decision = |header: &str| access.decide(None, Some(header.as_bytes()));
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for header in [basic("ada:s3:crét"), basic("ada:s3:crét").replace("Basic", "bASIC "), "Bearer t".to_owned()] {
            assert_eq!(decision(&header), Decision::Allowed, "{header}");
        }
        let token = STANDARD.encode("ada:s3:crét");
        for header in [
            basic("ada:"),
            basic("ada:s3:cré"),
            basic("ada:s3:crétt"),
            basic(":s3:crét"),
            basic("Ada:s3:crét"),
            basic("t"),
            "Basic t".to_owned(),
            "Basic ".to_owned(),
            "Basic ada:s3:crét".to_owned(),
            format!("Bearer {token}"),
        ] {
            assert_eq!(decision(&header), Decision::Unauthorized, "{header}");
        }
        assert!(!format!("{user:?}").contains("s3"));
        let challenges: Vec<_> = access.challenges().collect();
        assert!(challenges[0].starts_with("Bearer ") && challenges[1].starts_with("Basic "), "{challenges:?}");
        for (name, password) in [("", "p"), ("a", ""), ("a:b", "p"), ("a", "p\n"), ("\0", "p")] {
            let error = User::new(name.into(), password.into()).credentials().expect_err(name).to_string();
            assert!(error.starts_with("basic authentication: ") && !error.contains("p\n"), "{error}");
        }
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
    fn both_sides_are_compared_as_ipv4_if_they_are_mapped_to_ipv6() {
        for (network, inside, outside) in [
            ("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("::ffff:127.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1"),
            ("::ffff:7f00:1/128", "127.0.0.1", "::1"),
            ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.1"),
            ("::FFFF:0:0/96", "8.8.8.8", "::1"),
            ("127.0.0.1", "::ffff:127.0.0.1", "::ffff:127.0.0.2"),
            ("::127.0.0.1", "::127.0.0.1", "127.0.0.1"),
            ("64:ff9b::/96", "64:ff9b::7f00:1", "127.0.0.1"),
            // A larger network that includes the mapped addresses has IPv6 peers only, as `0.0.0.0/0` has IPv4 peers only.
            ("::/0", "fe80::1", "::ffff:127.0.0.1"),
        ] {
            let access = access(&[], Some(&[network]));
            assert_eq!(from(inside, &access), Decision::Allowed, "{inside} in {network}");
            assert_eq!(from(outside, &access), Decision::Forbidden, "{outside} in {network}");
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
