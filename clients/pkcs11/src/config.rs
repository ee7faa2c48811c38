//! Where the server is, who asks, and which slots there are: a YAML file, then variables of the environment over it.
//!
//! The file is the text given in `pReserved` of `C_Initialize` as a path, else `HSM_PKCS11_CONFIG`, else none. Every
//! unknown key is an error: a misspelt one would silently do nothing.

use std::fs;
use std::path::PathBuf;

use cryptoki_sys::{CKR_ARGUMENTS_BAD, CKR_FUNCTION_FAILED};
use serde::Deserialize;

use crate::error::{Answer, Refusal, refuse};
use crate::ffi::environment::variable;
use crate::remote::Endpoint;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Origin of the API port, `https://hsm.example.com:8443`, or the server's unix socket, `unix:///run/keystead/api.sock`.
    #[serde(default)]
    pub endpoint: String,
    /// PEM file of the authorities that may have signed the server's certificate.
    #[serde(default)]
    pub ca: PathBuf,
    /// PEM files of the client's certificate (with its chain) and private key. Without them only a login says who asks.
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// File with the role id and secret id of a service account, who asks where nobody is logged in.
    pub credential: Option<PathBuf>,
    /// How long a server that is away is waited for, and how long a call may take in all, in milliseconds.
    #[serde(default = "connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// How long a call waits for its approval where policy holds it, in milliseconds. 0 = it is refused at once.
    #[serde(default)]
    pub approval_wait_ms: u64,
    #[serde(default)]
    pub slots: Vec<SlotConfig>,
    /// No slot is configured: every token of the vault that the client may see is one more.
    #[serde(skip)]
    pub every_token: bool,
    /// The application lets the module make threads.
    #[serde(skip)]
    pub threads: bool,
}

/// One slot with its token: a namespace, the part of it that has the tags and the algorithms, or a token of the vault.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotConfig {
    /// Of a token of the vault its record says it, as it does tags and algorithms: what stands here is where such a token is made,
    /// and its tags and algorithms narrow what the record shows.
    #[serde(default)]
    pub namespace: String,
    /// Of the token; at most 32 bytes. Left out = that of the vault's token, or the namespace.
    #[serde(default)]
    pub label: String,
    /// Only keys that carry all of these.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Only keys of these algorithms, by the names of the proto: `EcdsaP256`.
    #[serde(default)]
    pub algorithms: Vec<String>,
    /// The local user whose password is the user PIN. Left out = the token needs no login.
    pub user: Option<String>,
    /// The name of a token of the vault, whose PINs log in.
    pub token: Option<String>,
    /// Of a token of the vault: 16 hexadecimal digits; empty when it was not known from the first.
    #[serde(skip)]
    pub serial: String,
}

fn connect_timeout_ms() -> u64 {
    5_000
}

fn timeout_ms() -> u64 {
    30_000
}

impl Config {
    /// @errors `CKR_FUNCTION_FAILED` when the file cannot be read; `CKR_ARGUMENTS_BAD` when it says what cannot be.
    pub fn load(reserved: Option<&str>, threads: bool) -> Answer<Config> {
        let path = reserved.map(str::to_owned).or_else(|| variable("HSM_PKCS11_CONFIG"));
        let text = match path.filter(|path| !path.is_empty()) {
            Some(path) => fs::read_to_string(path).map_err(|_| Refusal(CKR_FUNCTION_FAILED))?,
            None => "{}".to_owned(),
        };
        Ok(Config { threads, ..Config::of(&text, variable)? })
    }

