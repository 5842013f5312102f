//! Checked JSON.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A struct that is read from a JSON object only. By itself, serde also reads a struct from an array of its fields.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct User {
        name: String,
    }

    #[test]
    fn an_object_is_read_and_an_array_is_not() {
        let Object(user) = serde_json::from_str::<Object<User>>(r#"{"name":"ada"}"#).expect("an object");
        assert_eq!(user.name, "ada");
        for json in [r#"["ada"]"#, r#""ada""#, "null", "1"] {
            let error = serde_json::from_str::<Object<User>>(json).expect_err(json).to_string();
            assert!(error.contains("expected an object"), "{error}");
        }
    }
}
