//! What the name of a field promises, by its last words: `billing_address_line1` and `customerEmail` promise what `email` does.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::super::names::{self, Promise};
use super::ids::Kind;

/// What a name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A secret.
    Secret(Promise),
    /// An AWS secret access key.
    AwsSecret,
    /// A card's number.
    Card,
    /// What belongs to a card: verification value, date of expiry.
    CardPart,
    /// An IBAN.
    Iban,
    /// A bank account's number.
    Account,
    /// A bank's number.
    Routing,
    /// A number that a state gives.
    NationalId(Kind),
    /// E-mail.
    Email,
    /// Telephone.
    Phone,
    /// Name of a person.
    PersonName,
    /// Date of birth.
    BirthDate,
    /// Postal address.
    Address,
    /// Latitude or longitude.
    Position,
    /// Health.
    Health,
}

impl Topic {
    /// It promises a secret.
    pub(crate) fn is_secret(self) -> bool {
        matches!(self, Self::Secret(_) | Self::AwsSecret)
    }
}

/// Longest name that is looked at.
const NAME_MAX: usize = 64;
/// Words of a name that are looked at.
const WORDS_MAX: usize = 8;
/// Bits of the table of names' ends.
const ENDS: usize = 1 << 15;

struct Topics {
    /// Which ends the names have: most names of traffic end as none of them does, and are refused by one bit.
    ends: Box<[u64; ENDS / 64]>,
    /// By name without separators; the flag says that it may have words before it.
    names: FxHashMap<Box<[u8]>, (Topic, bool)>,
}

static TOPICS: LazyLock<Topics> = LazyLock::new(|| {
    let mut topics = Topics { ends: Box::new([0; ENDS / 64]), names: FxHashMap::default() };
    for (topic, tail, list) in TABLE {
        for name in *list {
            topics.add(name, *topic, *tail);
        }
    }
    for (promise, list) in names::PROMISES {
        for name in *list {
            topics.add(name, Topic::Secret(*promise), false);
        }
    }
    topics
});

/// Makes the table, so that the first message does not wait for it.
pub(crate) fn load() {
    LazyLock::force(&TOPICS);
}

impl Topics {
    fn add(&mut self, name: &str, topic: Topic, tail: bool) {
        for separator in ["", "_", "-", " "] {
            let end = names::end_of(name.replace(' ', separator).as_bytes()) & (ENDS - 1);
            if let Some(word) = self.ends.get_mut(end / 64) {
                *word |= 1_u64 << (end % 64);
            }
        }
        self.names.entry(name.replace(' ', "").into_bytes().into()).or_insert((topic, tail));
    }

    /// From the whole name to its last word, the first that is known.
    fn find(&self, name: &[u8]) -> Option<Topic> {
        let name = name.strip_suffix(b"]").map_or(name, |inner| names::after_last(b'[', inner));
        let name = names::after_last(b'.', name);
        let mut plain = [0_u8; NAME_MAX];
        let mut starts = smallvec::SmallVec::<[usize; WORDS_MAX]>::new();
        let (mut length, mut before) = (0, b'_');
        for &byte in name {
            let separator = matches!(byte, b'_' | b'-' | b' ' | b':');
            if !separator {
                let word = matches!(before, b'_' | b'-' | b' ' | b':')
                    || (byte.is_ascii_uppercase() && !before.is_ascii_uppercase());
                if word && starts.len() < WORDS_MAX {
                    starts.push(length);
                }
                *plain.get_mut(length)? = byte.to_ascii_lowercase();
                length += 1;
            }
            before = byte;
        }
        starts.iter().find_map(|start| {
            let (topic, tail) = self.names.get(plain.get(*start..length)?)?;
            (*start == 0 || *tail).then_some(*topic)
        })
    }
}

/// What `name` promises.
#[inline]
pub(crate) fn of(name: &[u8]) -> Option<Topic> {
    let topics = &*TOPICS;
    let end = names::end_of(name) & (ENDS - 1);
    if topics.ends.get(end / 64).is_some_and(|word| word >> (end % 64) & 1 == 1) { topics.find(name) } else { None }
}

