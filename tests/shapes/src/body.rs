//! The body of a function.

use crate::shape::{Carrier, Kind, Output, Param, ParamType, Pattern, Shape, Statement, Tail, Use};

/// Returns the lines of the body.
pub(crate) fn lines(shape: &Shape) -> Vec<String> {
    let uses = |late| {
        let params = shape.params.iter().enumerate().filter(move |(_, param)| param.late == late);
        params.map(|(n, param)| usage(n, param)).collect::<Vec<_>>()
    };
    let this = |late: bool| (late == shape.self_late).then(|| self_usage(shape)).flatten();
    let statements = shape.statements.iter().enumerate().map(|(n, statement)| self::statement(shape, n, *statement));
    let (before, after): (Vec<_>, Vec<_>) =
        (this(false).into_iter().chain(uses(false)).collect(), this(true).into_iter().chain(uses(true)).collect());
    // An inner attribute and items come first.
    let (first, rest): (Vec<_>, Vec<_>) = statements.partition(|text| text.starts_with("#!["));
    let mut lines = first;
    let awaits = |line: &String| line.contains(".await");
    if shape.is_future() {
        let (inside, outside): (Vec<_>, Vec<_>) = before.into_iter().partition(awaits);
        lines.extend(outside);
        lines.push(if shape.kind == Kind::ImplFuture { "async move {" } else { "Box::pin(async move {" }.to_owned());
        lines.extend(inside);
    } else {
        lines.extend(before);
    }
    // A label uses the parameter, so that it has no warning about an unused one.
    lines.extend((shape.has_label_of_input() && !shape.body_reads_input()).then(|| "see(&c);".to_owned()));
    lines.extend(rest);
    lines.extend(after);
    lines.push(tail(shape));
    if shape.is_future() {
        lines.push(if shape.kind == Kind::ImplFuture { "}" } else { "})" }.to_owned());
    }
    lines
}

fn self_usage(shape: &Shape) -> Option<String> {
    let has_fields = shape.carrier != Carrier::TraitDefault;
    (has_fields && shape.receiver != crate::shape::Receiver::Absent).then(|| "see(&self.n);".to_owned())
}

/// Returns an expression that logs a variable.
fn see(ty: ParamType, variable: &str) -> String {
    match ty {
        ParamType::ImplFn => format!("see(&{variable}(1));"),
        ParamType::ImplFnMut => format!("{{ let mut g = {variable}; see(&g(1)); }}"),
        ParamType::ImplInto => format!("{{ let s: String = {variable}.into(); see(&s); }}"),
        _ => format!("see(&{variable});"),
    }
}

