//! The check of the page's path.

/// A path that is not valid for the metrics page.
///
/// A valid path is requested by every client exactly as it is written, and a router matches it literally.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The path is empty.
    #[error("the path is empty; expected a path that starts with `/`, such as `/metrics`")]
    #[non_exhaustive]
    Empty,
    /// The path does not start with a slash.
    #[error("the path {path:?} starts with {first:?}; expected a path that starts with `/`, such as `/metrics`")]
    #[non_exhaustive]
    NoSlash {
        /// The path.
        path: String,
        /// The first character.
        first: char,
    },
    /// The path has a character that is not literal in a route, or that clients encode.
    #[error(
        "the path {path:?} contains {character:?}; expected ASCII letters, digits and {ALLOWED}, without parameters, \
         wildcards, queries and escapes"
    )]
    #[non_exhaustive]
    Character {
        /// The path.
        path: String,
        /// The first invalid character.
        character: char,
    },
    /// The path has a segment that clients or proxies change, or that a router rejects.
    #[error(
        "the path {path:?} has the segment {segment:?}; expected segments that are not empty, are neither `.` nor `..`, \
         and do not start with `:`"
    )]
    #[non_exhaustive]
    Segment {
        /// The path.
        path: String,
        /// The first invalid segment.
        segment: String,
    },
}

/// The characters besides letters and digits that RFC 3986 allows in a path unescaped, without the wildcard `*`.
const ALLOWED: &str = "/-._~!$&'()+,;=:@";

/// Checks that the path is valid for the metrics page. A trailing slash is allowed and literal.
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
    let is_invalid = |segment: &str| matches!(segment, "" | "." | "..") || segment.starts_with(':');
    match within.split('/').find(|segment| is_invalid(segment)) {
        Some(segment) if path != "/" => Err(PathError::Segment { path: owned(), segment: segment.to_owned() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_paths_are_valid() {
        for path in ["/metrics", "/", "/metrics/", "/-/metrics", "/internal/v1.0/m_e~t", "/a:b@c", "/..a/.well-known"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn a_path_that_no_client_requests_or_no_router_matches_literally_is_an_error() {
        let message = |path: &str| check_path(path).expect_err(path).to_string();
        assert_eq!(message(""), "the path is empty; expected a path that starts with `/`, such as `/metrics`");
        assert_eq!(
            message("metrics"),
            "the path \"metrics\" starts with 'm'; expected a path that starts with `/`, such as `/metrics`"
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
        // A path from the environment is shown escaped.
        assert!(message("/a\x1b[31m").contains("\\u{1b}"));
    }
}
