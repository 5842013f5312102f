//! The methods in the descriptors of services, which protobuf compilers write.

use std::convert::Infallible;

use micropb::{DecodeError, PbDecoder, WIRE_TYPE_LEN, WIRE_TYPE_VARINT};

use super::error::GrpcError;
use super::methods::{Method, MethodKind};

/// The numbers of the fields in [`descriptor.proto`][1].
///
/// [1]: https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto
mod field {
    pub(super) const FILE: u32 = 1;
    pub(super) const FILE_PACKAGE: u32 = 2;
    pub(super) const FILE_SERVICE: u32 = 6;
    pub(super) const SERVICE_NAME: u32 = 1;
    pub(super) const SERVICE_METHOD: u32 = 2;
    pub(super) const METHOD_NAME: u32 = 1;
    pub(super) const METHOD_CLIENT_STREAMS: u32 = 5;
    pub(super) const METHOD_SERVER_STREAMS: u32 = 6;
}

type Result<T> = std::result::Result<T, DecodeError<Infallible>>;

/// Reads the methods of an encoded `FileDescriptorSet`.
pub(super) fn methods(set: &[u8]) -> std::result::Result<Vec<Method>, GrpcError> {
    read(set).map_err(|error| {
        let problem = match error {
            DecodeError::UnexpectedEof => "they end in the middle of a field".to_owned(),
            DecodeError::Utf8 => "a name is not UTF-8".to_owned(),
            other => format!("{other:?}"),
        };
        GrpcError::Descriptors { problem }
    })
}

fn read(set: &[u8]) -> Result<Vec<Method>> {
    let mut methods = Vec::new();
    for file in messages(set, field::FILE)? {
        let package = text(file, field::FILE_PACKAGE)?;
        for service in messages(file, field::FILE_SERVICE)? {
            let name = text(service, field::SERVICE_NAME)?;
            let service_name = if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") };
            for method in messages(service, field::SERVICE_METHOD)? {
                let client_streams = flag(method, field::METHOD_CLIENT_STREAMS)?;
                let kind = MethodKind::of(client_streams, flag(method, field::METHOD_SERVER_STREAMS)?);
                let name = text(method, field::METHOD_NAME)?.to_owned();
                methods.push(Method { service: service_name.clone(), name, kind });
            }
        }
    }
    Ok(methods)
}

enum Value<'a> {
    Bytes(&'a [u8]),
    Varint(u64),
    Other,
}

/// Returns the fields of a message with their numbers.
fn fields(message: &[u8]) -> Result<Vec<(u32, Value<'_>)>> {
    let mut decoder = PbDecoder::new(message);
    let mut fields = Vec::new();
    while decoder.bytes_read() < message.len() {
        let tag = decoder.decode_tag()?;
        let value = match tag.wire_type() {
            WIRE_TYPE_LEN => {
                let len = decoder.decode_varint32()? as usize;
                let start = decoder.bytes_read();
                let bytes = start.checked_add(len).and_then(|end| message.get(start..end));
                decoder.skip_bytes(len)?;
                Value::Bytes(bytes.ok_or(DecodeError::UnexpectedEof)?)
            }
            WIRE_TYPE_VARINT => Value::Varint(decoder.decode_varint64()?),
            other => {
                decoder.skip_wire_value(other)?;
                Value::Other
            }
        };
        fields.push((tag.field_num(), value));
    }
    Ok(fields)
}

fn messages(message: &[u8], number: u32) -> Result<Vec<&[u8]>> {
    let fields = fields(message)?.into_iter();
    let messages = fields.filter_map(|field| match field {
        (found, Value::Bytes(bytes)) if found == number => Some(bytes),
        _ => None,
    });
    Ok(messages.collect())
}

/// Returns the last text of this field, or an empty one.
fn text(message: &[u8], number: u32) -> Result<&str> {
    let texts = messages(message, number)?;
    Ok(std::str::from_utf8(texts.last().copied().unwrap_or_default())?)
}

fn flag(message: &[u8], number: u32) -> Result<bool> {
    let fields = fields(message)?;
    Ok(fields.iter().any(|field| matches!(field, (found, Value::Varint(1..)) if *found == number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a field with a length.
    fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(value.len()).unwrap()], value].concat()
    }

    fn method(name: &str, streams: &[u8]) -> Vec<u8> {
        let streams: Vec<u8> = streams.iter().flat_map(|number| [number << 3, 1]).collect();
        bytes(2, &[bytes(1, name.as_bytes()), streams].concat())
    }

    #[test]
    fn methods_have_their_package_and_kind() {
        let all = [method("Get", &[]), method("Put", &[5]), method("List", &[6]), method("Chat", &[5, 6])].concat();
        let service = bytes(6, &[bytes(1, b"Orders"), all].concat());
        // A field that is not needed: the syntax of the file.
        let file = bytes(1, &[bytes(2, b"shop.v1"), service.clone(), bytes(12, b"proto3")].concat());
        let without_package = bytes(1, &bytes(6, &[bytes(1, b"Bare"), method("Do", &[])].concat()));
        let found = methods(&[file, without_package].concat()).unwrap();
        let found: Vec<_> = found.iter().map(|method| (method.path(), method.kind)).collect();
        let expected = [
            ("/shop.v1.Orders/Get", MethodKind::Unary),
            ("/shop.v1.Orders/Put", MethodKind::ClientStream),
            ("/shop.v1.Orders/List", MethodKind::ServerStream),
            ("/shop.v1.Orders/Chat", MethodKind::BidiStream),
            ("/Bare/Do", MethodKind::Unary),
        ];
        assert_eq!(found, expected.map(|(path, kind)| (path.to_owned(), kind)));
    }

    #[test]
    fn bytes_that_are_no_descriptors_are_an_error() {
        for broken in [&[0x0a, 0x7f, 1][..], &[0x0a], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], b"syntax = \"proto3\";"] {
            let error = methods(broken).unwrap_err().to_string();
            assert!(error.starts_with("the descriptors cannot be read: "), "{error}");
        }
        assert_eq!(methods(&[]).unwrap(), []);
    }
}
