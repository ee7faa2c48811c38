//! What a slot shows: a namespace, or the part of one that has the tags and is of the algorithms.
//!
//! Of a token of the vault its record says so. The client reads it at first when it may, else whoever logs in gets it with the
//! login. What the configuration says besides narrows it, and never widens it: the vault holds to the record anyway.

use crate::config::SlotConfig;
use crate::proto::{Algorithm, Key, Token};

/// No enum of the proto has a higher number for an algorithm.
const ALGORITHM_NUMBERS: i32 = 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Empty until it is known.
    pub namespace: String,
    /// Keys that carry all of these, and new ones get them.
    pub tags: Vec<String>,
    /// Keys of these, by the names of the proto; `None` = of all.
    algorithms: Option<Vec<String>>,
}

/// None named = all.
fn limit(names: Vec<String>) -> Option<Vec<String>> {
    (!names.is_empty()).then_some(names)
}

impl View {
    /// As the configuration says, which is all there is until the record of a token is known.
    pub fn configured(config: &SlotConfig) -> View {
        View { namespace: config.namespace.clone(), tags: config.tags.clone(), algorithms: limit(config.algorithms.clone()) }
    }

    /// As the record says, narrowed by the configuration.
    pub fn of_token(token: &Token, config: &SlotConfig) -> View {
        let mut tags = token.tags.clone();
        tags.extend(config.tags.iter().filter(|tag| !token.tags.contains(tag)).cloned());
        let record = limit(token.algorithms.iter().map(|name| proto_name(name)).collect());
        let algorithms = match (record, limit(config.algorithms.clone())) {
            // One that has no algorithm left shows nothing.
            (Some(record), Some(own)) => Some(own.into_iter().filter(|name| record.contains(name)).collect()),
            (record, own) => record.or(own),
        };
        View { namespace: token.namespace.clone(), tags, algorithms }
    }

    /// The algorithms that the service is asked for; `None` = there is no key to ask for.
    pub fn asked(&self) -> Option<Vec<i32>> {
        let names = self.algorithms.as_deref().unwrap_or_default();
        let known: Vec<_> = names.iter().filter_map(|name| Algorithm::from_str_name(name)).map(i32::from).collect();
        (self.algorithms.is_none() || !known.is_empty()).then_some(known)
    }

    pub fn has(&self, algorithm: Algorithm) -> bool {
        self.algorithms.as_ref().is_none_or(|names| names.iter().any(|name| name == algorithm.as_str_name()))
    }

    pub fn shows(&self, key: &Key) -> bool {
        let algorithm = Algorithm::try_from(key.algorithm).ok();
        self.tags.iter().all(|tag| key.tags.contains(tag))
            && (self.algorithms.is_none() || algorithm.is_some_and(|algorithm| self.has(algorithm)))
    }

    /// Of a token that is to be made so.
    pub fn algorithms(&self) -> Vec<String> {
        self.algorithms.clone().unwrap_or_default()
    }
}

/// `ECDSA-P256` as `EcdsaP256`. What this module does not know stays, and fits no key.
fn proto_name(name: &str) -> String {
    let folded = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let known = (1..ALGORITHM_NUMBERS).filter_map(|number| Algorithm::try_from(number).ok());
    let found = known.map(|algorithm| algorithm.as_str_name()).find(|other| folded(other) == folded(name));
    found.unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn narrowed(record: (&str, &str), own: (&str, &str)) -> View {
        let token = Token { namespace: "real".into(), tags: words(record.0), algorithms: words(record.1), ..Default::default() };
        let config = SlotConfig { namespace: "configured".into(), tags: words(own.0), algorithms: words(own.1), ..SlotConfig::default() };
        View::of_token(&token, &config)
    }

    fn key(tags: &str, algorithm: Algorithm) -> Key {
        Key { tags: words(tags), algorithm: algorithm.into(), ..Default::default() }
    }

    #[test]
    fn the_record_says_what_is_shown_and_the_configuration_narrows_it() {
        let view = narrowed(("a", "ECDSA-P256 Ed25519"), ("", ""));
        assert_eq!(view.namespace, "real");
        assert!(view.shows(&key("a b", Algorithm::Ed25519)));
        assert!(!view.shows(&key("b", Algorithm::Ed25519)) && !view.shows(&key("a", Algorithm::Rsa2048)));
        let narrow = narrowed(("a", "ECDSA-P256 Ed25519"), ("a b", "Ed25519 Rsa2048"));
        assert_eq!(narrow.tags, ["a", "b"]);
        assert!(narrow.shows(&key("a b", Algorithm::Ed25519)));
        for hidden in [key("b", Algorithm::Ed25519), key("a b", Algorithm::EcdsaP256), key("a b", Algorithm::Rsa2048)] {
            assert!(!narrow.shows(&hidden));
        }
    }

    #[test]
    fn two_lists_with_nothing_in_common_show_nothing_and_no_list_shows_all() {
        let none = narrowed(("", "ECDSA-P256"), ("", "Ed25519"));
        assert_eq!(none.asked(), None);
        assert!(!none.has(Algorithm::Ed25519) && !none.has(Algorithm::EcdsaP256));
        assert_eq!(narrowed(("", "ROT13"), ("", "")).asked(), None, "an algorithm of a later server");
        let all = narrowed(("", ""), ("", ""));
        assert_eq!(all.asked(), Some(vec![]));
        assert!(all.shows(&key("any", Algorithm::Rsa2048)));
        assert_eq!(narrowed(("", ""), ("", "Ed25519")).asked(), Some(vec![Algorithm::Ed25519.into()]));
    }

    #[test]
    fn canonical_names_become_those_of_the_proto() {
        for (name, proto) in [("ECDSA-P256", "EcdsaP256"), ("AES-256-GCM", "Aes256Gcm"), ("Ed25519", "Ed25519"), ("ROT13", "ROT13")] {
            assert_eq!(proto_name(name), proto);
        }
    }
}
