//! OpenAPI documents are read here, with the files that they refer to: files are effects.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apiscope_audit::openapi::{Document, DocumentError, DocumentFault, Earlier, Source as Parsed};

use super::{Api, Mistake, Source};
use crate::trouble::plain;

/// How the reading of an API's documents went.
#[derive(Debug)]
pub struct Reading {
    /// The API.
    pub api: String,
    /// Its documents.
    pub paths: Vec<PathBuf>,
    /// All files that were read or looked for: when one changes, the documents do.
    pub files: Vec<PathBuf>,
    /// The documents as one, or why there is none: one that can't be read keeps all of them from being used, because what stands in
    /// it would be taken for undocumented.
    pub document: Result<Arc<Document>, Mistake>,
    /// What is wrong in places; the rest counts.
    pub faults: Vec<Mistake>,
}

impl Reading {
    /// `None`: the API has no document.
    pub(super) fn of(api: &Api, memory: Option<&Earlier>) -> Option<Self> {
        if api.openapi.is_empty() {
            return None;
        }
        let mut reader = Reader::default();
        let document = reader.documents(&api.openapi);
        let document = document.map(|document| {
            let mut earlier = reader.previous(&api.previous);
            if let Some(memory) = memory {
                earlier.add(memory);
            }
            Arc::new(document.after(&earlier))
        });
        let Reader { files, faults } = reader;
        Some(Self { api: api.name.clone(), paths: api.openapi.clone(), files, document, faults })
    }

    /// Names of the documents, for people.
    pub fn names(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// A document with the files that it refers to, to compare with.
pub fn parse(path: &Path) -> Result<Parsed, Mistake> {
    Reader::default().parse(path).map(|(parsed, ..)| parsed)
}

/// The texts of one document's files by their names in it.
type Texts = BTreeMap<Box<str>, Arc<Source>>;

#[derive(Default)]
struct Reader {
    files: Vec<PathBuf>,
    faults: Vec<Mistake>,
}

impl Reader {
    fn documents(&mut self, paths: &[PathBuf]) -> Result<Document, Mistake> {
        let mut read = Vec::new();
        for path in paths {
            read.push(self.parse(path)?);
        }
        let sources: Vec<&Parsed> = read.iter().map(|(parsed, ..)| parsed).collect();
        if sources.len() > Document::PARTS_MAX {
            let (_, source, _) = &read[0];
            let message = format!("more than {} documents of one API; the others are left out", Document::PARTS_MAX);
            self.faults.push(Mistake::whole(source, message).warning());
        }
        let (document, faults) = Document::of(&sources).map_err(|error| {
            // Which one it is of, tells reading it alone.
            let own = read.iter().find(|(parsed, ..)| Document::of(&[parsed]).is_err());
            own.map_or_else(|| broken(&Arc::new(Source::default()), &error), |(_, source, _)| broken(source, &error))
        })?;
        for fault in &faults {
            if let Some((_, source, texts)) = read.get(usize::from(fault.source)) {
                self.faults.push(told(source, texts, fault));
            }
        }
        Ok(document)
    }

    /// What the earlier documents had. One that can't be read is told, and no reason to go without the present one.
    fn previous(&mut self, paths: &[PathBuf]) -> Earlier {
        let mut earlier = Earlier::default();
        for path in paths {
            let read = self
                .parse(path)
                .and_then(|(parsed, source, _)| Document::of(&[&parsed]).map_err(|error| broken(&source, &error)));
            match read {
                Ok((document, _)) => {
                    earlier.add(&document.earlier());
                }
                Err(mistake) => {
                    self.faults.push(mistake.warning().help("the agent goes on without this earlier document"));
                }
            }
        }
        earlier
    }

    fn parse(&mut self, path: &Path) -> Result<(Parsed, Arc<Source>, Texts), Mistake> {
        self.files.push(path.to_owned());
        let text = read(path);
        let (text, why) = match text {
            Ok(text) => (text, None),
            Err(why) => (String::new(), Some(why)),
        };
        let source = Arc::new(Source { path: path.to_owned(), text });
        if let Some(why) = why {
            let mistake = Mistake::whole(&source, format!("the OpenAPI document cannot be read: {why}"));
            return Err(mistake.help("check the path in [[api]] openapi, and that the agent may read it"));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut texts = Texts::new();
        let mut open = |name: &str| {
            let file = folder.join(name);
            self.files.push(file.clone());
            let text = read_below(folder, &file)?;
            texts.insert(name.into(), Arc::new(Source { path: file, text: text.clone() }));
            Ok(text)
        };
        let parsed = Parsed::parse(&source.text, &name, &mut open).map_err(|error| broken(&source, &error))?;
        Ok((parsed, source, texts))
    }
}

/// A file inside a folder: links are followed as long as they do not lead out of it.
fn read_below(folder: &Path, file: &Path) -> Result<String, Box<str>> {
    let real = |path: &Path| path.canonicalize().map_err(|error| Box::<str>::from(plain(&error)));
    if !real(file)?.starts_with(real(folder)?) {
        return Err("it is a link that leads out of the document's folder".into());
    }
    read(file)
}

fn read(path: &Path) -> Result<String, Box<str>> {
    let bytes = std::fs::metadata(path).and_then(|metadata| {
        // A device or a pipe would be read for ever.
        if !metadata.is_file() {
            return Err(std::io::Error::other("not a file"));
        }
        let mut bytes = Vec::new();
        // One byte more than is allowed, so that it is seen.
        std::fs::File::open(path)?.take(Document::BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes = bytes.map_err(|error| Box::<str>::from(plain(&error)))?;
    if bytes.len() > Document::BYTES_MAX {
        return Err(format!("it is longer than {} bytes", Document::BYTES_MAX).into());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".into())
}

fn broken(source: &Arc<Source>, error: &DocumentError) -> Mistake {
    let mistake = match error {
        DocumentError::Syntax { line, column, what } if *line > 0 => {
            Mistake::at_line(source, *line, *column, format!("neither YAML nor JSON: {what}"))
        }
        error => Mistake::whole(source, format!("no OpenAPI document: {error}")),
    };
    mistake.help("the agent goes on without this document: nothing is told about undocumented endpoints of its API")
}

/// A fault at its place.
fn told(source: &Arc<Source>, texts: &Texts, fault: &DocumentFault) -> Mistake {
    let source = if fault.is_elsewhere { texts.get(&*fault.file).unwrap_or(source) } else { source };
    let message = format!("`{}`: {}", fault.pointer, fault.fault);
    let line = fault.line.and_then(|line| usize::try_from(line).ok());
    let mistake = line
        .map_or_else(|| Mistake::whole(source, &*message), |line| Mistake::at_line(source, line, 0, &*message))
        .help(fault.fault.help());
    if fault.fault.is_note() { mistake.note() } else { mistake.warning() }
}
