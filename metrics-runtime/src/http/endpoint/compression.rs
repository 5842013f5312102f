//! The content codings of a page.
//!
//! Source: RFC 9110, section 12.5.3 (`Accept-Encoding`); gzip is RFC 1952, zstd is RFC 8878.

use super::negotiate::entries;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "the available codings depend on the features")]
pub(super) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// The codings of this build, preferred ones first: zstd takes a fraction of gzip's time and produces fewer bytes.
const AVAILABLE: &[Coding] = &[
    #[cfg(feature = "zstd")]
    Coding::Zstd,
    #[cfg(feature = "gzip")]
    Coding::Gzip,
    Coding::Identity,
];

impl Coding {
    /// Returns the coding that an `Accept-Encoding` header prefers, or `Identity` if it accepts no available one. Even
    /// `identity;q=0` gets a page.
    pub(super) fn negotiate(accept_encoding: &str) -> Self {
        let (mut best, mut best_quality) = (Self::Identity, 0);
        let entries: Vec<_> = entries(accept_encoding).collect();
        for &coding in AVAILABLE {
            let named = entries.iter().find(|entry| coding.is_named(&entry.name));
            // `*` stands for each coding that the header does not name.
            let any = || entries.iter().find(|entry| entry.name == "*");
            let quality = named.or_else(any).map_or(0, |entry| entry.quality);
            if quality > best_quality {
                (best, best_quality) = (coding, quality);
            }
        }
        best
    }

    fn is_named(self, name: &str) -> bool {
        self.name() == name || (self == Self::Gzip && name == "x-gzip")
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Encodes a page, and returns `None` if this build does not support the coding or encoding fails.
    #[cfg_attr(not(any(feature = "gzip", feature = "zstd")), expect(unused_variables, reason = "no coding uses it"))]
    pub(super) fn encode(self, page: &[u8]) -> Option<Vec<u8>> {
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

/// The lowest level: a page is sent once, and higher levels cost more time than their smaller size saves.
#[cfg(feature = "gzip")]
const GZIP_LEVEL: u32 = 1;
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_used_unless_another_coding_is_accepted() {
        for header in [
            "",
            "identity",
            "br",
            "gzip;q=0",
            "zstd;q=0, gzip;q=0",
            "zstd;q=0, gzip;q=0, *",
            "*;q=0",
            "identity;q=0",
            "gzip;q=x",
            ";",
            "identity, *;q=0.5",
        ] {
            assert_eq!(Coding::negotiate(header), Coding::Identity, "{header}");
        }
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn gzip_is_used_if_it_is_named() {
        for header in [
            "gzip",
            "GZIP",
            "x-gzip",
            "br, gzip;q=0.1",
            "gzip, identity",
            "gzip;q=0.5, *;q=0.1",
            "deflate,gzip",
            "zstd;q=0, *",
            "zstd;q=0, *;q=0.1",
            "zstd;q=0, br, *;q=0.5, identity;q=0",
        ] {
            assert_eq!(Coding::negotiate(header), Coding::Gzip, "{header}");
        }
        for header in ["identity, gzip;q=0.9", "zstd;q=0, gzip;q=0.5, *"] {
            assert_eq!(Coding::negotiate(header), Coding::Identity, "{header}");
        }
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn zstd_is_used_unless_gzip_is_preferred() {
        for header in ["zstd", "*", "gzip;q=0.5, *", "gzip, zstd", "gzip, deflate, br, zstd", "gzip;q=0.8, zstd;q=0.9"]
        {
            assert_eq!(Coding::negotiate(header), Coding::Zstd, "{header}");
        }
        assert_eq!(Coding::negotiate("gzip, zstd;q=0.9"), Coding::Gzip);
    }
}