/// Topic, whether words may stand before the name, and the names: lower case, words parted.
const TABLE: &[(Topic, bool, &[&str])] = &[
    (Topic::AwsSecret, true, &["aws secret access key", "secret access key", "aws secret key", "aws secret"]),
    (Topic::Secret(Promise::Password), true, &["password", "passwd", "passphrase", "client secret"]),
    (
        Topic::Secret(Promise::ApiKey),
        true,
        &[
            "api key",
            "api token",
            "api secret",
            "secret key",
            "app secret",
            "auth key",
            "signing key",
            "signing secret",
            "webhook secret",
            "encryption key",
            "private token",
            "access key",
        ],
    ),
    (
        Topic::Secret(Promise::Token),
        true,
        &[
            "access token",
            "auth token",
            "refresh token",
            "bearer token",
            "session token",
            "bot token",
            "personal access token",
            "deploy token",
        ],
    ),
    (
        Topic::Card,
        true,
        &[
            "card number",
            "card no",
            "cardnum",
            "card num",
            "credit card",
            "creditcard",
            "credit card number",
            "cc number",
            "ccnumber",
            "cc num",
            "debit card",
            "debit card number",
            "primary account number",
            "pan number",
            "payment card",
        ],
    ),
    (Topic::Card, false, &["pan", "card", "cc"]),
    (
        Topic::CardPart,
        true,
        &[
            "cvv",
            "cvc",
            "cvv2",
            "cvc2",
            "cvn",
            "card verification value",
            "card security code",
            "card code",
            "exp month",
            "exp year",
            "expiry",
            "expiry date",
            "expiration",
            "expiration date",
            "exp date",
            "expiry month",
            "expiry year",
            "expiration month",
            "expiration year",
            "exp",
        ],
    ),
    (Topic::Iban, true, &["iban", "iban number", "iban code"]),
    (
        Topic::Account,
        true,
        &[
            "bank account",
            "bank account number",
            "account number",
            "account no",
            "acct number",
            "acct no",
            "kontonummer",
        ],
    ),
    (Topic::Routing, true, &["routing number", "aba number", "aba", "routing no", "aba routing number"]),
    (Topic::Email, true, &["email", "e mail", "mail", "email address", "mail address", "e mail address"]),
    (
        Topic::Phone,
        true,
        &[
            "phone",
            "phone number",
            "phone no",
            "mobile",
            "mobile number",
            "mobile phone",
            "telephone",
            "telephone number",
            "tel",
            "cell",
            "cell phone",
            "cellphone",
            "msisdn",
            "fax",
            "fax number",
            "contact number",
            "whatsapp",
            "telefon",
            "telefono",
            "handy",
            "landline",
            "phone1",
            "phone2",
        ],
    ),
    (
        Topic::PersonName,
        true,
        &[
            "first name",
            "firstname",
            "last name",
            "lastname",
            "given name",
            "family name",
            "surname",
            "full name",
            "fullname",
            "maiden name",
            "middle name",
            "legal name",
            "cardholder name",
            "card holder name",
            "holder name",
            "patient name",
            "customer name",
            "employee name",
            "mothers maiden name",
            "nachname",
            "vorname",
            "apellido",
            "nom de famille",
            "prenom",
            "fname",
            "lname",
        ],
    ),
    (
        Topic::BirthDate,
        true,
        &[
            "birth date",
            "birthdate",
            "date of birth",
            "dob",
            "birthday",
            "birth day",
            "geburtsdatum",
            "date de naissance",
            "fecha de nacimiento",
            "born",
        ],
    ),
    (
        Topic::Address,
        true,
        &[
            "street",
            "street address",
            "address line",
            "address line1",
            "address line 1",
            "addressline1",
            "address1",
            "address line2",
            "address line 2",
            "address2",
            "postal address",
            "home address",
            "billing address",
            "shipping address",
            "mailing address",
            "delivery address",
            "residential address",
            "street line",
            "street1",
            "full address",
            "strasse",
            "adresse",
            "direccion",
        ],
    ),
    (Topic::Address, false, &["address"]),
    (Topic::Position, true, &["latitude", "longitude", "lat", "lng", "lon"]),
    (
        Topic::Health,
        true,
        &[
            "diagnosis",
            "diagnoses",
            "medication",
            "medications",
            "blood type",
            "blood group",
            "allergy",
            "allergies",
            "medical history",
            "icd10",
            "icd code",
            "icd10 code",
            "medical condition",
            "medical conditions",
            "health condition",
            "symptoms",
            "prescription",
            "prescriptions",
            "medical record",
            "medical notes",
            "disability",
            "hiv status",
            "vaccination",
            "vaccinations",
            "chronic conditions",
            "health insurance number",
            "pregnancy",
            "therapy",
            "drug allergies",
        ],
    ),
    (
        Topic::NationalId(Kind::Any),
        true,
        &[
            "national id",
            "national id number",
            "national identification number",
            "nationalid",
            "personal id",
            "personal identification number",
            "identity number",
            "identity card",
            "id card",
            "id card number",
            "id number",
            "document number",
            "tax id",
            "tax number",
            "tax identification number",
            "taxpayer id",
            "tin",
            "citizen id",
            "personal code",
            "government id",
            "nin",
            "resident id",
            "nic",
            "identification number",
        ],
    ),
    (Topic::NationalId(Kind::Us), true, &["ssn", "social security number", "social security", "social security no"]),
    (Topic::NationalId(Kind::Canada), true, &["sin", "social insurance number", "sin number"]),
    (Topic::NationalId(Kind::Britain), true, &["nino", "national insurance number", "national insurance", "ni number"]),
    (Topic::NationalId(Kind::Nhs), true, &["nhs number", "nhs no"]),
    (
        Topic::NationalId(Kind::Germany),
        true,
        &["steuer id", "steueridentifikationsnummer", "steuer identifikationsnummer", "idnr", "steuernummer"],
    ),
    (
        Topic::NationalId(Kind::France),
        true,
        &["nir", "insee", "insee number", "numero securite sociale", "securite sociale", "numero secu"],
    ),
    (Topic::NationalId(Kind::Spain), true, &["dni", "nie", "nif", "dni nie"]),
    (Topic::NationalId(Kind::Italy), true, &["codice fiscale", "codicefiscale", "cf"]),
    (Topic::NationalId(Kind::Portugal), true, &["nif pt", "contribuinte", "nif number"]),
    (Topic::NationalId(Kind::Netherlands), true, &["bsn", "burgerservicenummer", "sofinummer"]),
    (
        Topic::NationalId(Kind::Belgium),
        true,
        &["rijksregisternummer", "numero national", "nrn", "national register number"],
    ),
    (Topic::NationalId(Kind::Poland), true, &["pesel", "pesel number"]),
    (Topic::NationalId(Kind::Sweden), true, &["personnummer", "personal identity number"]),
    (Topic::NationalId(Kind::Norway), true, &["fodselsnummer", "fnr"]),
    (Topic::NationalId(Kind::Denmark), true, &["cpr", "cpr number", "cprnr", "cpr nr"]),
    (Topic::NationalId(Kind::Finland), true, &["hetu", "henkilotunnus"]),
    (Topic::NationalId(Kind::Czechia), true, &["rodne cislo", "birth number", "rc number"]),
    (Topic::NationalId(Kind::Bulgaria), true, &["egn"]),
    (Topic::NationalId(Kind::Romania), true, &["cnp"]),
    (Topic::NationalId(Kind::Baltic), true, &["isikukood", "asmens kodas"]),
    (Topic::NationalId(Kind::Croatia), true, &["oib"]),
    (Topic::NationalId(Kind::Balkans), true, &["jmbg", "emso"]),
    (Topic::NationalId(Kind::Greece), true, &["amka"]),
    (Topic::NationalId(Kind::Turkey), true, &["tckn", "tc kimlik", "tc kimlik no", "kimlik no"]),
    (Topic::NationalId(Kind::Switzerland), true, &["ahv", "avs", "ahv number", "ahv nr", "avs number", "ahvn13"]),
    (Topic::NationalId(Kind::Austria), true, &["svnr", "sozialversicherungsnummer", "sv nummer"]),
    (Topic::NationalId(Kind::Ireland), true, &["pps", "ppsn", "pps number"]),
    (Topic::NationalId(Kind::Iceland), true, &["kennitala"]),
    (Topic::NationalId(Kind::Brazil), true, &["cpf", "cpf number", "cpf cnpj"]),
    (Topic::NationalId(Kind::Argentina), true, &["cuit", "cuil"]),
    (Topic::NationalId(Kind::Chile), true, &["rut", "run"]),
    (Topic::NationalId(Kind::Mexico), true, &["curp"]),
    (Topic::NationalId(Kind::India), true, &["aadhaar", "aadhar", "aadhaar number", "uid aadhaar"]),
    (
        Topic::NationalId(Kind::China),
        true,
        &["id card no", "shenfenzheng", "idcard", "citizen id number", "resident identity"],
    ),
    (Topic::NationalId(Kind::Korea), true, &["rrn", "resident registration number", "jumin"]),
    (Topic::NationalId(Kind::Japan), true, &["my number", "mynumber", "individual number"]),
    (Topic::NationalId(Kind::Singapore), true, &["nric", "fin number", "nric number", "nric fin"]),
    (Topic::NationalId(Kind::Thailand), true, &["thai id", "thai national id", "citizen id th"]),
    (Topic::NationalId(Kind::Taiwan), true, &["taiwan id", "arc number"]),
    (Topic::NationalId(Kind::HongKong), true, &["hkid", "hkid number"]),
    (Topic::NationalId(Kind::SouthAfrica), true, &["sa id", "sa id number", "rsa id"]),
    (Topic::NationalId(Kind::Israel), true, &["teudat zehut", "israeli id"]),
    (Topic::NationalId(Kind::Australia), true, &["tfn", "tax file number"]),
    (Topic::NationalId(Kind::NewZealand), true, &["ird", "ird number"]),
    (Topic::NationalId(Kind::Ukraine), true, &["rnokpp", "ipn"]),
    (Topic::NationalId(Kind::Russia), true, &["snils"]),
    (Topic::NationalId(Kind::Kazakhstan), true, &["iin"]),
];
