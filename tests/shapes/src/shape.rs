//! The grammar: the choices of which a function is composed.
//!
//! Limits of the language, documented in the rustdoc of the attributes, are not drawn:
//!
//! - `const fn`, `#[track_caller]` and variadic functions cannot be recorded.
//! - `#[circuit_breaker]` needs an `async fn` that returns a `Result`, and not under `#[async_trait]`.
//! - A parameter cannot have a doc comment.
//! - A macro that adds the attribute cannot name a parameter that its caller wrote, in a label.
//! - An attribute on an impl block is `#[track]`, with arguments that fit every method.

use crate::choices::{Choice as _, Choices, choice};

choice! {
    /// The edition of the crate of the function.
    Edition { E2024, E2021, E2018 }
}

choice! {
    /// The place of the function.
    Carrier {
        Free, Nested, Module, Method, GenericImpl, ConstImpl, TraitImpl, TraitDefault, AsyncTrait, AnnotatedImpl,
        /// A macro around the function, which adds the attributes.
        MacroAround,
        /// A macro that contains the function.
        MacroInside,
        /// A macro with a fragment for each part of the function.
        MacroParts,
    }
}

choice! {
    Receiver { Absent, Shared, Exclusive, Owned, OwnedMut, Boxed, Counted, Atomic, Pinned }
}

choice! {
    /// The way in which the function is asynchronous.
    Kind { Sync, Async, ImplFuture, PinBox, BoxAlias, LocalBoxAlias }
}

choice! {
    Qualifier { Plain, Public, Crate, Unsafe, ExternC, UnsafeExternC, Raw }
}

choice! {
    /// Another attribute on the function.
    Beside { Absent, Doc, Inline, Allow, Expect, MustUse, Deprecated, Cfg, CfgAttr }
}

choice! {
    ParamType {
        Byte, Str, NamedStr, Text, List, ListMut, SliceMut, Pair, Point, PointRef, Array, ConstArray, Optional, Generic,
        WhereGeneric, ImplDebug, ImplInto, ImplFn, ImplFnMut, DynDebug, BoxDyn, CowStr, Noisy, NoisyRef, RcStr, CellRef,
        StrMut, Labelled,
    }
}

choice! {
    Pattern { Name, Mut, Underscored, Wild, Fields, Whole, Ref, RefMut }
}

choice! {
    ParamAttribute { Absent, Allow, Cfg, CfgOut, CfgAttr }
}

choice! {
    /// The use of a parameter by the body.
    Use { See, Unused, Format, Move, Closure, MoveClosure, Shadow, Rebind, Mutate, Discard, Overwrite, AcrossAwait }
}

choice! {
    /// The name of a parameter. Some are names that generated code could use.
    Name { Usual, Call, Returned, Outcome, Future, Breaker, Permit, Raw }
}

choice! {
    Output {
        Unit, ExplicitUnit, Byte, Text, ResultText, ResultBoxed, ResultAlias, ResultUnit, VecBox, Slice, RcDyn, Wide, AssocType, ImplInto, Optional, Collected, Defaulted, BoxDebug,
        BoxFn, FnPointer, Static, Array, Cow, Projection, Generic, ImplDebug, ImplIterator, ImplFn, ImplFnRef,
        ResultImpl, ResultImplFn, TupleImpl, OptionImpl, BoxImplIterator, ItsSelf, BorrowedSelf, BorrowedParam, Never,
    }
}

choice! {
    Statement {
        Let, Unused, UnusedMut, DeadStore, UnusedImport, NestedFn, UnusedFn, NestedConst, NestedStruct, NestedMacro,
        ReturnIf, PanicIf, TryIf, TryInBlock, LetElse, LoopBreak, Labeled, While, Match, Closure, ClosureReturn,
        UnsafeBlock, Deprecated, UnusedResult, Parentheses, DocComment, Guard, DiscardedGuard, VecMacro, InnerAllow,
        Semicolon, NestedTracked, UnusedLabel, CamelCase, PathStatement, AsyncClosure, MutAcrossAwait, ShadowMacro, AwaitReady, AwaitPending, AwaitBorrow, AsyncBlock, AsyncReturn, AwaitLoop,
    }
}

choice! {
    /// The end of the body.
    Tail { Value, Return, Braces, Variable, If, Match, LoopBreak, Labeled, Unsafe, Unreachable, Temporary, NeverArm, Todo }
}

choice! {
    /// A trait that the caller needs of the future.
    Bound { Absent, Send, Sync, UnwindSafe, Unpin }
}

