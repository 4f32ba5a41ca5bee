//! The sample API: a real nginx that answers for orders and users, and the document of what it is meant to offer.

use super::network::Network;
use crate::nginx::Nginx;
use anyhow::{Context, Result};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// Its name in the agent's configuration.
pub(super) const NAME: &str = "shop";
/// The name that the client calls it by.
pub(super) const HOST: &str = "api.shop.example";
const PORT: u16 = 8080;
/// Records in the list that nobody should be given at once: some 4 MiB.
const EXPORT_RECORDS: usize = 30_000;

/// The running API. Ended when dropped.
pub(super) struct SampleApi {
    address: String,
    document: PathBuf,
    _nginx: Nginx,
}

impl SampleApi {
    pub(super) fn start(folder: &Path, network: &Network) -> Result<Self> {
        fs::create_dir_all(folder.join("www"))?;
        fs::write(folder.join("www/export.json"), export())?;
        let address = format!("{}:{PORT}", network.server());
        let nginx = Nginx::start(network.command("nginx"), folder, &server_block(folder), &address)?;
        Ok(Self { address, document: document_path(folder), _nginx: nginx })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn document(&self) -> &Path {
        &self.document
    }
}

/// The agent's section for it, with its document, which is written here.
pub(super) fn config(folder: &Path, network: &Network) -> Result<String> {
    let document = document_path(folder);
    fs::write(&document, DOCUMENT).with_context(|| format!("cannot write {}", document.display()))?;
    Ok(format!(
        "\n[[api]]\nname = \"{NAME}\"\nauthorities = [\"{HOST}\", \"{HOST}:{PORT}\", \"{}:{PORT}\"]\nopenapi = '{}'\n",
        network.server(),
        document.display()
    ))
}

fn document_path(folder: &Path) -> PathBuf {
    folder.join("shop.openapi.yaml")
}

fn export() -> String {
    let mut text = "[".to_owned();
    for id in 0..EXPORT_RECORDS {
        let comma = if id == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}{{\"id\":{id},\"customer\":\"customer-{id}\",\"status\":\"shipped\",\"total\":{}.90,\"note\":\"{}\"}}",
            id % 500,
            "-".repeat(60)
        );
    }
    text + "]"
}

fn server_block(folder: &Path) -> String {
    format!(
        r#"        listen {PORT};
        server_name {HOST};
        location = /login {{ return 200 '{{"token":"issued","expires_in":3600}}\n'; }}
        location = /orders {{ return 200 '[{{"id":1,"total":12.50}},{{"id":2,"total":99.00}}]\n'; }}
        location ~ ^/orders/[0-9]+$ {{ return 200 '{{"id":1,"status":"shipped","total":12.50}}\n'; }}
        location ~ ^/users/[0-9]+$ {{ return 200 '{{"id":7,"name":"A. Example"}}\n'; }}
        location = /reports/daily {{ return 200 '{{"orders":2,"revenue":111.50}}\n'; }}
        location = /internal/debug {{ return 200 '{{"workers":4,"queue":0}}\n'; }}
        location = /orders/export {{ alias {}/www/export.json; }}
        location / {{ return 404 '{{"error":"not found"}}\n'; }}"#,
        folder.display()
    )
}

/// What the API is meant to offer: not `/internal/debug`.
const DOCUMENT: &str = r#"openapi: 3.1.0
info:
  title: Shop
  version: 1.0.0
servers:
  - url: http://api.shop.example:8080
paths:
  /login:
    post:
      summary: Log in
      responses: { "200": { description: A token } }
  /orders:
    get:
      summary: The caller's orders
      responses: { "200": { description: A list } }
    post:
      summary: Place an order
      responses: { "200": { description: The order } }
  /orders/export:
    get:
      summary: All orders
      responses: { "200": { description: A long list } }
  /orders/{id}:
    get:
      summary: One order
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer } }
      responses: { "200": { description: The order } }
  /users/{id}:
    get:
      summary: One user
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer } }
      responses: { "200": { description: The user } }
  /reports/daily:
    get:
      summary: Yesterday's numbers
      responses: { "200": { description: The numbers } }
"#;
