//! A shape as Rust source: a module with the function and a caller, `drive`.
//!
//! Both versions of the function have the same lines: the line of an attribute is empty in the plain version. So the
//! lines of warnings are equal too.

use crate::attributes;
use crate::body;
use crate::shape::{
    Beside, Bound, Carrier, Edition, Kind, Name, Output, Param, ParamAttribute, ParamType, Pattern, Qualifier,
    Receiver, Shape, Track,
};

/// The lines of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    text: String,
    only_annotated: bool,
}

impl Source {
    fn line(&mut self, text: impl Into<String>) {
        for text in text.into().lines() {
            // The attribute of a nested function.
            let attribute = text.strip_prefix('@');
            let text = attribute.unwrap_or(text).to_owned();
            self.lines.push(Line { text, only_annotated: attribute.is_some() });
        }
    }

    fn attributes(&mut self, attributes: &[String]) {
        let lines = attributes.iter().map(|text| Line { text: text.clone(), only_annotated: true });
        self.lines.extend(lines);
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns the text of a version.
    pub(crate) fn text(&self, annotated: bool) -> String {
        let lines =
            self.lines.iter().map(|line| if annotated || !line.only_annotated { line.text.as_str() } else { "" });
        lines.flat_map(|line| [line, "\n"]).collect()
    }
}

/// The parts of the signature that the text of a shape repeats.
pub(crate) struct Signature<'s> {
    shape: &'s Shape,
    /// References and bounds name the lifetime `'a`.
    named: bool,
}

impl Param {
    /// Returns the variable of a parameter.
    pub(crate) fn variable(&self, n: usize) -> String {
        let usual = match self.name {
            Name::Usual => format!("p{n}"),
            Name::Call => format!("call{}", suffix(n)),
            Name::Returned => format!("returned{}", suffix(n)),
            Name::Outcome => format!("outcome{}", suffix(n)),
            Name::Future => format!("future{}", suffix(n)),
            Name::Breaker => format!("breaker{}", suffix(n)),
            Name::Permit => format!("permit{}", suffix(n)),
            Name::Raw => ["r#type", "r#match", "r#fn"][n].to_owned(),
        };
        if self.pattern == Pattern::Underscored { format!("_{}", usual.trim_start_matches("r#")) } else { usual }
    }

    /// Returns the variables that the pattern binds.
    pub(crate) fn variables(&self, n: usize) -> Vec<String> {
        match self.pattern {
            Pattern::Wild => Vec::new(),
            Pattern::Fields => vec![format!("x{n}"), format!("y{n}")],
            _ => vec![self.variable(n)],
        }
    }

    fn pattern(&self, n: usize) -> String {
        let name = self.variable(n);
        let is_reference = self.ty == ParamType::PointRef;
        match (self.pattern, self.ty) {
            (Pattern::Name | Pattern::Underscored, _) => name,
            (Pattern::Mut, _) => format!("mut {name}"),
            (Pattern::Wild, _) => "_".to_owned(),
            (Pattern::Fields, ParamType::Pair) => format!("(x{n}, y{n})"),
            (Pattern::Fields, ParamType::Array) => format!("[x{n}, y{n}]"),
            (Pattern::Fields, _) if is_reference => format!("&Point {{ x: x{n}, y: y{n} }}"),
            (Pattern::Fields, _) => format!("Point {{ x: x{n}, y: y{n} }}"),
            (Pattern::Whole, ParamType::Pair) => format!("{name} @ (..)"),
            (Pattern::Whole, ParamType::Array) => format!("{name} @ [_, ..]"),
            (Pattern::Whole, _) if is_reference => format!("{name} @ &Point {{ .. }}"),
            (Pattern::Whole, _) => format!("{name} @ Point {{ .. }}"),
            (Pattern::Ref, _) => format!("ref {name}"),
            (Pattern::RefMut, _) => format!("ref mut {name}"),
        }
    }
}