choice! {
    Track { Shared, Named, InFlight, Label, ParamLabel, FirstLabel, ResultLabel, TypedLabel, OkIf, ErrorIf, Objective, Buckets, Preset, Absent }
}

choice! { Histogram { Absent, Duration, Value, Label } }
choice! { Counter { Absent, Calls, Value, ParamLabel } }
choice! { InFlight { Absent, Named, Label } }
choice! { Breaker { Absent, OnReject, FailureIf, Classify, Ratio } }
choice! {
    /// The form in which attributes are written.
    Path { Imported, Absolute, CfgAttr }
}

#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) ty: ParamType,
    pub(crate) pattern: Pattern,
    pub(crate) attribute: ParamAttribute,
    pub(crate) usage: Use,
    /// The use comes after the other statements.
    pub(crate) late: bool,
    pub(crate) name: Name,
}

/// The attributes of this crate on the function.
#[derive(Clone, Debug)]
pub(crate) struct Attributes {
    pub(crate) track: Track,
    pub(crate) histogram: Histogram,
    pub(crate) counter: Counter,
    pub(crate) in_flight: InFlight,
    pub(crate) breaker: Breaker,
    pub(crate) path: Path,
    pub(crate) reversed: bool,
    /// Below the other attributes of the function.
    pub(crate) below: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) edition: Edition,
    pub(crate) carrier: Carrier,
    pub(crate) receiver: Receiver,
    pub(crate) self_late: bool,
    pub(crate) kind: Kind,
    pub(crate) qualifier: Qualifier,
    pub(crate) beside: Beside,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Output,
    pub(crate) statements: Vec<Statement>,
    pub(crate) tail: Tail,
    pub(crate) bound: Bound,
    pub(crate) attributes: Attributes,
}

impl Carrier {
    pub(crate) fn is_method(self) -> bool {
        use Carrier::{AnnotatedImpl, AsyncTrait, ConstImpl, GenericImpl, Method, TraitDefault, TraitImpl};
        matches!(self, Method | GenericImpl | ConstImpl | TraitImpl | TraitDefault | AsyncTrait | AnnotatedImpl)
    }

    pub(crate) fn is_trait(self) -> bool {
        matches!(self, Self::TraitImpl | Self::TraitDefault | Self::AsyncTrait)
    }
}

impl Output {
    pub(crate) fn is_result(self) -> bool {
        matches!(
            self,
            Self::ResultText
                | Self::ResultBoxed
                | Self::ResultUnit
                | Self::ResultAlias
                | Self::ResultImpl
                | Self::ResultImplFn
        )
    }

    /// Returns `true` if each value has another type, so that a body can have only one.
    pub(crate) fn is_closure(self) -> bool {
        matches!(self, Self::ImplFn | Self::ImplFnRef | Self::ResultImplFn)
    }

    pub(crate) fn has_impl(self) -> bool {
        use Output::{BoxImplIterator, ImplDebug, ImplInto, ImplIterator, OptionImpl, ResultImpl, TupleImpl};
        self.is_closure()
            || matches!(
                self,
                ImplDebug | ImplInto | ImplIterator | ResultImpl | TupleImpl | OptionImpl | BoxImplIterator
            )
    }
}

impl Statement {
    pub(crate) fn needs_async(self) -> bool {
        use Statement::{
            AsyncBlock, AsyncClosure, AsyncReturn, AwaitBorrow, AwaitLoop, AwaitPending, AwaitReady, MutAcrossAwait,
        };
        matches!(
            self,
            AwaitReady
                | AwaitPending
                | AwaitBorrow
                | AsyncBlock
                | AsyncReturn
                | AwaitLoop
                | AsyncClosure
                | MutAcrossAwait
        )
    }

    /// Returns `true` if the statement can leave the function with a value.
    pub(crate) fn returns(self) -> bool {
        matches!(self, Self::ReturnIf | Self::LetElse)
    }

    /// Returns `true` if the statement reads the number of the call.
    pub(crate) fn needs_input(self) -> bool {
        use Statement::{Closure, ClosureReturn, Labeled, LoopBreak, Match, PanicIf, Parentheses, TryIf, TryInBlock};
        self.returns()
            || matches!(
                self,
                PanicIf | TryIf | TryInBlock | LoopBreak | Labeled | Match | Closure | ClosureReturn | Parentheses
            )
    }
}

