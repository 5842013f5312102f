//! Label values, and the text of a label set.
//!
//! A label set is stored as the text that the exposition formats write, `a="x",b="y"`, escaped once when the series is
//! created. The text is also the key of the series. Different tuples of values never have the same text, because the
//! values can be parsed back from it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::marker::PhantomData;

use crate::contained::contained;

/// A type whose values can be used as label values.
///
/// Implemented for strings, integers, `bool`, `char`, [`Outcome`](crate::Outcome), options of and references to them, and
/// derived for enums without fields by [`#[derive(LabelValue)]`](derive@crate::LabelValue). With the feature `http` also
/// implemented for `http::Method` and `http::StatusCode`.
///
/// Every distinct value creates a series. Prefer types with few values; see the
/// [naming practices](https://prometheus.io/docs/practices/naming/#labels).
///
/// ```
/// use metrics_runtime::{Label, LabelValue};
///
/// struct Tenant { name: String }
///
/// impl LabelValue for Tenant {
///     fn label(&self) -> Label<'_> {
///         Label::from(self.name.as_str())
///     }
/// }
/// assert_eq!(Tenant { name: "acme".into() }.label().as_str(), "acme");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as a label value",
    label = "does not implement `LabelValue`",
    note = "labels take strings, integers, `bool`, `char` and enums with `#[derive(LabelValue)]`",
    note = "for another type, use one of its fields (`labels(key = value.field)`) or implement `LabelValue`"
)]
pub trait LabelValue {
    /// All values of the type, if they are few and known at compile time. Their series exist at zero from the start.
    /// Empty if the values are not known.
    const VALUES: &'static [&'static str] = &[];

    /// `true` if the methods never panic, so that generated code does not contain them.
    #[doc(hidden)]
    const CANNOT_PANIC: bool = false;

    /// Returns the text of this value.
    fn label(&self) -> Label<'_>;

    /// Returns the index of this value in [`VALUES`](Self::VALUES), or `None` if finding it would require a comparison
    /// of texts.
    ///
    /// A series whose labels all have an ordinal is found by index. Any other series is found by a hash of the texts.
    #[inline]
    fn ordinal(&self) -> Option<usize> {
        None
    }
}

/// The value of a label whose value could not be determined, because the code of the application panicked.
pub(crate) const INVALID: &str = "_invalid";

/// Returns the text of a label value, or `_invalid` if the implementation panics.
#[inline]
pub fn label_of<T: LabelValue + ?Sized>(value: &T) -> Label<'_> {
    if T::CANNOT_PANIC {
        value.label()
    } else {
        contained(|| value.label()).unwrap_or(const { Label::from_static(INVALID) })
    }
}

/// Returns the text of the label value that a closure has returned, or `_invalid` if it panicked.
pub fn label_found<T: LabelValue>(value: &Option<T>) -> Label<'_> {
    value.as_ref().map_or(const { Label::from_static(INVALID) }, label_of)
}

/// The index of a value among all values of its type, or of a tuple among all tuples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordinal {
    index: usize,
    /// The number of all values. The compiler knows it, so that finding a series needs no table.
    count: usize,
}

impl Ordinal {
    /// Returns the ordinal of a tuple, or `None` if one of its labels has none.
    #[inline]
    pub(crate) fn of_tuple(ordinals: &[Option<Self>]) -> Option<Self> {
        let mut tuple = Self { index: 0, count: 1 };
        for ordinal in ordinals {
            let Self { index, count } = (*ordinal)?;
            tuple.index = tuple.index.wrapping_mul(count).wrapping_add(index);
            tuple.count = tuple.count.saturating_mul(count);
        }
        Some(tuple)
    }

    /// Returns the element of an array that has one for each value, or `None` if it has another length.
    #[inline]
    pub(crate) fn among<T>(self, all: &[T]) -> Option<&T> {
        if all.len() == self.count { all.get(self.index) } else { None }
    }
}

/// Returns the ordinal of a label value, or `None` if it has none, or if the implementation panics or is wrong.
#[inline]
pub fn ordinal_of<T: LabelValue + ?Sized>(value: &T) -> Option<Ordinal> {
    let index = if T::CANNOT_PANIC { value.ordinal() } else { contained(|| value.ordinal()).flatten() };
    let count = T::VALUES.len();
    index.filter(|index| *index < count).map(|index| Ordinal { index, count })
}

/// Returns the value, which must have the type that the attribute names.
#[inline]
pub const fn typed<T: ?Sized>(value: &T) -> &T {
    value
}