fn suffix(n: usize) -> String {
    if n == 0 { String::new() } else { n.to_string() }
}

impl<'s> Signature<'s> {
    fn new(shape: &'s Shape) -> Self {
        let is_bounded = |param: &Param| {
            let generic = matches!(param.ty, ParamType::Generic | ParamType::WhereGeneric | ParamType::Labelled);
            param.ty.is_reference() || generic
        };
        let borrows = matches!(shape.receiver, Receiver::Shared | Receiver::Exclusive | Receiver::Pinned);
        let bounded = borrows || shape.output == Output::Generic || shape.params.iter().any(is_bounded);
        // An impl of `impl Future` captures all lifetimes without a bound since the edition 2024.
        let elided = shape.kind == Kind::ImplFuture && shape.edition == Edition::E2024;
        Self { shape, named: shape.is_future() && bounded && !elided }
    }

    fn lifetime(&self) -> &'static str {
        if self.named { "'a " } else { "" }
    }

    fn needs_lifetime(&self) -> bool {
        let in_param = |param: &Param| matches!(param.ty, ParamType::NamedStr | ParamType::StrMut);
        self.named || self.shape.output == Output::BorrowedParam || self.shape.params.iter().any(in_param)
    }

    fn ty(&self, n: usize, param: &Param) -> String {
        let a = self.lifetime();
        match param.ty {
            ParamType::Byte => "u8".to_owned(),
            ParamType::Str => format!("&{a}str"),
            ParamType::NamedStr => "&'a str".to_owned(),
            ParamType::Text => "String".to_owned(),
            ParamType::List => "Vec<u8>".to_owned(),
            ParamType::ListMut => format!("&{a}mut Vec<u8>"),
            ParamType::SliceMut => format!("&{a}mut [u8]"),
            ParamType::Pair => "(u8, String)".to_owned(),
            ParamType::Point => "Point".to_owned(),
            ParamType::PointRef => format!("&{a}Point"),
            ParamType::Array => "[u8; 2]".to_owned(),
            ParamType::ConstArray => format!("[u8; N{n}]"),
            ParamType::Optional => "Option<u8>".to_owned(),
            ParamType::Generic | ParamType::WhereGeneric => format!("T{n}"),
            ParamType::ImplDebug => "impl Debug".to_owned(),
            ParamType::ImplInto => "impl Into<String>".to_owned(),
            ParamType::ImplFn => "impl Fn(u8) -> u8".to_owned(),
            ParamType::ImplFnMut => "impl FnMut(u8) -> u8".to_owned(),
            ParamType::DynDebug => format!("&{a}dyn Debug"),
            ParamType::BoxDyn => "Box<dyn Debug>".to_owned(),
            ParamType::CowStr => "Cow<'_, str>".to_owned(),
            ParamType::Noisy => "Noisy".to_owned(),
            ParamType::NoisyRef => format!("&{a}Noisy"),
            ParamType::RcStr => "Rc<str>".to_owned(),
            ParamType::CellRef => format!("&{a}Cell<u8>"),
            ParamType::StrMut => "&mut &'a str".to_owned(),
            // The type of an impl block, if there is one.
            ParamType::Labelled if self.shape.carrier == Carrier::GenericImpl => "U".to_owned(),
            ParamType::Labelled => format!("T{n}"),
        }
    }

    fn receiver(&self) -> Option<String> {
        let a = self.lifetime();
        Some(match self.shape.receiver {
            Receiver::Absent => return None,
            Receiver::Shared => format!("&{a}self"),
            Receiver::Exclusive => format!("&{a}mut self"),
            Receiver::Owned => "self".to_owned(),
            Receiver::OwnedMut => "mut self".to_owned(),
            Receiver::Boxed => "self: Box<Self>".to_owned(),
            Receiver::Counted => "self: Rc<Self>".to_owned(),
            Receiver::Atomic => "self: Arc<Self>".to_owned(),
            Receiver::Pinned => format!("self: Pin<&{a}mut Self>"),
        })
    }

    /// Returns the parameters. `declared` are those of a trait, without patterns.
    fn params(&self, declared: bool) -> String {
        let receiver = match self.receiver() {
            Some(receiver) if declared && receiver == "mut self" => Some("self".to_owned()),
            receiver => receiver,
        };
        let params = self.shape.params.iter().enumerate().map(|(n, param)| {
            let pattern = if declared { format!("p{n}") } else { param.pattern(n) };
            let text = format!("{pattern}: {}", self.ty(n, param));
            match param.attribute {
                ParamAttribute::Absent => text,
                ParamAttribute::Allow => format!("#[allow(unused_variables)] {text}"),
                ParamAttribute::Cfg => format!("#[cfg(all())] {text}"),
                ParamAttribute::CfgOut => format!("#[cfg(any())] gone{n}: Missing, {text}"),
                ParamAttribute::CfgAttr => format!("#[cfg_attr(all(), allow(unused_mut))] {text}"),
            }
        });
        let borrowed = (self.shape.output == Output::BorrowedParam).then(|| "text: &'a str".to_owned());
        let input = self.shape.has_input().then(|| "c: u8".to_owned());
        receiver.into_iter().chain(params).chain(borrowed).chain(input).collect::<Vec<_>>().join(", ")
    }

    fn generics(&self) -> (String, String) {
        let bound = if self.named { " + 'a" } else { "" };
        let (mut generics, mut bounds) = (Vec::new(), Vec::new());
        if self.needs_lifetime() {
            generics.push("'a".to_owned());
        }
        for (n, param) in self.shape.params.iter().enumerate() {
            match param.ty {
                ParamType::Generic => generics.push(format!("T{n}: Debug + Clone{bound}")),
                ParamType::WhereGeneric if self.shape.carrier == Carrier::MacroParts => {
                    generics.push(format!("T{n}: Debug + Clone{bound}"));
                }
                ParamType::WhereGeneric => {
                    generics.push(format!("T{n}"));
                    bounds.push(format!("T{n}: Debug + Clone{bound}"));
                }
                ParamType::Labelled if self.shape.carrier != Carrier::GenericImpl => {
                    generics.push(format!("T{n}: metrics_runtime::LabelValue + Debug{bound}"));
                }
                ParamType::ConstArray => generics.push(format!("const N{n}: usize")),
                _ => {}
            }
        }
        if self.shape.output == Output::Generic {
            generics.push(format!("D: Default + Debug{bound}"));
        }
        let where_clause = if bounds.is_empty() { String::new() } else { format!(" where {}", bounds.join(", ")) };
        (generics.join(", "), where_clause)
    }

    /// Returns the returned type, or `None` for a function without one.
    fn output(&self) -> Option<String> {
        let output = match self.shape.output {
            Output::Unit if !self.shape.is_future() => return None,
            Output::Unit | Output::ExplicitUnit => "()",
            Output::Byte => "u8",
            Output::ResultUnit => "Result<(), String>",
            Output::VecBox => "Vec<Box<dyn Debug>>",
            Output::Slice => "&'static [u8]",
            Output::RcDyn => "Rc<dyn Debug>",
            Output::Wide => "i64",
            Output::AssocType => "Self::Out",
            Output::ImplInto => "impl Into<String>",
            Output::Text => "String",
            Output::ResultText => "Result<u8, String>",
            Output::ResultBoxed => "Result<u8, Box<dyn std::error::Error>>",
            Output::ResultAlias => "Res<u8>",
            Output::Optional => "Option<u8>",
            Output::Collected => "Vec<u64>",
            Output::Defaulted => "(u8, String)",
            Output::BoxDebug => "Box<dyn Debug>",
            Output::BoxFn => "Box<dyn Fn(u8) -> u8>",
            Output::FnPointer => "fn(u8) -> u8",
            Output::Static => "&'static str",
            Output::Array => "[u8; 3]",
            Output::Cow => "Cow<'static, str>",
            Output::Projection => "<u8 as Project>::Out",
            Output::Generic => "D",
            Output::ImplDebug => "impl Debug",
            Output::ImplIterator => "impl Iterator<Item = u8>",
            Output::ImplFn => "impl Fn(u8) -> u8",
            Output::ImplFnRef => "impl Fn(&str) -> usize",
            Output::ResultImpl => "Result<impl Debug, String>",
            Output::ResultImplFn => "Result<impl Fn(u8) -> u8, String>",
            Output::TupleImpl => "(impl Debug, u8)",
            Output::OptionImpl => "Option<impl Debug>",
            Output::BoxImplIterator => "Box<dyn Iterator<Item = impl Debug>>",
            Output::ItsSelf => "Self",
            Output::BorrowedSelf => "&u8",
            Output::BorrowedParam => "&'a str",
            Output::Never => "!",
        };
        let a = if self.named { " + 'a" } else { "" };
        let lifetime = if self.named { "'a" } else { "'static" };
        Some(match self.shape.kind {
            Kind::Sync | Kind::Async => output.to_owned(),
            Kind::ImplFuture => format!("impl Future<Output = {output}>{a}"),
            Kind::PinBox => format!("Pin<Box<dyn Future<Output = {output}>{a}>>"),
            Kind::BoxAlias => format!("BoxFuture<{lifetime}, {output}>"),
            Kind::LocalBoxAlias => format!("LocalBoxFuture<{lifetime}, {output}>"),
        })
    }

    fn qualifiers(&self) -> String {
        let visibility = match self.shape.qualifier {
            Qualifier::Public => "pub ",
            Qualifier::Crate => "pub(crate) ",
            _ if self.shape.carrier == Carrier::Module => "pub ",
            _ => "",
        };
        let asyncness = if self.shape.kind == Kind::Async { "async " } else { "" };
        let rest = match self.shape.qualifier {
            Qualifier::Unsafe => "unsafe ",
            Qualifier::ExternC => "extern \"C\" ",
            Qualifier::UnsafeExternC => "unsafe extern \"C\" ",
            _ => "",
        };
        format!("{visibility}{asyncness}{rest}")
    }

    fn name(&self) -> &'static str {
        if self.shape.qualifier == Qualifier::Raw { "r#match" } else { "f" }
    }

    fn header(&self, declared: bool) -> String {
        let (generics, bounds) = self.generics();
        let generics = if generics.is_empty() { generics } else { format!("<{generics}>") };
        let output = self.output().map(|output| format!(" -> {output}")).unwrap_or_default();
        format!("{}fn {}{generics}({}){output}{bounds}", self.qualifiers(), self.name(), self.params(declared))
    }
}

