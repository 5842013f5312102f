//! Control flow that would leave an argument: `?`, `return`, `break`, `continue`, `.await` and `yield`.
//!
//! An argument is evaluated in the function, so these would end or suspend the call before it is counted. Closures, async
//! blocks and items keep their own control flow.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Block, Error, Expr, Lifetime, Macro, Pat, Result, Stmt, Token};

/// Returns an error at the first control flow that would leave the expression. `argument` names the argument.
pub(crate) fn stays_inside(expr: &Expr, argument: &str) -> Result<()> {
    let mut walk = Walk { argument, loops: 0, labels: Vec::new() };
    walk.expr(expr)
}

/// The loops and labels that enclose an expression inside of the argument.
struct Walk<'a> {
    argument: &'a str,
    loops: usize,
    labels: Vec<Lifetime>,
}

impl Walk<'_> {
    fn leaves(&self, word: &str, span: Span) -> Result<()> {
        let argument = self.argument;
        let text = if word == ".await" {
            format!(
                "`.await` cannot be in {argument}, which is evaluated at once: await in the function, and record the \
                 value there"
            )
        } else {
            format!(
                "`{word}` would leave the function from {argument}, and the call would not be counted: handle the \
                 case in place, such as with `match` or `unwrap_or_default()`"
            )
        };
        Err(Error::new(span, text))
    }

    fn all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Result<()> {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    fn expr(&mut self, expr: &Expr) -> Result<()> {
        match expr {
            Expr::Try(found) => {
                self.expr(&found.expr)?;
                self.leaves("?", found.question_token.span)
            }
            Expr::Await(found) => {
                self.expr(&found.base)?;
                self.leaves(".await", found.await_token.span)
            }
            Expr::Return(found) => self.leaves("return", found.return_token.span),
            Expr::Yield(found) => self.leaves("yield", found.yield_token.span),
            Expr::Break(found) => {
                self.all(found.expr.as_deref())?;
                self.jump("break", found.label.as_ref(), found.break_token.span)
            }
            Expr::Continue(found) => self.jump("continue", found.label.as_ref(), found.continue_token.span),
            Expr::Loop(found) => self.looped(found.label.as_ref(), &found.body),
            Expr::While(found) => {
                self.expr(&found.cond)?;
                self.looped(found.label.as_ref(), &found.body)
            }
            Expr::ForLoop(found) => {
                self.expr(&found.expr)?;
                self.looped(found.label.as_ref(), &found.body)
            }
            Expr::Block(found) => self.labelled(found.label.as_ref(), &found.block),
            Expr::Unsafe(found) => self.block(&found.block),
            Expr::If(found) => {
                self.expr(&found.cond)?;
                self.block(&found.then_branch)?;
                self.all(found.else_branch.as_ref().map(|(_, branch)| &**branch))
            }
            Expr::Match(found) => {
                self.expr(&found.expr)?;
                found.arms.iter().try_for_each(|arm| {
                    if let Pat::Guard(guarded) = &arm.pat {
                        self.expr(&guarded.guard)?;
                    }
                    self.expr(&arm.body)
                })
            }
            Expr::Macro(found) => self.macro_call(&found.mac),
            Expr::Array(found) => self.all(&found.elems),
            Expr::Tuple(found) => self.all(&found.elems),
            Expr::Call(found) => {
                self.expr(&found.func)?;
                self.all(&found.args)
            }
            Expr::MethodCall(found) => {
                self.expr(&found.receiver)?;
                self.all(&found.args)
            }
            Expr::Struct(found) => {
                self.all(found.fields.iter().map(|field| &field.expr))?;
                self.all(found.rest.as_deref())
            }
            Expr::Assign(found) => self.all([&*found.left, &*found.right]),
            Expr::Binary(found) => self.all([&*found.left, &*found.right]),
            Expr::Index(found) => self.all([&*found.expr, &*found.index]),
            Expr::Range(found) => self.all(found.start.as_deref().into_iter().chain(found.end.as_deref())),
            Expr::Repeat(found) => self.expr(&found.expr),
            Expr::Cast(found) => self.expr(&found.expr),
            Expr::Field(found) => self.expr(&found.base),
            Expr::Group(found) => self.expr(&found.expr),
            Expr::Let(found) => self.expr(&found.expr),
            Expr::Paren(found) => self.expr(&found.expr),
            Expr::RawAddr(found) => self.expr(&found.expr),
            Expr::Reference(found) => self.expr(&found.expr),
            Expr::Unary(found) => self.expr(&found.expr),
            // Closures, async blocks and constants keep their control flow, and the others have none.
            _ => Ok(()),
        }
    }

    fn jump(&self, word: &str, label: Option<&Lifetime>, span: Span) -> Result<()> {
        let inside = label.map_or(self.loops > 0, |label| self.labels.contains(label));
        if inside { Ok(()) } else { self.leaves(word, span) }
    }

    fn looped(&mut self, label: Option<&syn::Label>, body: &Block) -> Result<()> {
        self.loops += 1;
        let walked = self.labelled(label, body);
        self.loops -= 1;
        walked
    }

    fn labelled(&mut self, label: Option<&syn::Label>, body: &Block) -> Result<()> {
        self.labels.extend(label.map(|label| label.name.clone()));
        let walked = self.block(body);
        if label.is_some() {
            self.labels.pop();
        }
        walked
    }

    fn block(&mut self, block: &Block) -> Result<()> {
        block.stmts.iter().try_for_each(|statement| match statement {
            Stmt::Local(local) => match &local.init {
                Some(init) => {
                    self.expr(&init.expr)?;
                    self.all(init.diverge.as_ref().map(|(_, diverge)| &**diverge))
                }
                None => Ok(()),
            },
            Stmt::Expr(expr, _) => self.expr(expr),
            Stmt::Macro(found) => self.macro_call(&found.mac),
            Stmt::Item(_) => Ok(()),
        })
    }

    /// Checks the arguments of a macro that are expressions: the value in `matches!(value, pattern)`, all in
    /// `format!("{}", a)`. A macro of the user may take other tokens.
    fn macro_call(&mut self, found: &Macro) -> Result<()> {
        let list = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(found.tokens.clone());
        if let Ok(list) = list {
            return self.all(&list);
        }
        let is_comma =
            |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if [',', ';'].contains(&punct.as_char()));
        let tokens: Vec<_> = found.tokens.clone().into_iter().collect();
        tokens.split(is_comma).try_for_each(|argument| {
            let argument = argument.iter().cloned().collect::<TokenStream>();
            syn::parse2::<Expr>(argument).map_or(Ok(()), |expr| self.expr(&expr))
        })
    }
}
