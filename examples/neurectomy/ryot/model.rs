//! A small statistical language model: word n-grams with absolute discounting.
//!
//! Training counts the tokens that follow each context of up to [`MAX_CONTEXT`] tokens. Generation starts from the
//! longest known context. [`DISCOUNT`] is subtracted from the count of each of its followers. The sum of these
//! discounts, divided by the total count, is the probability of using the next shorter context, without the oldest
//! token. So a frequent context usually decides alone, and a rare one has less weight.

use std::collections::HashMap;

use rand::RngExt as _;
use rand::rngs::StdRng;

/// The maximum length of a context, in tokens.
const MAX_CONTEXT: usize = 3;

/// The part of each count that goes to shorter contexts. A larger one gives more varied text, a smaller one more
/// verbatim text.
const DISCOUNT: f64 = 0.3;

/// A lower temperature counts as zero: a count raised to its inverse would exceed the range of `f64`.
const MIN_TEMPERATURE: f64 = 0.01;

/// The start and the end of a paragraph. Never part of a generated text.
const BOUNDARY: Token = Token(0);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Token(u32);

/// The tokens that follow one context in the training text.
#[derive(Debug, Default)]
struct Followers {
    total: u32,
    counts: Vec<(Token, u32)>,
}

impl Followers {
    fn add(&mut self, token: Token) {
        self.total += 1;
        match self.counts.iter_mut().find(|(follower, _)| *follower == token) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((token, 1)),
        }
    }

    /// Returns `true` if this context decides, and `false` to use a shorter one.
    fn decides(&self, rng: &mut StdRng) -> bool {
        let discounted = DISCOUNT * self.counts.len() as f64;
        rng.random::<f64>() * f64::from(self.total) >= discounted
    }

    /// Returns a random follower. A temperature below 1 favours frequent ones, above 1 rare ones.
    fn sample(&self, temperature: f64, rng: &mut StdRng) -> Token {
        let weight = |count: u32| (f64::from(count) - DISCOUNT).powf(1.0 / temperature);
        let sum: f64 = self.counts.iter().map(|&(_, count)| weight(count)).sum();
        let mut left = rng.random::<f64>() * sum;
        for &(token, count) in &self.counts {
            left -= weight(count);
            if left < 0.0 {
                return token;
            }
        }
        // Reached if rounding leaves a remainder after the last weight. The list is never empty.
        self.counts.last().map_or(BOUNDARY, |&(token, _)| token)
    }

    /// Returns the most frequent follower, for a temperature of zero. Returns the first one of several.
    fn most_frequent(&self) -> Token {
        let mut best = (BOUNDARY, 0);
        for &(token, count) in &self.counts {
            if count > best.1 {
                best = (token, count);
            }
        }
        best.0
    }
}

/// The reason for the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The paragraph ended.
    Stop,
    /// The text has the requested number of tokens.
    Length,
}

/// A generated text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Generated {
    pub(crate) text: String,
    pub(crate) prompt_tokens: usize,
    pub(crate) completion_tokens: usize,
    pub(crate) finish: Finish,
}

/// A trained model.
#[derive(Debug)]
pub(crate) struct Model {
    words: Vec<String>,
    tokens: HashMap<String, Token>,
    followers: HashMap<Vec<Token>, Followers>,
}

impl Model {
    /// Trains a model on paragraphs that are separated by blank lines.
    pub(crate) fn train(text: &str) -> Self {
        let mut model = Self { words: vec![String::new()], tokens: HashMap::new(), followers: HashMap::new() };
        for paragraph in text.split("\n\n") {
            model.learn(paragraph);
        }
        model
    }

    fn learn(&mut self, paragraph: &str) {
        let mut tokens = vec![BOUNDARY];
        tokens.extend(split(paragraph).map(|word| self.intern(word)));
        if tokens.len() == 1 {
            return;
        }
        tokens.push(BOUNDARY);
        for end in 1..tokens.len() {
            for length in 0..=MAX_CONTEXT.min(end) {
                let context = tokens[end - length..end].to_vec();
                self.followers.entry(context).or_default().add(tokens[end]);
            }
        }
    }

    fn intern(&mut self, word: &str) -> Token {
        if let Some(&token) = self.tokens.get(word) {
            return token;
        }
        let token = Token(u32::try_from(self.words.len()).unwrap_or(u32::MAX));
        self.words.push(word.to_owned());
        self.tokens.insert(word.to_owned(), token);
        token
    }

    /// Continues `prompt` with at most `max_tokens` tokens. Deterministic for the same arguments and generator state.
    pub(crate) fn generate(&self, prompt: &str, max_tokens: usize, temperature: f64, rng: &mut StdRng) -> Generated {
        // The context starts after the last unknown word, because no known context contains it.
        let mut context = vec![BOUNDARY];
        let mut prompt_tokens = 0;
        for word in split(prompt) {
            prompt_tokens += 1;
            match self.known(word) {
                Some(token) => context.push(token),
                None => context.clear(),
            }
        }

        let mut text = String::new();
        let mut completion_tokens = 0;
        while completion_tokens < max_tokens && !self.tokens.is_empty() {
            let token = self.next(&context, temperature, rng);
            if token == BOUNDARY {
                if completion_tokens > 0 {
                    break;
                }
                // The prompt is the end of a paragraph. Begin the next one, so that the answer is not empty.
                context = vec![BOUNDARY];
                continue;
            }
            context.push(token);
            let word = self.word(token);
            let previous = text.chars().next_back().or(prompt.chars().next_back());
            if !is_closing(word) && previous.is_some_and(|last| !last.is_whitespace()) {
                text.push(' ');
            }
            text.push_str(word);
            completion_tokens += 1;
        }
        let finish = if completion_tokens < max_tokens { Finish::Stop } else { Finish::Length };
        Generated { text, prompt_tokens, completion_tokens, finish }
    }

