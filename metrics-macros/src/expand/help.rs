//! The help text as a constant expression.

use proc_macro2::TokenStream;
use quote::ToTokens as _;

use crate::syntax::docs::Help;
use crate::tokens::{generate, text};

/// Returns an expression of type `&'static str`.
pub(crate) fn help_text(help: &Help, private: &TokenStream) -> TokenStream {
    match help {
        Help::Text(help) => text(help),
        Help::Lines(_) => {
            let lines = paragraph(help, private);
            generate!({ #lines __PARAGRAPH.as_str() })
        }
    }
}

/// Returns an expression of type `Option<&'static str>`, which is `None` if the doc comment has no text.
pub(crate) fn optional_help(help: &Help, private: &TokenStream) -> TokenStream {
    match help {
        Help::Text(help) => {
            let help = text(help);
            generate!(::core::option::Option::Some(#help))
        }
        Help::Lines(_) => {
            let lines = paragraph(help, private);
            generate!({ #lines __PARAGRAPH.text() })
        }
    }
}

/// Returns the items that find the first paragraph of a doc comment with macros.
fn paragraph(help: &Help, private: &TokenStream) -> TokenStream {
    let lines = match help {
        Help::Text(text) => vec![text.to_token_stream()],
        Help::Lines(lines) => lines.clone(),
    };
    generate! {
        const __TEXT: &'static ::core::primitive::str = ::core::concat!(#(#lines, "\n"),*);
        const __PARAGRAPH: &'static #private::Paragraph<{ __TEXT.len() }> = &#private::Paragraph::new(__TEXT);
    }
}