/// The text of a label value: borrowed, owned, or stored inline if it is a number or a `char`.
///
/// ```
/// use metrics_runtime::{Label, LabelValue};
///
/// assert_eq!(404_u16.label().as_str(), "404");
/// assert_eq!(Label::from("acme").as_str(), "acme");
/// ```
#[derive(Clone, Debug)]
pub struct Label<'a>(Repr<'a>);

#[derive(Clone, Debug)]
enum Repr<'a> {
    Text(Cow<'a, str>),
    Short(Short),
}

impl Label<'_> {
    /// Creates a label value from a static string. Can be used in constants.
    #[inline]
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Text(Cow::Borrowed(text)))
    }

    /// Returns the text, without escapes.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Text(text) => text,
            Repr::Short(short) => short.as_str(),
        }
    }
}

impl AsRef<str> for Label<'_> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl<'a> From<&'a str> for Label<'a> {
    #[inline]
    fn from(text: &'a str) -> Self {
        Self(Repr::Text(Cow::Borrowed(text)))
    }
}

impl From<String> for Label<'_> {
    fn from(text: String) -> Self {
        Self(Repr::Text(Cow::Owned(text)))
    }
}

impl<'a> From<Cow<'a, str>> for Label<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(Repr::Text(text))
    }
}

/// The capacity of an inline text: the longest integer, `-170141183460469231731687303715884105728`, has 40 bytes.
const SHORT: usize = 40;

#[derive(Clone, Copy, Debug)]
struct Short {
    bytes: [u8; SHORT],
    len: u8,
}

impl Short {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl std::fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let start = usize::from(self.len);
        let end = start + text.len();
        self.bytes.get_mut(start..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = u8::try_from(end).map_err(|_| std::fmt::Error)?;
        Ok(())
    }
}

fn short(value: impl std::fmt::Display) -> Label<'static> {
    let mut short = Short { bytes: [0; SHORT], len: 0 };
    match write!(short, "{value}") {
        Ok(()) => Label(Repr::Short(short)),
        Err(_) => Label::from(value.to_string()),
    }
}

macro_rules! text_labels {
    ($($ty:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl LabelValue for $ty {
            const CANNOT_PANIC: bool = true;

            #[inline]
            fn label(&self) -> Label<'_> {
                let text: &str = self;
                Label::from(text)
            }
        }
    )*};
}
text_labels!(str, String, Cow<'_, str>, Box<str>, std::rc::Rc<str>, std::sync::Arc<str>);

macro_rules! number_labels {
    ($($ty:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl LabelValue for $ty {
            const CANNOT_PANIC: bool = true;

            fn label(&self) -> Label<'_> {
                short(self)
            }
        }
    )*};
}
number_labels!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, char);

#[diagnostic::do_not_recommend]
impl LabelValue for bool {
    const VALUES: &'static [&'static str] = &["false", "true"];
    const CANNOT_PANIC: bool = true;

    #[inline]
    fn label(&self) -> Label<'_> {
        Label::from(if *self { "true" } else { "false" })
    }

    #[inline]
    fn ordinal(&self) -> Option<usize> {
        Some(usize::from(*self))
    }
}

#[diagnostic::do_not_recommend]
impl<T: LabelValue + ?Sized> LabelValue for &T {
    const VALUES: &'static [&'static str] = T::VALUES;
    const CANNOT_PANIC: bool = T::CANNOT_PANIC;

    #[inline]
    fn label(&self) -> Label<'_> {
        T::label(self)
    }

    #[inline]
    fn ordinal(&self) -> Option<usize> {
        T::ordinal(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: LabelValue + ?Sized> LabelValue for &mut T {
    const VALUES: &'static [&'static str] = T::VALUES;
    const CANNOT_PANIC: bool = T::CANNOT_PANIC;

    #[inline]
    fn label(&self) -> Label<'_> {
        T::label(self)
    }

    #[inline]
    fn ordinal(&self) -> Option<usize> {
        T::ordinal(self)
    }
}

/// `None` is the empty text, which for Prometheus is the same as no label.
#[diagnostic::do_not_recommend]
impl<T: LabelValue> LabelValue for Option<T> {
    const VALUES: &'static [&'static str] = Optional::<T>::VALUES;
    const CANNOT_PANIC: bool = T::CANNOT_PANIC;

    #[inline]
    fn label(&self) -> Label<'_> {
        self.as_ref().map_or(const { Label::from_static("") }, T::label)
    }

    #[inline]
    fn ordinal(&self) -> Option<usize> {
        match self {
            _ if Self::VALUES.is_empty() => None,
            None => Some(0),
            Some(value) => value.ordinal().map(|ordinal| ordinal + 1),
        }
    }
}