impl Shape {
    /// Draws the choices of a shape.
    pub(crate) fn draw(choices: &mut Choices) -> Self {
        let carrier: Carrier = choices.any("carrier");
        let kind = choices.choose("kind", |kind| carrier != Carrier::AsyncTrait || kind == Kind::Async);
        let is_future = !matches!(kind, Kind::Sync | Kind::Async);
        let edition = choices.any("edition");
        let receiver = choices.choose("receiver", |receiver: Receiver| match carrier {
            _ if !carrier.is_method() => receiver == Receiver::Absent,
            Carrier::AsyncTrait => matches!(receiver, Receiver::Shared | Receiver::Exclusive),
            _ => true,
        });
        let output = choices.choose("output", |output: Output| match output {
            Output::ItsSelf => {
                carrier.is_method()
                    && !matches!(carrier, Carrier::TraitDefault | Carrier::GenericImpl | Carrier::ConstImpl)
            }
            Output::BorrowedSelf => {
                receiver == Receiver::Shared && !matches!(carrier, Carrier::TraitDefault) && !is_future
            }
            Output::BorrowedParam => !is_future && carrier != Carrier::AsyncTrait,
            Output::Never => !is_future && carrier != Carrier::AsyncTrait,
            // The output of the block is not coerced.
            Output::BoxFn | Output::FnPointer => kind != Kind::ImplFuture,
            Output::AssocType => carrier == Carrier::TraitImpl,
            Output::Generic => carrier != Carrier::AsyncTrait,
            // The caller cannot name the closure types of traits, and `async_trait` has no `impl Trait`.
            _ if output.has_impl() => carrier != Carrier::AsyncTrait && !(carrier.is_trait() && kind != Kind::Sync),
            _ => true,
        });
        let qualifier = choices.choose("qualifier", |qualifier| match qualifier {
            Qualifier::Plain | Qualifier::Raw => true,
            Qualifier::Public | Qualifier::Crate => !carrier.is_trait(),
            Qualifier::Unsafe => carrier != Carrier::AsyncTrait && carrier != Carrier::MacroParts,
            // A panic would end the process.
            Qualifier::ExternC | Qualifier::UnsafeExternC => {
                kind == Kind::Sync && output != Output::Never && carrier != Carrier::MacroParts
            }
        });
        let never_panics = matches!(qualifier, Qualifier::ExternC | Qualifier::UnsafeExternC);
        let beside = choices.choose("attribute beside", |beside| {
            !matches!(beside, Beside::MustUse | Beside::Deprecated) || !carrier.is_trait()
        });
        let is_async = kind != Kind::Sync;
        let params: Vec<Param> =
            (0..choices.number("parameters", 3)).map(|n| Param::draw(choices, n, kind, carrier)).collect();
        let statements = (0..choices.number("statements", 4))
            .map(|n| {
                choices.choose(&format!("statement {n}"), |statement: Statement| match statement {
                    Statement::PanicIf => !never_panics,
                    Statement::TryIf => output.is_result() || matches!(output, Output::Optional | Output::OptionImpl),
                    Statement::InnerAllow => n == 0 && !is_future && carrier != Carrier::MacroParts,
                    _ if statement.needs_async() => is_async,
                    _ if statement.returns() => !output.is_closure() && output != Output::Never,
                    _ => true,
                })
            })
            .collect();
        let tail = choices.choose("tail", |tail| match tail {
            Tail::If | Tail::Match => {
                let is_function = matches!(output, Output::BoxFn | Output::FnPointer);
                !output.is_closure() && !is_function && output != Output::Never
            }
            Tail::Unreachable => !output.is_closure() && output != Output::Never,
            Tail::Todo => !never_panics && (output == Output::ImplDebug || !output.has_impl()),
            // The type of the parameter of a closure is known at the end of the body only.
            Tail::Variable | Tail::Temporary | Tail::LoopBreak | Tail::Labeled if output == Output::ImplFnRef => false,
            Tail::LoopBreak | Tail::Labeled => output != Output::Never,
            _ => true,
        });
        // Few futures have all of these traits.
        let bounded = choices.number("bounded", 5) == 5;
        let bound = choices.choose("bound", |bound| match (bound, kind) {
            (Bound::Absent, _) | (Bound::Send, Kind::BoxAlias) => true,
            (_, Kind::Async | Kind::ImplFuture) => bounded,
            (Bound::Unpin, _) => is_async,
            _ => false,
        });
        let attributes = Attributes::draw(choices, carrier, kind, output, &params);
        let self_late = choices.any("self late");
        Self {
            edition,
            carrier,
            receiver,
            self_late,
            kind,
            qualifier,
            beside,
            params,
            output,
            statements,
            tail,
            bound,
            attributes,
        }
    }