impl Shape {
    pub(crate) fn is_unsafe(&self) -> bool {
        matches!(self.qualifier, Qualifier::Unsafe | Qualifier::UnsafeExternC)
    }

    /// Returns the module of the shape.
    pub(crate) fn source(&self, id: u32) -> Source {
        let signature = Signature::new(self);
        let mut source = Source::default();
        source.line(format!("pub mod s{id} {{"));
        source.line("#[allow(unused_imports)]\nuse prelude::*;");
        source.line(
            "#[allow(unused_imports)]\nuse metrics_runtime::{circuit_breaker, track, track_counter, track_histogram, track_in_flight};",
        );
        if self.attributes.track == Track::Preset {
            source.line(format!(
                "#[allow(dead_code)]\nconst PRESET: metrics_runtime::presets::Preset = metrics_runtime::presets::Preset::new()\n\
                 .calls(metrics_runtime::presets::Instrument::counter(\"s{id}_preset_total\", \"Calls.\"));"
            ));
        }
        self.types(&mut source);
        if self.carrier != Carrier::Nested {
            self.function(&signature, id, &mut source);
        }
        self.drive(&signature, id, &mut source);
        source.line("}");
        source
    }

    /// Prints the type that has the method.
    fn types(&self, source: &mut Source) {
        let (generics, bounded, ty, field, value) = match self.carrier {
            Carrier::GenericImpl => {
                ("<U>", "<U: metrics_runtime::LabelValue + Debug + 'static>", "S<U>", "value: U,", "value: 1")
            }
            Carrier::ConstImpl => ("<const M: usize>", "<const M: usize>", "S<M>", "value: [u8; M],", "value: [1, 2]"),
            carrier if carrier.is_method() => ("", "", "S", "", ""),
            _ => return,
        };
        source.line(format!("#[derive(Debug)]\npub struct S{generics} {{ n: u8, {field} }}"));
        source.line(format!("impl{generics} Drop for {ty} {{ fn drop(&mut self) {{ see(\"drop S\"); }} }}"));
        let built = match self.carrier {
            Carrier::GenericImpl => "S<u8>",
            Carrier::ConstImpl => "S<2>",
            _ => "S",
        };
        source.line(format!("#[allow(dead_code)]\nfn build() -> {built} {{ S {{ n: 5, {value} }} }}"));
        if self.carrier == Carrier::GenericImpl || self.carrier == Carrier::ConstImpl {
            source
                .line(format!("impl{bounded} S<{}> {{", if self.carrier == Carrier::GenericImpl { "U" } else { "M" }));
            source.line("#[allow(dead_code)]\nfn see_value(&self) { see(&self.value); }\n}");
        }
    }