/// The most values of an optional label that are known.
const MOST_OPTIONAL: usize = 64;

/// The known values of an optional label.
struct Optional<T>(PhantomData<T>);

impl<T: LabelValue> Optional<T> {
    /// The empty text, and the values of the type.
    const ALL: [&'static str; MOST_OPTIONAL] = {
        let mut all = [""; MOST_OPTIONAL];
        let mut i = 1;
        while i <= T::VALUES.len() && i < MOST_OPTIONAL {
            all[i] = T::VALUES[i - 1];
            i += 1;
        }
        all
    };

    const VALUES: &'static [&'static str] = match T::VALUES.len() {
        1..MOST_OPTIONAL => Self::ALL.split_at(T::VALUES.len() + 1).0,
        _ => &[],
    };
}

#[cfg(feature = "http")]
#[diagnostic::do_not_recommend]
impl LabelValue for http::Method {
    const CANNOT_PANIC: bool = true;

    fn label(&self) -> Label<'_> {
        Label::from(self.as_str())
    }
}

#[cfg(feature = "http")]
#[diagnostic::do_not_recommend]
impl LabelValue for http::StatusCode {
    const CANNOT_PANIC: bool = true;

    fn label(&self) -> Label<'_> {
        short(self.as_u16())
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for Label<'_> {
    const CANNOT_PANIC: bool = true;

    fn label(&self) -> Label<'_> {
        Label::from(self.as_str())
    }
}

/// The known values of a type: [`LabelValue::VALUES`], or the empty list of [`UnknownValues`] if the type is not a
/// label value.
#[derive(Debug)]
pub struct Known<T: ?Sized>(PhantomData<T>);

impl<T: LabelValue + ?Sized> Known<T> {
    /// All values of the type.
    pub const VALUES: &'static [&'static str] = T::VALUES;
}

/// The fallback of [`Known`] for a type that is not a label value. The compiler reports that type where the value is
/// used, with a better message.
pub trait UnknownValues {
    /// The empty list.
    const VALUES: &'static [&'static str] = &[];
}

impl<T: ?Sized> UnknownValues for Known<T> {}

/// The longest label value, in bytes.
///
/// A longer value is cut at the end of a character, and `~` with a hash of the whole value is appended, so that two
/// values never share a series: the value then has at most this length. Clients can send values of any length, and a
/// series keeps its values for as long as it exists.
pub const MAX_LABEL_VALUE_BYTES: usize = 1_024;

/// Returns the values to store, or `None` if no value is too long.
pub(crate) fn shortened<'a>(values: &[&'a str]) -> Option<Vec<Cow<'a, str>>> {
    let is_long = |value: &&str| value.len() > MAX_LABEL_VALUE_BYTES;
    let shorten = |value: &&'a str| if is_long(value) { short_form(value).into() } else { Cow::Borrowed(*value) };
    values.iter().any(is_long).then(|| values.iter().map(shorten).collect())
}

/// Returns the start of a value that is too long, and a hash of the whole value.
#[cold]
fn short_form(value: &str) -> String {
    // The two halves of the hash are hashes of different texts. The hasher has no random seed, so that every process
    // finds the same.
    let hash = |half: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(half);
        hasher.write(value.as_bytes());
        hasher.finish()
    };
    let mark = format!("~{:016x}{:016x}", hash(0), hash(1));
    let end = (0..=MAX_LABEL_VALUE_BYTES - mark.len()).rev().find(|&end| value.is_char_boundary(end));
    format!("{}{mark}", &value[..end.unwrap_or(0)])
}

/// The labels of one look-up whose values are only known at run time, by their index. All other values are bounded by
/// the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenLabels(u32);

impl OpenLabels {
    /// The program bounds all values.
    pub(crate) const NONE: Self = Self(0);
    /// Any value is possible for each label.
    pub(crate) const ALL: Self = Self(u32::MAX);

    /// Adds the label with this index. The 32nd label and those after it are open together.
    pub(crate) const fn with(self, label: usize) -> Self {
        if label < 31 { Self(self.0 | 1 << label) } else { Self(self.0 | 1 << 31) }
    }

    pub(crate) fn contains(self, label: usize) -> bool {
        self.0 >> label.min(31) & 1 == 1
    }

    /// Returns `true` if one of the first `labels` labels is open.
    pub(crate) fn is_any(self, labels: usize) -> bool {
        match labels {
            0..32 => self.0 & ((1 << labels) - 1) != 0,
            _ => self.0 != 0,
        }
    }
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'\\' | b'"' | b'\n')
}

