//! From the configuration to the receivers of alerts. Signing secrets are read here: files are effects.

use apiscope_audit::Severity;

use super::{Config, Webhook};
use crate::notify::webhook::WebhookSecret;
use crate::notify::{ConfigError, Context, Receivers, alertmanager, webhook};

impl Config {
    /// The receivers; fails on the first secret that can't be had.
    pub fn receivers(&self) -> Result<Receivers, ConfigError> {
        let alertmanagers = self.alertmanagers.iter().map(|receiver| alertmanager::Config {
            name: receiver.name.clone(),
            urls: receiver.urls.iter().map(ToString::to_string).collect(),
            min_severity: severity(&receiver.min_severity),
            life_min: receiver.life_min,
        });
        let webhooks = self.webhooks.iter().map(|receiver| {
            Ok(webhook::Config {
                name: receiver.name.clone(),
                url: receiver.url.clone(),
                secret: secret(receiver)?,
                min_severity: severity(&receiver.min_severity),
            })
        });
        Ok(Receivers { alertmanager: alertmanagers.collect(), webhook: webhooks.collect::<Result<_, ConfigError>>()? })
    }

    /// What alerts say of this agent.
    pub fn alert_context(&self) -> Context {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
        Context {
            instance: self.instance.clone().unwrap_or_else(host),
            environment: self.environment.clone(),
            external_url: self.external_url.clone(),
        }
    }

    /// What is wrong with secrets in files. Those that systemd gives are not looked for: only the unit has them.
    pub fn secret_faults(&self) -> Vec<String> {
        let in_files = self.webhooks.iter().filter(|receiver| receiver.secret_file.is_some());
        in_files.filter_map(|receiver| secret(receiver).err()).map(|error| error.to_string()).collect()
    }
}

/// The words were checked when they were read.
fn severity(name: &str) -> Severity {
    Severity::from_name(name).unwrap_or(Severity::Low)
}

fn secret(receiver: &Webhook) -> Result<WebhookSecret, ConfigError> {
    let secret = match (&receiver.secret_file, &receiver.secret_credential) {
        (Some(file), _) => WebhookSecret::from_file(file),
        (None, Some(credential)) => WebhookSecret::from_credential(credential),
        (None, None) => Err("none is configured. Add secret_file or secret_credential".to_owned()),
    };
    secret.map_err(|what| ConfigError::Secret { receiver: receiver.name.clone(), what })
}
