//! Settings of a kind, as a table: the struct, its defaults, its documentation and its parser come from one list.
//!
//! The agent reads them from the configuration without knowing any kind: [`super::DetectSettings::set`] takes a kind's name, a key and a
//! value; [`super::setting_keys`] says which keys there are. Nothing here knows a file format.

use crate::finding::Severity;

/// A value as the configuration file gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SettingValue<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A string.
    Text(&'a str),
}

/// Why a setting was refused. The caller knows the place in the file and the names near by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// See [`super::kinds`].
    #[error("there is no such kind of finding")]
    UnknownKind,
    /// See [`super::setting_keys`].
    #[error("this kind of finding has no such setting")]
    UnknownKey,
    /// Wrong type or out of range.
    #[error("expected {0}")]
    Expected(&'static str),
}

/// One key of a kind's settings, for suggestions and the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingKey {
    /// Name in the file, its unit last.
    pub name: &'static str,
    /// What values it takes, such as `true or false`.
    pub takes: &'static str,
    /// Default, as it is written in a TOML file.
    pub default: String,
    /// What it does. One paragraph.
    pub doc: String,
}

/// A type that a setting may have.
pub(crate) trait Setting: Sized {
    /// What values it takes, in words.
    const TAKES: &'static str;

    /// From the file's value; `None` where it does not fit.
    fn read(value: SettingValue<'_>) -> Option<Self>;

    /// As it is written in a TOML file.
    fn write(&self) -> String;
}

impl Setting for bool {
    const TAKES: &'static str = "true or false";

    fn read(value: SettingValue<'_>) -> Option<Self> {
        match value {
            SettingValue::Bool(value) => Some(value),
            SettingValue::Integer(_) | SettingValue::Text(_) => None,
        }
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Setting for u64 {
    const TAKES: &'static str = "a whole number of at least 1";

    fn read(value: SettingValue<'_>) -> Option<Self> {
        match value {
            SettingValue::Integer(value) => Self::try_from(value).ok().filter(|value| *value > 0),
            SettingValue::Bool(_) | SettingValue::Text(_) => None,
        }
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

/// A number, or no bound at all.
impl Setting for Option<u64> {
    const TAKES: &'static str = r#"a whole number of at least 1, or "off""#;

    fn read(value: SettingValue<'_>) -> Option<Self> {
        match value {
            SettingValue::Text("off") => Some(None),
            SettingValue::Integer(_) | SettingValue::Text(_) | SettingValue::Bool(_) => u64::read(value).map(Some),
        }
    }

    fn write(&self) -> String {
        self.map_or_else(|| "\"off\"".to_owned(), |number| number.to_string())
    }
}

/// A severity, or nothing at all.
impl Setting for Option<Severity> {
    const TAKES: &'static str = r#""critical", "high", "medium", "low", "info" or "off""#;

    fn read(value: SettingValue<'_>) -> Option<Self> {
        match value {
            SettingValue::Text("off") => Some(None),
            SettingValue::Text(name) => Severity::from_name(name).map(Some),
            SettingValue::Bool(_) | SettingValue::Integer(_) => None,
        }
    }

    fn write(&self) -> String {
        format!("\"{}\"", self.map_or("off", Severity::name))
    }
}

/// Declares a kind's `Config`: each field's doc comment is the key's documentation, each default stands beside it once. Every kind has
/// `enabled` as its first key.
macro_rules! settings {
    ($(#[doc = $about:expr])* pub struct Config { $($keys:tt)* }) => {
        $crate::detect::setting::settings! {
            @with
            $(#[doc = $about])*
            pub struct Config {
                #[doc = "Look for this kind at all."]
                enabled: bool = true,
                $($keys)*
            }
        }
    };
    (@with $(#[doc = $about:expr])* pub struct Config { $($(#[doc = $doc:expr])+ $key:ident: $type:ty = $default:expr),+ $(,)? }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $key: $type),+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($key: $default),+ }
            }
        }

        impl Config {
            /// The keys, with defaults and documentation.
            pub(crate) fn keys() -> Vec<$crate::detect::setting::SettingKey> {
                let default = Self::default();
                vec![$($crate::detect::setting::SettingKey {
                    name: stringify!($key),
                    takes: <$type as $crate::detect::setting::Setting>::TAKES,
                    default: $crate::detect::setting::Setting::write(&default.$key),
                    doc: concat!($($doc),+).trim().to_owned(),
                }),+]
            }

            /// Sets one key.
            pub(crate) fn set(
                &mut self,
                key: &str,
                value: $crate::detect::setting::SettingValue<'_>,
            ) -> Result<(), $crate::detect::setting::SettingError> {
                use $crate::detect::setting::{Setting, SettingError};
                match key {
                    $(stringify!($key) => {
                        self.$key = Setting::read(value).ok_or(SettingError::Expected(<$type as Setting>::TAKES))?;
                    })+
                    _ => return Err(SettingError::UnknownKey),
                }
                Ok(())
            }
        }
    };
}
pub(crate) use settings;
