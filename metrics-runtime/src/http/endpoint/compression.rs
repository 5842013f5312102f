//! The encodings in which a page can be sent.
//!
//! Source: RFC 9110, section 12.5.3 (`Accept-Encoding`); gzip is RFC 1952, zstd is RFC 8878.

use super::negotiate::entries;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "which of them there are depends on the features")]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// Those that this build has, the preferred ones first: zstd takes a fraction of gzip's time for fewer bytes.
const AVAILABLE: &[Coding] = &[
    #[cfg(feature = "zstd")]
    Coding::Zstd,
    #[cfg(feature = "gzip")]
    Coding::Gzip,
    Coding::Identity,
];

impl Coding {
    /// The coding that an `Accept-Encoding` header prefers. A page as it is, where it says nothing that is known: there
    /// is always an answer.
    pub(crate) fn negotiate(accept_encoding: &str) -> Self {
        let (mut best, mut most) = (Self::Identity, 0);
        let wishes: Vec<_> = entries(accept_encoding).collect();
        for &coding in AVAILABLE {
            let named = wishes.iter().find(|wish| coding.is_called(&wish.name));
            // `*` stands for those that are not named. Nobody has to be sent what it did not name.
            let any = || wishes.iter().find(|wish| coding == Self::Identity && wish.name == "*");
            let quality = named.or_else(any).map_or(0, |wish| wish.quality);
            if quality > most {
                (best, most) = (coding, quality);
            }
        }
        best
    }

    fn is_called(self, name: &str) -> bool {
        self.name() == name || (self == Self::Gzip && name == "x-gzip")
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The page in this coding; nothing where this build does not have it.
    #[cfg_attr(not(any(feature = "gzip", feature = "zstd")), expect(unused_variables, reason = "there is no other"))]
    pub(crate) fn encode(self, page: &[u8]) -> Option<Vec<u8>> {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => {
                use std::io::Write as _;
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
                encoder.write_all(page).ok()?;
                encoder.finish().ok()
            }
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::bulk::compress(page, ZSTD_LEVEL).ok(),
            _ => None,
        }
    }
}

/// A page is sent once: what a higher level saves in bytes, it costs several times over in time.
#[cfg(feature = "gzip")]
const GZIP_LEVEL: u32 = 1;
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_what_everybody_takes() {
        for header in
            ["", "identity", "br", "gzip;q=0", "zstd;q=0, gzip;q=0", "*", "*;q=0", "identity;q=0", "gzip;q=x", ";"]
        {
            assert_eq!(Coding::negotiate(header), Coding::Identity, "{header}");
        }
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn gzip_for_those_who_name_it() {
        for header in
            ["gzip", "GZIP", "x-gzip", "br, gzip;q=0.1", "gzip, identity", "gzip;q=0.5, *;q=0.1", "deflate,gzip"]
        {
            assert_eq!(Coding::negotiate(header), Coding::Gzip, "{header}");
        }
        for header in ["identity, gzip;q=0.9", "gzip;q=0.5, *"] {
            assert_eq!(Coding::negotiate(header), Coding::Identity, "{header}");
        }
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn zstd_unless_gzip_is_preferred() {
        for header in ["zstd", "gzip, zstd", "gzip, deflate, br, zstd", "gzip;q=0.8, zstd;q=0.9"] {
            assert_eq!(Coding::negotiate(header), Coding::Zstd, "{header}");
        }
        assert_eq!(Coding::negotiate("gzip, zstd;q=0.9"), Coding::Gzip);
    }
}