fn usage(n: usize, param: &Param) -> String {
    let variables = param.variables(n);
    let ty = if param.pattern == Pattern::Fields { ParamType::Byte } else { param.ty };
    let printable = !matches!(ty, ParamType::ImplFn | ParamType::ImplFnMut | ParamType::ImplInto);
    let each = variables.iter().enumerate().map(|(i, v)| match param.usage {
        Use::Unused => String::new(),
        Use::See => see(ty, v),
        // Only one of the fields: the other one is unused.
        _ if i > 0 => String::new(),
        Use::Format if printable => {
            format!("see(&format!(\"{{:?}}{{{0}:?}}\", 1, {0} = {v}));", v.trim_start_matches("r#"))
        }
        Use::Format => see(ty, v),
        Use::Move if param.ty.is_reference() || !printable => {
            format!("let moved{n} = {v};\n{}", see(ty, &format!("moved{n}")))
        }
        Use::Move => format!("see(&{v});\ndrop({v});"),
        Use::Closure => format!("(|| {{ {} }})();", see(ty, v)),
        Use::MoveClosure => format!("let g{n} = move || {{ {} }};\ng{n}();", see(ty, v)),
        Use::Shadow if printable => format!("let {v} = format!(\"{{:?}}\", {v});\nsee(&{v});"),
        Use::Shadow => see(ty, v),
        Use::Overwrite if param.ty == ParamType::Byte => format!("see(&{v});\n{v} = 9;"),
        Use::Overwrite => format!("{v} = String::new();\nsee(&{v});"),
        Use::Discard => format!("let _ = {v};"),
        Use::AcrossAwait => format!("see(&pending().await);\n{}", see(ty, v)),
        Use::Rebind => rebind(n, param.ty, v),
        Use::Mutate => mutate(param.ty, v),
    });
    each.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn rebind(n: usize, ty: ParamType, v: &str) -> String {
    let (value, reference) = match ty {
        ParamType::ListMut => ("vec![2]", "&mut "),
        ParamType::SliceMut => ("[2, 3]", "&mut "),
        ParamType::PointRef => ("Point { x: 8, y: 9 }", "&"),
        ParamType::DynDebug => ("7_u64", "&"),
        ParamType::NoisyRef => ("Noisy(60)", "&"),
        ParamType::CellRef => ("Cell::new(8)", "&"),
        ParamType::StrMut => ("\"other\"", "&mut "),
        _ => ("String::from(\"rebound\")", "&"),
    };
    let mutable = if reference == "&mut " { "mut " } else { "" };
    format!("see(&{v});\nlet {mutable}other{n} = {value};\n{v} = {reference}other{n};\nsee(&{v});")
}

fn mutate(ty: ParamType, v: &str) -> String {
    match ty {
        ParamType::Byte => format!("{v} += 1;\nsee(&{v});"),
        ParamType::Text => format!("{v}.push('x');\nsee(&{v});"),
        ParamType::SliceMut => format!("{v}[0] = 9;\nsee(&{v});"),
        _ => format!("{v}.push(9);\nsee(&{v});"),
    }
}

/// Returns a value of the returned type; `other` is the one of an early exit.
fn value(output: Output, other: bool) -> &'static str {
    let pick = |usual, exit| if other { exit } else { usual };
    match output {
        Output::Unit | Output::ExplicitUnit => "()",
        Output::ResultUnit => pick("Ok(())", "Err(\"early\".into())"),
        Output::VecBox => pick("vec![Box::new(7), Box::new(\"seven\")]", "Vec::new()"),
        Output::Slice => pick("&[1, 2]", "&[]"),
        Output::RcDyn => pick("Rc::new(7)", "Rc::new(\"early\")"),
        Output::Wide | Output::AssocType => pick("7", "9"),
        Output::ImplInto => pick("\"done\"", "\"early\""),
        Output::Byte | Output::Projection => pick("7", "9"),
        Output::Text | Output::Cow => pick("\"done\".into()", "\"early\".into()"),
        Output::ResultText | Output::ResultBoxed | Output::ResultAlias => pick("Ok(7)", "Err(\"early\".into())"),
        Output::Optional => pick("Some(7)", "None"),
        Output::Collected => pick("(0..3).collect()", "Vec::new()"),
        Output::Defaulted => pick("Default::default()", "(1, \"early\".into())"),
        Output::BoxDebug => pick("Box::new(7)", "Box::new(\"early\")"),
        Output::BoxFn => pick("Box::new(|n| n + 1)", "Box::new(|n| n + 2)"),
        Output::FnPointer => pick("|n| n + 1", "|n| n + 2"),
        Output::Static => pick("\"done\"", "\"early\""),
        Output::Array => pick("[1; 3]", "[2; 3]"),
        Output::Generic => "D::default()",
        Output::ImplDebug => pick("7_u8", "9_u8"),
        Output::ImplIterator => pick("0..3", "4..5"),
        Output::ImplFn => "|n| n + 1",
        Output::ImplFnRef => "|s| s.len()",
        Output::ResultImpl => pick("Ok(7_u8)", "Err(\"early\".into())"),
        Output::ResultImplFn => "Ok(|n| n + 1)",
        Output::TupleImpl => pick("(7_u8, 1)", "(9_u8, 2)"),
        Output::OptionImpl => pick("Some(7_u8)", "None"),
        Output::BoxImplIterator => pick("Box::new([1_u8, 2].into_iter())", "Box::new([3_u8, 4].into_iter())"),
        Output::ItsSelf => pick("Self { n: 1 }", "Self { n: 2 }"),
        Output::BorrowedSelf => "&self.n",
        Output::BorrowedParam => pick("text", "&text[1..]"),
        Output::Never => "panic!(\"never\")",
    }
}

