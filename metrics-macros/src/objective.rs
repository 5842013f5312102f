//! `objective(success = 99.9, latency(0.5, 99.0))`: what calls promise. The numbers are checked by the runtime, at the
//! word that promises them.

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::parse::ParseStream;
use syn::{Error, Ident, Lit, Result, Token};

use crate::args::{assigned, each_item};
use crate::expand::checks::check;
use crate::problems::{Problems, did_you_mean};
use crate::tokens::generate;

const FORM: &str = "write `objective(success = 99.9, latency(0.5, 99.0))`, or one of the two";

/// The words, each with its numbers.
#[derive(Default)]
pub(crate) struct Objective {
    success: Option<(Ident, f64)>,
    latency: Option<(Ident, f64, f64)>,
}

impl Objective {
    /// What stands behind the word `objective`.
    pub(crate) fn parse(input: ParseStream<'_>, word: &Ident) -> Result<Self> {
        if !input.peek(syn::token::Paren) {
            return Err(Error::new(word.span(), format!("`objective` takes a list: {FORM}")));
        }
        let content;
        syn::parenthesized!(content in input);
        let mut objective = Self::default();
        let mut problems = Problems::default();
        each_item(&content, &mut problems, |input| objective.parse_one(input))?;
        problems.into_result()?;
        if objective.success.is_none() && objective.latency.is_none() {
            return Err(Error::new(word.span(), format!("`objective` promises nothing: {FORM}")));
        }
        Ok(objective)
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!("expected `success` or `latency`: {FORM}")));
        }
        let word = input.call(Ident::parse_any)?;
        let twice = match word.to_string().as_str() {
            "success" => {
                assigned(input, &word, "")?;
                self.success.replace((word.clone(), number(input)?)).is_some()
            }
            "latency" => {
                if !input.peek(syn::token::Paren) {
                    let text = "`latency` takes seconds and a percentage: write `latency(0.5, 99.0)`";
                    return Err(Error::new(word.span(), text));
                }
                let content;
                syn::parenthesized!(content in input);
                let seconds = number(&content)?;
                content.parse::<Token![,]>()?;
                let percent = number(&content)?;
                content.parse::<Option<Token![,]>>()?;
                if !content.is_empty() {
                    let error = content.error("expected nothing more: seconds and a percentage are all of it");
                    // What is left unread would be a second error at the same place.
                    content.parse::<TokenStream>()?;
                    return Err(error);
                }
                self.latency.replace((word.clone(), seconds, percent)).is_some()
            }
            other => {
                let hint = did_you_mean(other, ["success", "latency"]);
                return Err(Error::new(word.span(), format!("unknown promise `{other}`; {FORM}{hint}")));
            }
        };
        if twice {
            return Err(Error::new(word.span(), format!("`{word}` is given twice: leave one out")));
        }
        Ok(())
    }

    /// The constant `__OBJECTIVE`, and the checks of its numbers against `__SITE`.
    pub(crate) fn constant(&self, private: &TokenStream) -> TokenStream {
        let success = self.success.as_ref().map(|(_, percent)| generate!(.success(#percent)));
        let latency = self.latency.as_ref().map(|(_, seconds, percent)| {
            let nanos = std::time::Duration::try_from_secs_f64(*seconds).map_or(0, |time| time.as_nanos());
            let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
            generate!(.latency(::core::time::Duration::from_nanos(#nanos), #percent))
        });
        let mut out = generate! {
            const __OBJECTIVE: #private::Objective = #private::Objective::new() #success #latency;
        };
        if let Some((word, _)) = &self.success {
            out.extend(check(word, private, generate!(__SITE.check_success(&__OBJECTIVE))));
        }
        if let Some((word, ..)) = &self.latency {
            out.extend(check(word, private, generate!(__SITE.check_latency(&__OBJECTIVE))));
        }
        out
    }
}

fn number(input: ParseStream<'_>) -> Result<f64> {
    let wanted = "expected a number such as 99.9";
    let found = input.fork();
    match input.parse::<Lit>() {
        Ok(Lit::Float(number)) => number.base10_parse(),
        Ok(Lit::Int(number)) => number.base10_parse(),
        _ => Err(found.error(wanted)),
    }
}