    fn of(text: &str, variable: impl Fn(&str) -> Option<String>) -> Answer<Config> {
        let mut config: Config = serde_yaml_ng::from_str(text).map_err(|_| Refusal(CKR_ARGUMENTS_BAD))?;
        if let Some(endpoint) = variable("HSM_PKCS11_ENDPOINT") {
            config.endpoint = endpoint;
        }
        if let Some(ca) = variable("HSM_PKCS11_CA") {
            config.ca = ca.into();
        }
        if let Some(cert) = variable("HSM_PKCS11_CERT") {
            config.cert = Some(cert.into());
        }
        if let Some(key) = variable("HSM_PKCS11_KEY") {
            config.key = Some(key.into());
        }
        if let Some(credential) = variable("HSM_PKCS11_CREDENTIAL") {
            config.credential = Some(credential.into());
        }
        if config.slots.is_empty() {
            let namespace = variable("HSM_PKCS11_NAMESPACE").unwrap_or_else(|| "default".to_owned());
            let (user, token) = (variable("HSM_PKCS11_USER"), variable("HSM_PKCS11_TOKEN"));
            config.every_token = token.is_none();
            let namespace = if token.is_some() { variable("HSM_PKCS11_NAMESPACE").unwrap_or_default() } else { namespace };
            config.slots = vec![SlotConfig { namespace, user, token, ..SlotConfig::default() }];
        }
        for slot in &mut config.slots {
            if slot.label.is_empty() {
                let name = slot.token.as_ref().unwrap_or(&slot.namespace);
                slot.label = name.chars().take(32).collect();
            }
        }
        config.checked()
    }

    fn checked(self) -> Answer<Config> {
        let known = |name: &String| crate::proto::Algorithm::from_str_name(name).is_some();
        let opens = |slot: &SlotConfig| match (&slot.token, &slot.user) {
            (Some(token), None) => !token.is_empty(),
            (None, _) => !slot.namespace.is_empty(),
            (Some(_), Some(_)) => false,
        };
        let server = self.server();
        let fits = self.slots.iter().all(opens)
            && server.is_some()
            && self.cert.is_some() == self.key.is_some()
            // A unix socket asks for no certificate: one that is named would be believed to count.
            && (self.cert.is_none() || !matches!(server, Some(Endpoint::Socket(_))))
            && self.connect_timeout_ms > 0
            && self.timeout_ms > 0
            && self.slots.iter().all(|slot| slot.label.len() <= 32 && slot.algorithms.iter().all(known));
        if fits { Ok(self) } else { refuse(CKR_ARGUMENTS_BAD) }
    }

    /// Where the server is.
    pub fn server(&self) -> Option<Endpoint> {
        Endpoint::of(&self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: fn(&str) -> Option<String> = |_| None;

    #[test]
    fn variables_stand_over_the_file_and_a_slot_is_named_after_its_namespace() {
        let text = "endpoint: https://a:1\nca: /ca.pem\nslots: [{namespace: payments}]";
        let config = Config::of(text, |name| (name == "HSM_PKCS11_ENDPOINT").then(|| "https://[::1]:8443".into())).unwrap();
        assert_eq!(config.server(), Some(Endpoint::Tls { host: "::1".into(), port: 8443 }));
        assert_eq!(config.slots[0].label, "payments");
    }

    #[test]
    fn without_slots_the_client_itself_is_one_and_its_tokens_follow_unless_a_variable_names_one() {
        let config = Config::of("endpoint: https://a", NONE).unwrap();
        assert_eq!((config.slots[0].namespace.as_str(), config.every_token), ("default", true));
        let named = Config::of("endpoint: https://a", |name| (name == "HSM_PKCS11_TOKEN").then(|| "pay".into())).unwrap();
        assert_eq!((named.slots[0].token.as_deref(), named.slots[0].label.as_str(), named.every_token), (Some("pay"), "pay", false));
        assert!(!Config::of("endpoint: https://a\nslots: [{token: pay}]", NONE).unwrap().every_token);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            "endpoint: http://plain:80",
            "endpoint: https://a/path",
            "endpont: https://a",
            "endpoint: https://a\ncert: /only.pem",
            "endpoint: unix:///a\ncert: /a.pem\nkey: /a-key.pem",
            "endpoint: https://a\nslots: [{namespace: x, algorithms: [Rot13]}]",
            "endpoint: https://a\nslots: [{label: neither-namespace-nor-token}]",
            "endpoint: https://a\nslots: [{token: x, user: y}]",
            "endpoint: https://a\nslots: [{namespace: x, label: a-label-that-is-longer-than-32-bytes-is}]",
            "",
        ] {
            assert_eq!(Config::of(text, NONE).unwrap_err(), Refusal(CKR_ARGUMENTS_BAD), "{text}");
        }
    }
}