    fn known(&self, word: &str) -> Option<Token> {
        let token = self.tokens.get(word);
        token.or_else(|| self.tokens.get(&word.to_lowercase())).copied()
    }

    fn word(&self, token: Token) -> &str {
        let index = usize::try_from(token.0).unwrap_or(usize::MAX);
        self.words.get(index).map_or("", String::as_str)
    }

    fn next(&self, context: &[Token], temperature: f64, rng: &mut StdRng) -> Token {
        let longest = MAX_CONTEXT.min(context.len());
        for length in (0..=longest).rev() {
            let suffix = &context[context.len() - length..];
            let Some(followers) = self.followers.get(suffix) else {
                continue;
            };
            if temperature < MIN_TEMPERATURE {
                return followers.most_frequent();
            }
            if length == 0 || followers.decides(rng) {
                return followers.sample(temperature, rng);
            }
        }
        BOUNDARY
    }
}

/// Splits a text into words (letters and digits, with apostrophes and hyphens within) and other single characters.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let mut end = first.len_utf8();
        if first.is_alphanumeric() {
            let mut following = rest.char_indices().skip(1).peekable();
            while let Some((at, character)) = following.next() {
                let inside = matches!(character, '\'' | '’' | '-')
                    && following.peek().is_some_and(|(_, after)| after.is_alphanumeric());
                if !character.is_alphanumeric() && !inside {
                    break;
                }
                end = at + character.len_utf8();
            }
        }
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

/// Returns `true` for punctuation that follows a word without a space.
fn is_closing(token: &str) -> bool {
    matches!(token, "," | "." | ";" | ":" | "!" | "?" | ")" | "’" | "'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    const CORPUS: &str = include_str!("corpus.txt");

    fn generate(model: &Model, prompt: &str, max_tokens: usize, seed: u64) -> Generated {
        model.generate(prompt, max_tokens, 1.0, &mut StdRng::seed_from_u64(seed))
    }

    fn tokens(text: &str) -> Vec<&str> {
        split(text).collect()
    }

    #[test]
    fn a_text_is_split_into_words_and_punctuation() {
        assert_eq!(
            tokens("The miller's well-kept mill, at 9 o'clock!"),
            ["The", "miller's", "well-kept", "mill", ",", "at", "9", "o'clock", "!"]
        );
        assert_eq!(tokens("'quoted' - a-"), ["'", "quoted", "'", "-", "a", "-"]);
        assert_eq!(tokens(" \n\t"), [""; 0]);
        assert_eq!(tokens("über Σ🦀"), ["über", "Σ", "🦀"]);
    }

    #[test]
    fn the_same_seed_gives_the_same_text() {
        let model = Model::train(CORPUS);
        let first = generate(&model, "The keeper", 60, 7);
        assert_eq!(first, generate(&model, "The keeper", 60, 7));
        let others = (8..12).map(|seed| generate(&model, "The keeper", 60, seed).text);
        assert!(others.into_iter().any(|text| text != first.text));
    }

    #[test]
    fn token_counts_match_the_text() {
        let model = Model::train(CORPUS);
        for seed in 0..50 {
            let generated = generate(&model, "Nobody reads the book", 40, seed);
            assert_eq!(generated.prompt_tokens, 4);
            assert_eq!(tokens(&generated.text).len(), generated.completion_tokens, "{generated:?}");
            assert!((1..=40).contains(&generated.completion_tokens));
            let stopped_early = generated.completion_tokens < 40;
            assert_eq!(stopped_early, generated.finish == Finish::Stop);
        }
    }

    #[test]
    fn every_token_comes_from_the_training_text() {
        let model = Model::train(CORPUS);
        let generated = generate(&model, "quantum flux capacitor", 500, 3);
        for token in split(&generated.text) {
            assert!(model.tokens.contains_key(token), "{token}");
        }
    }

    #[test]
    fn frequent_contexts_decide_alone() {
        let model = Model::train(&"a b c.\n\n".repeat(1000));
        let texts = (0..100).map(|seed| generate(&model, "a", 3, seed).text);
        assert!(texts.filter(|text| text == " b c.").count() > 95);
    }

    #[test]
    fn a_temperature_of_zero_is_deterministic() {
        let model = Model::train(CORPUS);
        let text = |seed| model.generate("The", 30, 0.0, &mut StdRng::seed_from_u64(seed));
        assert_eq!(text(1), text(2));
    }

    #[test]
    fn words_are_separated_by_spaces_and_punctuation_is_not() {
        let model = Model::train("one two, three.");
        let mut rng = StdRng::seed_from_u64(1);
        let mut text = |prompt| model.generate(prompt, 5, 0.0, &mut rng).text;
        assert_eq!(text(""), "one two, three.");
        assert_eq!(text("one"), " two, three.");
        assert_eq!(text("one "), "two, three.");
        assert_eq!(text("one two"), ", three.");
    }

    #[test]
    fn no_tokens_and_no_training_end_at_once() {
        let model = Model::train(CORPUS);
        let none = generate(&model, "The", 0, 1);
        assert_eq!((none.completion_tokens, none.finish), (0, Finish::Length));
        let untrained = Model::train("");
        // Must return, even though the model knows no token.
        assert_eq!(generate(&untrained, "The", 10, 1).completion_tokens, 0);
    }
}
