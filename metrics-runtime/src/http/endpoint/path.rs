//! Which paths the metrics page can have.

/// A path that the metrics page cannot have.
///
/// It has to be one that every client asks for exactly as it is written, and that a router takes literally.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Nothing at all.
    #[error("the path is empty; it has to start with `/`, as in `/metrics`")]
    #[non_exhaustive]
    Empty,
    /// It does not start with a slash: a bare word, or a whole address.
    #[error("the path {path:?} starts with {first:?}; it has to start with `/`, as in `/metrics`")]
    #[non_exhaustive]
    NoSlash {
        /// The path.
        path: String,
        /// What it starts with.
        first: char,
    },
    /// A character that is not literal in a route, or that clients write in another way.
    #[error(
        "the path {path:?} contains {character:?}; allowed are ASCII letters, digits and {ALLOWED}, \
         so leave out parameters, wildcards, queries and escapes"
    )]
    #[non_exhaustive]
    Character {
        /// The path.
        path: String,
        /// The first such character.
        character: char,
    },
    /// A segment that clients or proxies change, or that a router does not take.
    #[error(
        "the path {path:?} has the segment {segment:?}; every part between two `/` has to be there, \
         be neither `.` nor `..`, and not start with `:`"
    )]
    #[non_exhaustive]
    Segment {
        /// The path.
        path: String,
        /// The first such segment.
        segment: String,
    },
}

/// Beside letters and digits: what RFC 3986 lets stand in a path as it is, without the wildcard `*`.
const ALLOWED: &str = "/-._~!$&'()+,;=:@";

/// Whether the metrics page can have this path. A slash at the end is taken literally.
pub(crate) fn check_path(path: &str) -> Result<(), PathError> {
    let owned = || path.to_owned();
    match path.chars().next() {
        None => return Err(PathError::Empty),
        Some('/') => {}
        Some(first) => return Err(PathError::NoSlash { path: owned(), first }),
    }
    if let Some(character) = path.chars().find(|&c| !c.is_ascii_alphanumeric() && !ALLOWED.contains(c)) {
        return Err(PathError::Character { path: owned(), character });
    }
    let within = path[1..].strip_suffix('/').unwrap_or(&path[1..]);
    let bad = |segment: &str| matches!(segment, "" | "." | "..") || segment.starts_with(':');
    match within.split('/').find(|segment| bad(segment)) {
        Some(segment) if path != "/" => Err(PathError::Segment { path: owned(), segment: segment.to_owned() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_paths_are_taken() {
        for path in ["/metrics", "/", "/metrics/", "/-/metrics", "/internal/v1.0/m_e~t", "/a:b@c", "/..a/.well-known"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn what_no_client_asks_for_or_no_router_takes_literally_is_refused() {
        let message = |path: &str| check_path(path).expect_err(path).to_string();
        assert_eq!(message(""), "the path is empty; it has to start with `/`, as in `/metrics`");
        assert_eq!(
            message("metrics"),
            "the path \"metrics\" starts with 'm'; it has to start with `/`, as in `/metrics`"
        );
        for (path, character) in [
            ("/metrics ", ' '),
            ("/a\nb", '\n'),
            ("/{a}", '{'),
            ("/a}", '}'),
            ("/*a", '*'),
            ("/a?b", '?'),
            ("/a#b", '#'),
            ("/%6d", '%'),
            ("/é", 'é'),
            ("/a\\b", '\\'),
            ("/a\"", '"'),
            ("/a\0", '\0'),
        ] {
            let error = check_path(path);
            assert_eq!(error, Err(PathError::Character { path: path.to_owned(), character }));
        }
        for (path, segment) in [
            ("//", ""),
            ("//metrics", ""),
            ("/a//b", ""),
            ("/metrics//", ""),
            ("/./metrics", "."),
            ("/a/..", ".."),
            ("/a/../", ".."),
            ("/:metrics", ":metrics"),
        ] {
            let error = check_path(path);
            assert_eq!(error, Err(PathError::Segment { path: path.to_owned(), segment: segment.to_owned() }));
        }
        assert!(message("http://localhost/metrics").contains("starts with 'h'"));
        // What came from the environment is shown escaped.
        assert!(message("/a\x1b[31m").contains("\\u{1b}"));
    }
}