/// Appends a label value, escaped as both exposition formats require.
pub(crate) fn escape_into(out: &mut String, value: &str) {
    if !value.bytes().any(is_special) {
        out.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

/// Appends `name="value"`, after a comma unless it is the first pair.
pub(crate) fn push_pair(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(name);
    out.push_str("=\"");
    escape_into(out, value);
    out.push('"');
}

/// The escaped text of one label set, `a="x",b="y"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabelText {
    /// The text, after a mark of one byte that shows if a value is escaped. A separate field would take eight bytes.
    marked: Box<str>,
}

/// The mark of a text without escapes, whose values are compared byte by byte.
const PLAIN: &str = "=";
/// The mark of a text in which at least one value is escaped.
const ESCAPED: &str = "\\";

impl LabelText {
    pub(crate) fn new<N: AsRef<str>>(names: &[N], values: &[&str]) -> Self {
        let escaped = values.iter().any(|value| value.bytes().any(is_special));
        let len = names.iter().map(|name| name.as_ref().len() + 4).sum::<usize>()
            + values.iter().map(|value| value.len()).sum::<usize>();
        let mut text = String::with_capacity(len + 1);
        for (name, value) in names.iter().zip(values) {
            push_pair(&mut text, name.as_ref(), value);
        }
        text.insert_str(0, if escaped { ESCAPED } else { PLAIN });
        Self { marked: text.into_boxed_str() }
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        self.marked.get(PLAIN.len()..).unwrap_or_default()
    }

    /// Returns `true` if this is the label set of these names and values.
    #[inline]
    pub(crate) fn is<N: AsRef<str>>(&self, names: &[N], values: &[&str]) -> bool {
        if !self.marked.starts_with(PLAIN) {
            return self.values().iter().map(AsRef::as_ref).eq(values.iter().copied());
        }
        let mut rest = self.marked.as_bytes();
        for (name, value) in names.iter().zip(values) {
            // Skips the mark or the comma after the previous pair, and `name="`.
            let Some(pair) = rest.get(name.as_ref().len() + 3..) else { return false };
            // No value contains a quote, so a quote after the value ends it.
            let Some((stored, [b'"', remaining @ ..])) = pair.split_at_checked(value.len()) else { return false };
            if stored != value.as_bytes() {
                return false;
            }
            rest = remaining;
        }
        rest.len() <= PLAIN.len()
    }

    /// Returns the values, parsed from the text.
    pub(crate) fn values(&self) -> Vec<Cow<'_, str>> {
        LabelPairs::new(self.as_str()).map(|(_, value)| value).collect()
    }
}

/// An iterator over the names and values of labels.
#[derive(Clone, Debug)]
pub(crate) struct LabelPairs<'a> {
    /// Escaped text, as [`push_pair`] writes it.
    text: &'a str,
}

impl<'a> LabelPairs<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text }
    }
}

impl<'a> Iterator for LabelPairs<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.text.strip_prefix(',').unwrap_or(self.text);
        // No name has an equals sign.
        let (name, rest) = text.split_once('=')?;
        let rest = rest.strip_prefix('"')?;
        let (plain, after) = rest.split_once('"')?;
        if !plain.contains('\\') {
            self.text = after;
            return Some((name, Cow::Borrowed(plain)));
        }
        let mut escape = false;
        let end = rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escape;
            escape = byte == b'\\' && !escape;
            ends
        })?;
        self.text = &rest[end + 1..];
        Some((name, unescape(&rest[..end])))
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(c) => out.push(c),
                None => {}
            },
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Calls `each` with every tuple that takes one value from each list, or never if there are more than `limit` tuples.
/// Returns the number of tuples.
pub(crate) fn each_tuple(lists: &[Vec<&'static str>], limit: usize, each: &mut dyn FnMut(&[&'static str])) -> usize {
    let count = if lists.iter().any(Vec::is_empty) {
        0
    } else {
        lists.iter().fold(1_usize, |count, list| count.saturating_mul(list.len()))
    };
    if (1..=limit).contains(&count) {
        descend(lists, &mut Vec::with_capacity(lists.len()), each);
    }
    count
}

