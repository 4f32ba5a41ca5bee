//! Bodies of realistic shape with values planted in them, and the list of what was planted where.

use std::collections::BTreeSet;

use crate::rng::Rng;
use crate::values::{DATA, Field, LOOK_ALIKES, SECRETS, WORDS};

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A list of records in JSON.
    Json,
    /// One record in JSON, in several responses.
    Single,
    /// JSON whose records are strings of JSON.
    Nested,
    /// XML.
    Xml,
    /// A form in a request.
    Form,
    /// Lines of a log.
    Text,
}

/// One endpoint's messages.
pub(crate) struct Endpoint {
    pub(crate) shape: Shape,
    /// Bodies, in order.
    pub(crate) bodies: Vec<String>,
    /// (class, place) of what was planted.
    pub(crate) planted: BTreeSet<(&'static str, String)>,
    /// The planted secrets themselves, for other programs' results.
    pub(crate) secrets: Vec<String>,
    /// Values that only look like it.
    pub(crate) look_alikes: usize,
}

/// The endpoints of a seed.
pub(crate) fn make(seed: u64, endpoints: usize) -> Vec<Endpoint> {
    let mut rng = Rng::new(seed);
    (0..endpoints).map(|_| endpoint(&mut rng)).collect()
}

struct Column {
    name: &'static str,
    field: &'static Field,
    planted: bool,
}

fn endpoint(rng: &mut Rng) -> Endpoint {
    let shape = match rng.within(0, 20) {
        0..=9 => Shape::Json,
        10..=13 => Shape::Single,
        14 => Shape::Nested,
        15..=16 => Shape::Xml,
        17 => Shape::Form,
        _ => Shape::Text,
    };
    let columns = columns(rng, shape);
    let (messages, records) = match shape {
        Shape::Single | Shape::Form => (40, 1),
        Shape::Json | Shape::Nested | Shape::Xml | Shape::Text => (4, rng.within(10, 50)),
    };
    let mut made =
        Endpoint { shape, bodies: Vec::new(), planted: BTreeSet::new(), secrets: Vec::new(), look_alikes: 0 };
    for _ in 0..messages {
        let rows: Vec<Vec<String>> = (0..records).map(|_| row(rng, shape, &columns, &mut made)).collect();
        made.bodies.push(body(shape, &columns, &rows));
    }
    for column in columns.iter().filter(|column| column.planted) {
        made.planted.insert((column.field.class, place(shape, column)));
    }
    made
}

/// Names differ; one endpoint in two has something planted.
fn columns(rng: &mut Rng, shape: Shape) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    if rng.one_in(2) {
        // A request's secrets are its credentials, and text has no names.
        let field = match shape {
            Shape::Text => &SECRETS[rng.within(0, SECRETS.len() - 1)],
            Shape::Form => &DATA[rng.within(0, DATA.len())],
            _ if rng.one_in(2) => &SECRETS[rng.within(0, SECRETS.len())],
            _ => &DATA[rng.within(0, DATA.len())],
        };
        columns.push(Column { name: rng.pick(field.names), field, planted: true });
    }
    for _ in 0..rng.within(5, 12) {
        let field = &LOOK_ALIKES[rng.within(0, LOOK_ALIKES.len())];
        let name = rng.pick(field.names);
        if columns.iter().all(|column| column.name != name) {
            columns.push(Column { name, field, planted: false });
        }
    }
    columns
}

fn row(rng: &mut Rng, shape: Shape, columns: &[Column], made: &mut Endpoint) -> Vec<String> {
    columns
        .iter()
        .map(|column| {
            let value = (column.field.make)(rng);
            made.look_alikes += usize::from(!column.planted);
            if column.planted && column.field.class == "secret" {
                made.secrets.push(value.clone());
            }
            // In text a secret stands among words.
            if shape == Shape::Text
                || (column.planted && rng.one_in(6) && column.field.class == "secret" && column.name == "message")
            {
                return format!("{} {value} {}", rng.pick(WORDS), rng.pick(WORDS));
            }
            value
        })
        .collect()
}

fn place(shape: Shape, column: &Column) -> String {
    match shape {
        Shape::Json => format!("/items/-/{}", column.name),
        Shape::Single => format!("/data/{}", column.name),
        Shape::Nested => format!("/{}", column.name),
        Shape::Xml | Shape::Form => column.name.to_owned(),
        Shape::Text => "text".to_owned(),
    }
}

fn body(shape: Shape, columns: &[Column], rows: &[Vec<String>]) -> String {
    let object = |row: &Vec<String>| {
        let members: Vec<String> =
            columns.iter().zip(row).map(|(column, value)| format!("\"{}\":{}", column.name, plain(value))).collect();
        format!("{{{}}}", members.join(","))
    };
    match shape {
        Shape::Json => format!(
            "{{\"items\":[{}],\"total\":{}}}",
            rows.iter().map(object).collect::<Vec<_>>().join(","),
            rows.len()
        ),
        Shape::Single => format!("{{\"data\":{}}}", object(&rows[0])),
        Shape::Nested => {
            let records =
                rows.iter().map(|row| format!("\"{}\"", object(row).replace('\\', "\\\\").replace('"', "\\\"")));
            format!("{{\"records\":[{}]}}", records.collect::<Vec<_>>().join(","))
        }
        Shape::Xml => {
            let records = rows.iter().map(|row| {
                let fields = columns.iter().zip(row).map(|(column, value)| {
                    format!("<{name}>{}</{name}>", value.replace("\\n", "\n").replace('&', "&amp;"), name = column.name)
                });
                format!("<record>{}</record>", fields.collect::<String>())
            });
            format!("<?xml version=\"1.0\"?>\n<records>{}</records>", records.collect::<String>())
        }
        Shape::Form => {
            let pairs = columns.iter().zip(&rows[0]).map(|(column, value)| format!("{}={}", column.name, coded(value)));
            pairs.collect::<Vec<_>>().join("&")
        }
        Shape::Text => rows
            .iter()
            .flat_map(|row| {
                columns
                    .iter()
                    .zip(row)
                    .map(|(column, value)| format!("level=info {} {}\n", column.name, value.replace("\\n", "\n")))
            })
            .collect(),
    }
}

/// A number stands as one half the time, as in real bodies: by its last digit.
fn plain(value: &str) -> String {
    let number = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0');
    if number && value.ends_with(['1', '3', '5', '7', '9']) { value.to_owned() } else { format!("\"{value}\"") }
}

fn coded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