    /// Returns `true` if the function has a parameter with the number of the call.
    pub(crate) fn has_input(&self) -> bool {
        self.has_label_of_input() || self.body_reads_input()
    }

    /// Returns `true` if the body reads the number of the call.
    pub(crate) fn body_reads_input(&self) -> bool {
        self.statements.iter().any(|statement| statement.needs_input()) || matches!(self.tail, Tail::If | Tail::Match)
    }

    pub(crate) fn has_label_of_input(&self) -> bool {
        self.attributes.track == Track::ParamLabel || self.attributes.counter == Counter::ParamLabel
    }

    pub(crate) fn is_future(&self) -> bool {
        !matches!(self.kind, Kind::Sync | Kind::Async)
    }
}

impl Param {
    /// Returns the value of a label that is the first parameter, if it can be one.
    pub(crate) fn first_label(params: &[Self]) -> Option<&'static str> {
        let first = params.first().filter(|first| matches!(first.pattern, Pattern::Name | Pattern::Mut))?;
        match first.ty {
            ParamType::Byte | ParamType::Labelled => Some("7"),
            ParamType::Str => Some("text"),
            ParamType::NamedStr => Some("named"),
            ParamType::Text => Some("owned"),
            _ => None,
        }
    }

    fn draw(choices: &mut Choices, n: usize, kind: Kind, carrier: Carrier) -> Self {
        let place = |what: &str| format!("parameter {n} {what}");
        let is_future = !matches!(kind, Kind::Sync | Kind::Async);
        let ty = choices.choose(&place("type"), |ty: ParamType| match ty {
            ParamType::ImplDebug | ParamType::ImplInto | ParamType::ImplFn | ParamType::ImplFnMut => {
                !carrier.is_trait() && !is_future
            }
            ParamType::CowStr | ParamType::StrMut => !is_future,
            _ => true,
        });
        let pattern = choices.choose(&place("pattern"), |pattern| match pattern {
            Pattern::Name => true,
            // A method of a trait without a body has no patterns; the body is in the impl.
            Pattern::Fields | Pattern::Whole => {
                matches!(ty, ParamType::Pair | ParamType::Point | ParamType::Array | ParamType::PointRef)
            }
            Pattern::Ref | Pattern::RefMut => {
                let is_moved = matches!(ty, ParamType::ImplFn | ParamType::ImplFnMut | ParamType::ImplInto);
                !ty.is_reference() && !is_future && !is_moved
            }
            _ => true,
        });
        let usage = choices.choose(&place("use"), |usage| match usage {
            Use::Unused => true,
            _ if pattern == Pattern::Wild => false,
            Use::Rebind => ty.is_reference() && pattern == Pattern::Mut,
            Use::Mutate => {
                matches!(ty, ParamType::ListMut | ParamType::SliceMut)
                    || pattern == Pattern::Mut && matches!(ty, ParamType::Byte | ParamType::List | ParamType::Text)
            }
            Use::Overwrite => pattern == Pattern::Mut && matches!(ty, ParamType::Byte | ParamType::Text),
            Use::AcrossAwait => kind != Kind::Sync,
            Use::Shadow => pattern != Pattern::Fields,
            _ => true,
        });
        let attribute = choices.choose(&place("attribute"), |attribute| {
            attribute == ParamAttribute::Absent || carrier != Carrier::MacroParts
        });
        let late = choices.any(&place("late"));
        let name = choices.choose(&place("name"), |name| name == Name::Usual || pattern != Pattern::Fields);
        Self { ty, pattern, attribute, usage, late, name }
    }
}

impl ParamType {
    pub(crate) fn is_reference(self) -> bool {
        use ParamType::{CellRef, DynDebug, ListMut, NamedStr, NoisyRef, PointRef, SliceMut, Str, StrMut};
        matches!(self, Str | NamedStr | ListMut | SliceMut | PointRef | DynDebug | NoisyRef | CellRef | StrMut)
    }
}