fn statement(shape: &Shape, n: usize, statement: Statement) -> String {
    let k = n % 3;
    let other = value(shape.output, true);
    match statement {
        Statement::Let => format!("let v{n} = 1;\nsee(&v{n});"),
        Statement::Unused => format!("let unused{n} = 1;"),
        Statement::UnusedMut => format!("let mut v{n} = 1;\nsee(&v{n});"),
        Statement::DeadStore => format!("let mut v{n} = 1;\nsee(&v{n});\nv{n} = 2;"),
        Statement::UnusedImport => format!("use std::collections::HashMap as Map{n};"),
        Statement::NestedFn => format!("fn helper{n}(n: u8) -> u8 {{ n + 1 }}\nsee(&helper{n}(1));"),
        Statement::UnusedFn => format!("fn unused{n}() {{}}"),
        Statement::NestedConst => format!("const LIMIT{n}: u8 = 3;\nsee(&LIMIT{n});"),
        Statement::NestedStruct => format!(
            "#[derive(Debug)]\nstruct Local{n}(u8);\nimpl Local{n} {{ fn new() -> Self {{ Self(1) }} }}\nsee(&Local{n}::new());"
        ),
        Statement::NestedMacro => format!("macro_rules! local{n} {{ () => {{ 3 }} }}\nsee(&local{n}!());"),
        Statement::ShadowMacro => {
            "let (call, returned, outcome) = (1, 2, 3);\nsee(&(call, returned, outcome));".to_owned()
        }
        Statement::ReturnIf => format!("if c == {k} {{\nreturn {other};\n}}"),
        Statement::PanicIf => format!("if c == {k} {{\npanic!(\"stop {n}\");\n}}"),
        Statement::TryIf if shape.output.is_result() => format!("see(&checked(c != {k})?);"),
        Statement::TryIf => format!("see(&checked(c != {k}).ok()?);"),
        Statement::TryInBlock => {
            format!("let g{n} = || -> Result<u8, String> {{ Ok(checked(c != {k})? + 1) }};\nsee(&g{n}());")
        }
        Statement::LetElse => {
            format!("let Some(v{n}) = Some(c).filter(|c| *c != {k}) else {{\nreturn {other};\n}};\nsee(&v{n});")
        }
        Statement::LoopBreak => format!("let v{n} = loop {{\nif c < 9 {{ break c; }}\n}};\nsee(&v{n});"),
        Statement::Labeled => format!("let v{n} = 'out: {{\nif c == {k} {{ break 'out 1; }}\n2\n}};\nsee(&v{n});"),
        Statement::While => {
            format!("let mut v{n} = 0;\nwhile v{n} < 2 {{\nv{n} += 1;\nif v{n} == 1 {{ continue; }}\nsee(&v{n});\n}}")
        }
        Statement::Match => format!("match c {{\n{k} => see(\"equal\"),\n_ => see(\"other\"),\n}}"),
        Statement::Closure => format!("let g{n} = |n: u8| n + c;\nsee(&g{n}(1));"),
        Statement::ClosureReturn => format!("let g{n} = |n: u8| {{ if n > 1 {{ return n; }} n + 1 }};\nsee(&g{n}(c));"),
        Statement::UnsafeBlock => "see(&unsafe { danger() });".to_owned(),
        Statement::Deprecated => "old();".to_owned(),
        Statement::UnusedResult => "checked(true);".to_owned(),
        Statement::Parentheses => "if (c == 9) {\nsee(\"nine\");\n}".to_owned(),
        Statement::DocComment => format!("/// A value.\nlet v{n} = 1;\nsee(&v{n});"),
        Statement::Guard => format!("let _guard{n} = Noisy({});", 10 + n),
        Statement::DiscardedGuard => format!("let _ = Noisy({});", 20 + n),
        Statement::VecMacro => "vec![1, 2].iter().for_each(|n| see(n));".to_owned(),
        Statement::InnerAllow => "#![allow(unused_variables)]".to_owned(),
        Statement::NestedTracked => format!("@#[track]\nfn nested{n}(n: u8) -> u8 {{ n + 1 }}\nsee(&nested{n}(1));"),
        Statement::UnusedLabel => format!("'unused{n}: for n in 0..2 {{\nsee(&n);\n}}"),
        Statement::CamelCase => format!("let camelCase{n} = 1;\nsee(&camelCase{n});"),
        Statement::PathStatement => format!("let v{n} = 1;\nv{n};"),
        Statement::AsyncClosure => format!("let g{n} = async |n: u8| pending().await + n;\nsee(&g{n}(1).await);"),
        Statement::MutAcrossAwait => format!(
            "let mut v{n} = vec![1];\nlet b{n} = &mut v{n};\nb{n}.push(pending().await);\nb{n}.push(2);\nsee(&v{n});"
        ),
        Statement::Semicolon => ";".to_owned(),
        Statement::AwaitReady => "see(&std::future::ready(1).await);".to_owned(),
        Statement::AwaitPending => "see(&pending().await);".to_owned(),
        Statement::AwaitBorrow => {
            format!("let v{n} = String::from(\"local\");\nlet b{n} = &v{n};\nsee(&pending().await);\nsee(b{n});")
        }
        Statement::AsyncBlock => "async { see(\"block\") }.await;".to_owned(),
        Statement::AsyncReturn => format!("see(&async {{ if pending().await == {k} {{ return 1; }} 2 }}.await);"),
        Statement::AwaitLoop => "for n in 0..2 {\nsee(&(n, pending().await));\n}".to_owned(),
    }
}

fn tail(shape: &Shape) -> String {
    let (usual, other) = (value(shape.output, false), value(shape.output, true));
    match shape.tail {
        Tail::Value if shape.output == Output::Unit => String::new(),
        Tail::Value => usual.to_owned(),
        Tail::Return => format!("return {usual};"),
        Tail::Braces => format!("{{\n{usual}\n}}"),
        Tail::Variable => format!("let tail = {usual};\ntail"),
        Tail::If => format!("if c == 2 {{ {other} }} else {{ {usual} }}"),
        Tail::Match => format!("match c {{\n2 => {other},\n_ => {usual},\n}}"),
        Tail::LoopBreak => format!("loop {{\nbreak {usual};\n}}"),
        Tail::Labeled => format!("'tail: {{\nbreak 'tail {usual};\n}}"),
        Tail::Unsafe => format!("unsafe {{\ndanger();\n{usual}\n}}"),
        Tail::Unreachable => format!("return {other};\n{usual}"),
        Tail::Temporary => format!("beside(&Noisy(40), {usual})"),
        Tail::NeverArm => format!("match checked(true) {{\nOk(_) => {usual},\nErr(_) => unreachable!(),\n}}"),
        Tail::Todo => "todo!()".to_owned(),
    }
}