fn descend(lists: &[Vec<&'static str>], tuple: &mut Vec<&'static str>, each: &mut dyn FnMut(&[&'static str])) {
    let Some((first, rest)) = lists.split_first() else {
        each(tuple);
        return;
    };
    for value in first {
        tuple.push(value);
        descend(rest, tuple, each);
        tuple.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMES: [&str; 3] = ["a", "bb", "c"];

    fn value() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            proptest::sample::select(vec!["\\", "\"", "\n", ",", "=", "a", "é", "_overflow", "bb=\"", "\\n", ""]),
            0..5,
        )
        .prop_map(|parts| parts.concat())
    }

    fn tuple() -> impl Strategy<Value = [String; 3]> {
        [value(), value(), value()]
    }

    fn refs(tuple: &[String; 3]) -> [&str; 3] {
        [&tuple[0], &tuple[1], &tuple[2]]
    }

    proptest! {
        #[test]
        fn the_values_are_parsed_back_from_the_text(values in tuple()) {
            let text = LabelText::new(&NAMES, &refs(&values));
            prop_assert_eq!(text.values(), values.iter().map(String::as_str).collect::<Vec<_>>());
        }

        #[test]
        fn only_equal_tuples_have_the_same_text(a in tuple(), b in tuple()) {
            let text = LabelText::new(&NAMES, &refs(&a));
            prop_assert!(text.is(&NAMES, &refs(&a)));
            prop_assert_eq!(text.is(&NAMES, &refs(&b)), a == b);
            prop_assert_eq!(text == LabelText::new(&NAMES, &refs(&b)), a == b);
        }
    }

    #[test]
    fn long_values_are_cut_at_a_character_and_stay_apart() {
        let long = |last: &str| format!("{}{last}", "é".repeat(MAX_LABEL_VALUE_BYTES));
        let [a, b] = [long("a"), long("b")].map(|value| shortened(&["x", &value]).unwrap().remove(1).into_owned());
        assert_ne!(a, b);
        for value in [&a, &b] {
            assert!(value.len() <= MAX_LABEL_VALUE_BYTES && value.starts_with("éé"), "{value}");
        }
        assert_eq!(shortened(&["", &"x".repeat(MAX_LABEL_VALUE_BYTES)]), None);
        let longer = "x".repeat(MAX_LABEL_VALUE_BYTES + 1);
        assert_eq!(shortened(&[&longer]).unwrap()[0].len(), MAX_LABEL_VALUE_BYTES);
    }

    #[test]
    fn the_boundary_between_two_values_counts() {
        let names = ["x", "y"];
        let text = LabelText::new(&names, &["ab", "c"]);
        assert!(!text.is(&names, &["a", "bc"]));
        assert_eq!(text.as_str(), r#"x="ab",y="c""#);
    }

    #[test]
    fn the_ordinal_of_a_tuple_is_its_index_among_all_tuples() {
        let lists = [vec!["a", "b"], vec!["x", "y", "z"], vec!["1", "2"]];
        let all: [usize; 12] = std::array::from_fn(|i| i);
        let mut next = 0;
        each_tuple(&lists, 12, &mut |tuple| {
            let ordinals: Vec<_> = lists
                .iter()
                .zip(tuple)
                .map(|(list, value)| {
                    let index = list.iter().position(|other| other == value);
                    index.map(|index| Ordinal { index, count: list.len() })
                })
                .collect();
            let ordinal = Ordinal::of_tuple(&ordinals).unwrap();
            assert_eq!(ordinal.among(&all), Some(&next));
            assert_eq!(ordinal.among(&all[..11]), None, "of other values");
            next += 1;
        });
        assert_eq!(next, 12);
        assert_eq!(Ordinal::of_tuple(&[None, ordinal_of(&true)]), None);
        let many = [Some(Ordinal { index: usize::MAX - 1, count: usize::MAX }); 3];
        assert_eq!(Ordinal::of_tuple(&many).unwrap().among(&all), None, "too many");
    }

    #[test]
    fn an_ordinal_out_of_range_is_none() {
        struct Wrong;
        impl LabelValue for Wrong {
            const VALUES: &'static [&'static str] = &["a", "b"];
            fn label(&self) -> Label<'_> {
                Label::from("a")
            }
            fn ordinal(&self) -> Option<usize> {
                Some(2)
            }
        }
        assert_eq!(ordinal_of(&Wrong), None);
    }

    #[test]
    fn every_tuple_of_known_values_is_visited_once() {
        let mut tuples = Vec::new();
        each_tuple(&[vec!["a", "b"], vec!["x", "y"]], 4, &mut |tuple| tuples.push(tuple.concat()));
        assert_eq!(tuples, ["ax", "ay", "bx", "by"]);
        each_tuple(&[], 4, &mut |tuple| tuples.push(format!("{tuple:?}")));
        assert_eq!(tuples.pop().as_deref(), Some("[]"));
        each_tuple(&[vec!["a"], vec![]], 4, &mut |_| panic!("a label without known values has no tuples"));
        each_tuple(&[vec!["a", "b"], vec!["x", "y", "z"]], 4, &mut |_| panic!("too many"));
    }
}