impl Attributes {
    fn draw(choices: &mut Choices, carrier: Carrier, kind: Kind, output: Output, params: &[Param]) -> Self {
        let labelled = Param::first_label(params).is_some();
        // A parameter of a generic type for labels is mostly one.
        let is_label = labelled && params[0].ty == ParamType::Labelled;
        let on_block = carrier == Carrier::AnnotatedImpl;
        let is_never = output == Output::Never;
        // The parameters of a function that is passed to a macro are not those of an attribute in the macro.
        let sees_input = !matches!(carrier, Carrier::MacroAround | Carrier::MacroParts);
        let histogram = choices.choose("track_histogram", |histogram| histogram == Histogram::Absent || !on_block);
        let counter = choices.choose("track_counter", |counter| match counter {
            Counter::Absent => true,
            Counter::ParamLabel => sees_input && !on_block,
            Counter::Calls | Counter::Value => !on_block,
        });
        let in_flight = choices.choose("track_in_flight", |in_flight| in_flight == InFlight::Absent || !on_block);
        let breaker = choices.choose("circuit_breaker", |breaker| match breaker {
            Breaker::Absent => true,
            Breaker::OnReject | Breaker::FailureIf | Breaker::Classify | Breaker::Ratio => {
                kind == Kind::Async && output.is_result() && !on_block && carrier != Carrier::AsyncTrait
            }
        });
        let others = histogram != Histogram::Absent
            || counter != Counter::Absent
            || in_flight != InFlight::Absent
            || breaker != Breaker::Absent;
        let track = choices.choose("track", |track| match track {
            Track::Absent => others,
            Track::Shared | Track::Named => true,
            _ if is_label && sees_input => track == Track::FirstLabel,
            Track::ResultLabel | Track::OkIf | Track::ErrorIf => !is_never,
            Track::ParamLabel => sees_input,
            Track::FirstLabel => sees_input && labelled,
            _ => true,
        });
        let path = choices.choose("path", |path| path == Path::Imported || !on_block);
        let (reversed, below) = (choices.any("reversed"), choices.any("below"));
        Self { track, histogram, counter, in_flight, breaker, path, reversed, below }
    }
}

/// Returns the place, the kind and the output of a function, and its edition if that is not the newest.
pub(crate) fn describe(shape: &Shape) -> String {
    let mut words = vec![format!("{:?} {:?} {:?}", shape.carrier, shape.kind, shape.output)];
    if shape.edition != Edition::ALL[0] {
        words.push(format!("{:?}", shape.edition));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::random::Random;

    fn drawn(index: u64) -> (Shape, crate::choices::Made) {
        let mut choices = Choices::random(Random::new(5, index));
        (Shape::draw(&mut choices), choices.made())
    }

    #[test]
    fn the_same_seed_gives_the_same_source() {
        let sources = |seed| {
            let shapes = (0..50).map(move |index| Shape::draw(&mut Choices::random(Random::new(seed, index))));
            shapes.map(|shape| shape.source(0)).collect::<Vec<_>>()
        };
        assert_eq!(sources(5), sources(5));
        assert_ne!(sources(5), sources(6));
    }

    #[test]
    fn the_choices_of_a_shape_give_it_again() {
        for index in 0..200 {
            let (shape, made) = drawn(index);
            let again = Shape::draw(&mut Choices::given(made));
            assert_eq!(shape.source(1), again.source(1));
        }
    }

    #[test]
    fn the_versions_of_a_function_have_the_same_lines() {
        for index in 0..200 {
            let source = drawn(index).0.source(1);
            let (plain, annotated) = (source.text(false), source.text(true));
            assert_eq!(plain.lines().count(), annotated.lines().count());
            for (plain, annotated) in
                plain.lines().zip(annotated.lines()).filter(|(plain, annotated)| plain != annotated)
            {
                assert!(plain.is_empty() && annotated.starts_with("#["), "{plain:?} and {annotated:?}");
            }
        }
    }

    #[test]
    fn every_option_is_drawn() {
        let mut drawn_options: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for index in 0..5_000 {
            for (place, option) in drawn(index).1 {
                drawn_options.entry(place).or_default().insert(option);
            }
        }
        let all = [
            ("carrier", Carrier::ALL.len()),
            ("kind", Kind::ALL.len()),
            ("output", Output::ALL.len()),
            ("parameter 1 type", ParamType::ALL.len()),
            ("parameter 1 pattern", Pattern::ALL.len()),
            ("parameter 1 use", Use::ALL.len()),
            ("qualifier", Qualifier::ALL.len()),
            ("receiver", Receiver::ALL.len()),
            ("statement 0", Statement::ALL.len()),
            ("tail", Tail::ALL.len()),
            ("track", Track::ALL.len()),
            ("circuit_breaker", Breaker::ALL.len()),
        ];
        for (place, options) in all {
            assert_eq!(drawn_options[place].len(), options, "{place}");
        }
    }
}
