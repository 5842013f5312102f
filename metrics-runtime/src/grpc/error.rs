//! The errors of the settings.

use crate::error::debug_as_display;
use crate::registry::RegistryError;
use crate::schema::NameError;

/// The reason why [`Grpc::layer`](super::Grpc::layer) has failed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum GrpcError {
    /// The bytes are not an encoded `FileDescriptorSet`.
    #[error(
        "the descriptors cannot be read: {problem}; expected an encoded `FileDescriptorSet`, such as \
         `tonic::include_file_descriptor_set!(\"shop\")`"
    )]
    Descriptors {
        /// The reason.
        problem: String,
    },
    /// A path does not name a method.
    #[error("found the path `{path}`; expected a service and a method, such as `/shop.Orders/Place`")]
    Path {
        /// The path.
        path: String,
    },
    /// Two kinds of one method.
    #[error("`{path}` is {first} and {second}; a method has one kind")]
    Kind {
        /// The path of the method.
        path: String,
        /// The value of `grpc_type` that was given first.
        first: &'static str,
        /// The other value.
        second: &'static str,
    },
    /// The objective of a method cannot be turned into alerts, or the method has a second one.
    #[error("objective of {path}: {problem}")]
    Objective {
        /// The path of the method.
        path: String,
        /// The problem with its objective.
        problem: NameError,
    },
    /// No method is known, so that all calls would be `unknown`.
    #[error("found no method; name the methods with `descriptors(..)`, or one by one with `method(..)`")]
    NoMethod,
    /// A metric could not be registered.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

debug_as_display!(GrpcError);