    fn function(&self, signature: &Signature<'_>, id: u32, source: &mut Source) {
        let attributes = attributes::print(self, id);
        let async_trait = (self.carrier == Carrier::AsyncTrait).then_some("#[async_trait::async_trait(?Send)]");
        match self.carrier {
            Carrier::Free | Carrier::Nested => self.plain_function(signature, &attributes, source),
            Carrier::Module => {
                source.line("pub mod inner {\n#[allow(unused_imports)]\nuse super::*;");
                self.plain_function(signature, &attributes, source);
                source.line("}");
            }
            Carrier::Method | Carrier::GenericImpl | Carrier::ConstImpl => {
                source.line(match self.carrier {
                    Carrier::GenericImpl => "impl<U: metrics_runtime::LabelValue + Debug + 'static> S<U> {",
                    Carrier::ConstImpl => "impl<const M: usize> S<M> {",
                    _ => "impl S {",
                });
                self.plain_function(signature, &attributes, source);
                source.line("}");
            }
            Carrier::AnnotatedImpl => {
                source.attributes(&["#[track]".to_owned()]);
                source.line("impl S {");
                let on_method = if self.attributes.track == Track::Shared { &[][..] } else { &attributes };
                self.plain_function(signature, on_method, source);
                source.line("}");
            }
            Carrier::TraitImpl | Carrier::AsyncTrait => {
                source.line(async_trait.unwrap_or_default());
                let (declared, defined) = match self.output {
                    Output::AssocType => ("type Out: Debug;", "type Out = u8;"),
                    _ => ("", ""),
                };
                source.line(format!("trait Act: Sized {{\n{declared}\n{};\n}}", signature.header(true)));
                source.line(async_trait.unwrap_or_default());
                source.line(format!("impl Act for S {{\n{defined}"));
                self.plain_function(signature, &attributes, source);
                source.line("}");
            }
            Carrier::TraitDefault => {
                source.line("trait Act: Sized {");
                self.plain_function(signature, &attributes, source);
                source.line("}\nimpl Act for S {}");
            }
            Carrier::MacroAround => {
                source.line("macro_rules! around {\n($($item:tt)*) => {");
                source.attributes(&attributes);
                source.line("$($item)*\n}\n}\naround! {");
                self.plain_function(signature, &[], source);
                source.line("}");
            }
            Carrier::MacroInside => {
                source.line("macro_rules! inside {\n() => {");
                self.plain_function(signature, &attributes, source);
                source.line("}\n}\ninside!();");
            }
            Carrier::MacroParts => {
                let (generics, _) = signature.generics();
                source.line(
                    "macro_rules! parts {\n([$($q:tt)*] $name:ident [$($g:tt)*] ($($p:tt)*) -> $o:ty $body:block) => {",
                );
                source.attributes(&attributes);
                source.line("$($q)* fn $name<$($g)*>($($p)*) -> $o $body\n}\n}\nparts! {");
                let output = signature.output().unwrap_or_else(|| "()".to_owned());
                let (qualifiers, name) = (signature.qualifiers(), signature.name());
                source.line(format!("[{qualifiers}] {name} [{generics}] ({}) -> {output} {{", signature.params(false)));
                self.body(source);
                source.line("}\n}");
            }
        }
    }

