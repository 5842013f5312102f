//! The methods that a layer knows.

use super::error::GrpcError;

/// The kind of a method: the value of `grpc_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One request, one response: `unary`.
    Unary,
    /// A stream of requests, one response: `client_stream`.
    ClientStream,
    /// One request, a stream of responses: `server_stream`.
    ServerStream,
    /// Two streams: `bidi_stream`.
    BidiStream,
}

impl MethodKind {
    /// Returns the value of `grpc_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ClientStream => "client_stream",
            Self::ServerStream => "server_stream",
            Self::BidiStream => "bidi_stream",
        }
    }

    pub(super) const fn of(client_streams: bool, server_streams: bool) -> Self {
        match (client_streams, server_streams) {
            (false, false) => Self::Unary,
            (true, false) => Self::ClientStream,
            (false, true) => Self::ServerStream,
            (true, true) => Self::BidiStream,
        }
    }
}

/// A method of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) service: String,
    pub(super) name: String,
    pub(super) kind: MethodKind,
}

impl Method {
    pub(super) fn at(path: &str, kind: MethodKind) -> Result<Self, GrpcError> {
        let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        match parts {
            Some((service, name)) if !service.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { service: service.to_owned(), name: name.to_owned(), kind })
            }
            _ => Err(GrpcError::Path { path: path.to_owned() }),
        }
    }

    pub(super) fn path(&self) -> String {
        format!("/{}/{}", self.service, self.name)
    }
}

/// The methods that every server can serve beside its own.
pub(super) const COMMON: [(&str, MethodKind); 5] = [
    ("/grpc.health.v1.Health/Check", MethodKind::Unary),
    ("/grpc.health.v1.Health/List", MethodKind::Unary),
    ("/grpc.health.v1.Health/Watch", MethodKind::ServerStream),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", MethodKind::BidiStream),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", MethodKind::BidiStream),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_service_and_a_method() {
        let method = Method::at("/shop.v1.Orders/Place", MethodKind::Unary).unwrap();
        assert_eq!((method.service.as_str(), method.name.as_str()), ("shop.v1.Orders", "Place"));
        for path in ["", "/", "shop.Orders/Place", "/shop.Orders", "/shop.Orders/", "//Place", "/shop/Orders/Place"] {
            let error = Method::at(path, MethodKind::Unary).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("found the path `{path}`; expected a service and a method, such as `/shop.Orders/Place`")
            );
        }
    }
}