    fn plain_function(&self, signature: &Signature<'_>, attributes: &[String], source: &mut Source) {
        if !self.attributes.below {
            source.attributes(attributes);
        }
        let beside = match self.beside {
            Beside::Absent => "",
            Beside::Doc => "/// Does a thing.\n///\n/// And more.",
            Beside::Inline => "#[inline]",
            Beside::Allow => "#[allow(unused_variables, unused_mut)]",
            Beside::Expect => "#[expect(unused_variables)]",
            Beside::MustUse => "#[must_use]",
            Beside::Deprecated => "#[deprecated]",
            Beside::Cfg => "#[cfg(all())]",
            Beside::CfgAttr => "#[cfg_attr(all(), inline)]",
        };
        source.line(beside);
        if self.attributes.below {
            source.attributes(attributes);
        }
        source.line(format!("{} {{", signature.header(false)));
        self.body(source);
        source.line("}");
    }

    fn body(&self, source: &mut Source) {
        for line in body::lines(self) {
            source.line(line);
        }
    }

    /// Prints the caller: each call has another number, and the futures are dropped at different times.
    fn drive(&self, signature: &Signature<'_>, id: u32, source: &mut Source) {
        source.line("pub fn drive() {");
        if self.carrier == Carrier::Nested {
            self.function(signature, id, source);
        }
        source.line("for c in 0..5_u8 {\ncall(c, || {");
        let mut arguments = Vec::new();
        for (n, param) in self.params.iter().enumerate() {
            let (setup, argument) = argument(n, param);
            source.line(setup);
            arguments.push(argument);
        }
        if self.output == Output::BorrowedParam {
            arguments.push("\"borrowed\"".to_owned());
        }
        if self.has_input() {
            arguments.push("c".to_owned());
        }
        let name = signature.name();
        let callee = match (self.carrier, self.receiver) {
            (Carrier::Module, _) => format!("inner::{name}"),
            (carrier, Receiver::Absent) if carrier.is_method() => match carrier {
                Carrier::GenericImpl => format!("S::<u8>::{name}"),
                Carrier::ConstImpl => format!("S::<2>::{name}"),
                _ => format!("S::{name}"),
            },
            (_, Receiver::Absent) => name.to_owned(),
            (_, receiver) => {
                source.line(match receiver {
                    Receiver::Exclusive => "let mut this = build();",
                    Receiver::Boxed => "let this = Box::new(build());",
                    Receiver::Counted => "let this = Rc::new(build());",
                    Receiver::Atomic => "let this = Arc::new(build());",
                    Receiver::Pinned => "let mut this = build();\nlet this = Pin::new(&mut this);",
                    _ => "let this = build();",
                });
                format!("this.{name}")
            }
        };
        let call = format!("{callee}({})", arguments.join(", "));
        let call = if self.is_unsafe() { format!("unsafe {{ {call} }}") } else { call };
        let ty = if self.output == Output::Generic { ": u16" } else { "" };
        let observed = observe(self.output);
        if self.kind == Kind::Sync {
            if self.output == Output::Never {
                source.line(call);
            } else {
                source.line(format!("let r{ty} = {call};\n{observed}"));
            }
        } else {
            source.line(format!("let future = {call};"));
            source.line(match self.bound {
                Bound::Absent => "",
                Bound::Send => "assert_send(&future);",
                Bound::Sync => "assert_sync(&future);",
                Bound::UnwindSafe => "assert_unwind_safe(&future);",
                Bound::Unpin => "assert_unpin(&future);",
            });
            source.line(format!("poll(future, match c {{ 3 => 1, 4 => 0, _ => 99 }}, |r{ty}| {{ {observed} }})"));
        }
        source.line("});\n}\n}");
    }
}

/// Returns the statements before a call and the argument.
fn argument(n: usize, param: &Param) -> (String, String) {
    let (setup, argument) = match param.ty {
        ParamType::Byte | ParamType::Generic | ParamType::Labelled => ("", "7_u8"),
        ParamType::Str => ("let a = String::from(\"text\");", "&a"),
        ParamType::NamedStr => ("", "\"named\""),
        ParamType::Text => ("", "String::from(\"owned\")"),
        ParamType::List => ("", "vec![3, 1, 2]"),
        ParamType::ListMut => ("let mut a = vec![1];", "&mut a"),
        ParamType::SliceMut => ("let mut a = [1, 2];", "&mut a"),
        ParamType::Pair => ("", "(1, String::from(\"second\"))"),
        ParamType::Point => ("", "Point { x: 1, y: 2 }"),
        ParamType::PointRef => ("let a = Point { x: 1, y: 2 };", "&a"),
        ParamType::Array | ParamType::ConstArray => ("", "[8, 9]"),
        ParamType::Optional => ("", "Some(6)"),
        ParamType::WhereGeneric => ("", "String::from(\"generic\")"),
        ParamType::ImplDebug | ParamType::ImplInto => ("", "\"text\""),
        ParamType::ImplFn => ("", "|n| n + 1"),
        ParamType::ImplFnMut => ("let mut a = 0;", "|n| { a += n; a }"),
        ParamType::DynDebug => ("", "&Some(4)"),
        ParamType::BoxDyn => ("", "Box::new(5)"),
        ParamType::CowStr => ("", "Cow::Borrowed(\"cow\")"),
        ParamType::Noisy => ("", "Noisy(A)"),
        ParamType::NoisyRef => ("let a = Noisy(A);", "&a"),
        ParamType::RcStr => ("", "Rc::from(\"rc\")"),
        ParamType::CellRef => ("let a = Cell::new(3);", "&a"),
        ParamType::StrMut => ("let mut a = \"str\";", "&mut a"),
    };
    let named = |text: &str| {
        let words = text.replace("Noisy(A)", &format!("Noisy({n})"));
        let words = words.replace("let a ", &format!("let a{n} ")).replace("mut a ", &format!("mut a{n} "));
        let words = words.replace("{ a += n; a }", &format!("{{ a{n} += n; a{n} }}"));
        words.strip_suffix('a').filter(|_| words.starts_with('&')).map_or(words.clone(), |start| format!("{start}a{n}"))
    };
    (named(setup), named(argument))
}

/// Returns the expression that logs a returned value and returns its status.
fn observe(output: Output) -> &'static str {
    match output {
        Output::BoxFn | Output::FnPointer | Output::ImplFn => "see(&r(3)); success(&0)",
        Output::ImplFnRef => "see(&r(\"text\")); success(&0)",
        Output::ImplIterator | Output::BoxImplIterator => "see(&r.collect::<Vec<_>>()); success(&0)",
        Output::ImplInto => "let text: String = r.into(); see(&text); success(&0)",
        Output::ResultImplFn => "let status = result(&r); see(&r.map(|g| g(3))); status",
        Output::Never => "match r {}",
        output if output.is_result() => "see(&r); result(&r)",
        _ => "see(&r); success(&r)",
    }
}
