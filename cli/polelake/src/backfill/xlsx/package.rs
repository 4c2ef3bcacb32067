//! The parts of a workbook: its list of sheets, the texts that they share, which numbers are dates.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use lake::limits::WORKBOOK_TEXTS_BYTES_MAX;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use zip::{CompressionMethod, ZipArchive};

use super::dates::{DateStyles, is_date_format};

/// A part of the workbook as it is unpacked.
pub(super) type PartReader = Box<dyn Read + Send>;

/// An open workbook.
pub(super) struct WorkbookPackage {
    path: PathBuf,
    archive: ZipArchive<File>,
}

/// A sheet's name, and the id of the relation that leads to its part.
type SheetEntry = (String, String);

impl WorkbookPackage {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let archive = ZipArchive::new(file).map_err(|_| {
            "no workbook that can be read (.xlsx); an older one (.xls), or one with a password, is \
             saved as .xlsx or CSV first"
        })?;
        Ok(Self {
            path: path.to_owned(),
            archive,
        })
    }

    /// Opens a part for reading. It reads the file by itself, so that rows can outlive the package.
    pub(super) fn open_part(&mut self, name: &str) -> Result<PartReader, String> {
        let damaged = || format!("the workbook's part {name} is missing or damaged");
        let part = self.archive.by_name(name).map_err(|_| damaged())?;
        let (method, size) = (part.compression(), part.compressed_size());
        let start = part.data_start().ok_or_else(damaged)?;
        drop(part);

        let mut file = File::open(&self.path).map_err(|error| error.to_string())?;
        file.seek(SeekFrom::Start(start))
            .map_err(|error| error.to_string())?;
        let packed = BufReader::new(file).take(size);
        match method {
            CompressionMethod::Stored => Ok(Box::new(packed)),
            CompressionMethod::Deflated => Ok(Box::new(DeflateDecoder::new(packed))),
            _ => Err(damaged()),
        }
    }

    /// The XML of a small part.
    fn read_part(&mut self, name: &str) -> Result<XmlPart, String> {
        let reader = self.open_part(name)?.take(WORKBOOK_TEXTS_BYTES_MAX);
        Ok(XmlPart::new(Box::new(reader), name))
    }

    pub(super) fn sheet_names(&mut self) -> Result<Vec<String>, String> {
        let sheets = self.read_sheet_list()?.into_iter();
        Ok(sheets.map(|(name, _)| name).collect())
    }

    fn read_sheet_list(&mut self) -> Result<Vec<SheetEntry>, String> {
        let mut sheets = Vec::new();
        self.read_part("xl/workbook.xml")?.visit(|element| {
            if element.local_name().as_ref() == b"sheet" {
                let name = attribute(element, b"name").unwrap_or_default();
                let relation = attribute(element, b"id").unwrap_or_default();
                sheets.push((name, relation));
            }
        })?;
        Ok(sheets)
    }

    /// The part that holds the sheet of this name; without a name, the only sheet.
    pub(super) fn find_sheet(&mut self, wanted: Option<&str>) -> Result<String, String> {
        let sheets = self.read_sheet_list()?;
        let names: Vec<&str> = sheets.iter().map(|(name, _)| name.as_str()).collect();
        let found = match wanted {
            Some(wanted) => sheets.iter().find(|(name, _)| name == wanted),
            None if sheets.len() == 1 => sheets.first(),
            None => {
                return Err(format!(
                    "the workbook has {} sheets ({}): declare one in `files.sheet` of the contract",
                    sheets.len(),
                    names.join(", ")
                ));
            }
        };
        let (_, relation) = found.ok_or_else(|| {
            format!(
                "the workbook has no sheet `{}`, which `files.sheet` of the contract names; it has \
                 {}",
                wanted.unwrap_or_default(),
                names.join(", ")
            )
        })?;

        let mut target = None;
        self.read_part("xl/_rels/workbook.xml.rels")?
            .visit(|element| {
                if attribute(element, b"Id").as_ref() == Some(relation) {
                    target = attribute(element, b"Target");
                }
            })?;
        let target = target.ok_or("the workbook does not say where its sheet is")?;
        Ok(match target.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None => format!("xl/{target}"),
        })
    }

    /// The texts that cells name by their number.
    pub(super) fn read_shared_texts(&mut self) -> Result<Vec<String>, String> {
        const PART: &str = "xl/sharedStrings.xml";
        if self.archive.index_for_name(PART).is_none() {
            return Ok(Vec::new());
        }
        let mut part = XmlPart::new(self.open_part(PART)?, PART);
        let mut texts = Vec::new();
        let (mut text, mut bytes) = (RichText::default(), 0_u64);
        while let Some(event) = part.next_event()? {
            text.see(&event)?;
            if matches!(&event, Event::End(end) if end.local_name().as_ref() == b"si") {
                let whole = text.take();
                bytes += whole.len() as u64 + 24;
                texts.push(whole);
            }
            if bytes > WORKBOOK_TEXTS_BYTES_MAX || text.len() as u64 > WORKBOOK_TEXTS_BYTES_MAX {
                return Err(format!(
                    "the workbook's texts have more than {WORKBOOK_TEXTS_BYTES_MAX} bytes, the \
                     limit: save the sheet as CSV"
                ));
            }
        }
        Ok(texts)
    }

    /// Which styles of cells show dates, and from when days are counted.
    pub(super) fn read_styles(&mut self) -> Result<DateStyles, String> {
        let mut styles = DateStyles::default();
        self.read_part("xl/workbook.xml")?.visit(|element| {
            if element.local_name().as_ref() == b"workbookPr" {
                let flag = attribute(element, b"date1904");
                styles.from_1904 = matches!(flag.as_deref(), Some("1" | "true"));
            }
        })?;

        const PART: &str = "xl/styles.xml";
        if self.archive.index_for_name(PART).is_none() {
            return Ok(styles);
        }
        let mut custom = Vec::new();
        let mut is_in_cells = false;
        let mut part = self.read_part(PART)?;
        while let Some(event) = part.next_event()? {
            match &event {
                Event::Start(element) | Event::Empty(element) => {
                    match element.local_name().as_ref() {
                        b"numFmt" => custom.extend(date_format_of(element)),
                        b"cellXfs" => is_in_cells = true,
                        b"xf" if is_in_cells => {
                            let format = attribute(element, b"numFmtId");
                            let format = format.and_then(|id| id.parse().ok()).unwrap_or(0);
                            styles.add_style(format, &custom);
                        }
                        _ => {}
                    }
                }
                Event::End(end) if end.local_name().as_ref() == b"cellXfs" => is_in_cells = false,
                _ => {}
            }
        }
        Ok(styles)
    }
}

/// The number of a declared format that shows a date.
fn date_format_of(element: &BytesStart<'_>) -> Option<u32> {
    let code = attribute(element, b"formatCode")?;
    is_date_format(&code).then(|| attribute(element, b"numFmtId")?.parse().ok())?
}

/// The value of an attribute, whatever its prefix.
pub(super) fn attribute(element: &BytesStart<'_>, name: &[u8]) -> Option<String> {
    let mut attributes = element.attributes().flatten();
    let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
    let value = String::from_utf8_lossy(&found.value).into_owned();
    let unescaped = quick_xml::escape::unescape(&value).map(std::borrow::Cow::into_owned);
    Some(unescaped.unwrap_or(value))
}

/// The events of a part.
pub(super) struct XmlPart {
    reader: Reader<BufReader<PartReader>>,
    buffer: Vec<u8>,
    name: String,
}

impl XmlPart {
    pub(super) fn new(reader: PartReader, name: &str) -> Self {
        Self {
            reader: Reader::from_reader(BufReader::new(reader)),
            buffer: Vec::new(),
            name: name.to_owned(),
        }
    }

    /// The next event; none at the end.
    pub(super) fn next_event(&mut self) -> Result<Option<Event<'static>>, String> {
        self.buffer.clear();
        let event = self.reader.read_event_into(&mut self.buffer);
        match event.map_err(|error| part_fault(&self.name, &error))? {
            Event::Eof => Ok(None),
            event => Ok(Some(event.into_owned())),
        }
    }

    /// Shows every element.
    fn visit(mut self, mut see: impl FnMut(&BytesStart<'_>)) -> Result<(), String> {
        while let Some(event) = self.next_event()? {
            if let Event::Start(element) | Event::Empty(element) = &event {
                see(element);
            }
        }
        Ok(())
    }
}

/// What is wrong with a part. The parser's own message could quote the file.
fn part_fault(part: &str, error: &quick_xml::Error) -> String {
    match error {
        quick_xml::Error::Io(error) => error.to_string(),
        _ => format!("the workbook's part {part} is damaged"),
    }
}

/// The text of a cell or of a shared text, which may have parts of several styles.
#[derive(Default)]
pub(super) struct RichText {
    text: String,
    is_in_text: bool,
    /// Whether it is within how a text is to be read aloud, which is no part of it.
    is_phonetic: bool,
}

impl RichText {
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Adds what an event says of the text.
    pub(super) fn see(&mut self, event: &Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(element) => match element.local_name().as_ref() {
                b"rPh" => self.is_phonetic = true,
                b"t" | b"v" => self.is_in_text = !self.is_phonetic,
                _ => {}
            },
            Event::End(element) => match element.local_name().as_ref() {
                b"rPh" => self.is_phonetic = false,
                b"t" | b"v" => self.is_in_text = false,
                _ => {}
            },
            Event::Text(text) if self.is_in_text => {
                let decoded = text.decode().map_err(|_| "a text that is no UTF-8")?;
                self.text.push_str(&decoded);
            }
            Event::CData(text) if self.is_in_text => {
                let decoded = text.decode().map_err(|_| "a text that is no UTF-8")?;
                self.text.push_str(&decoded);
            }
            Event::GeneralRef(reference) if self.is_in_text => {
                self.text.push_str(&resolve(reference)?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The letter that a reference such as `&amp;` stands for.
fn resolve(reference: &BytesRef<'_>) -> Result<String, String> {
    let unknown = || "a reference that XML does not know".to_owned();
    if let Some(letter) = reference.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(letter.to_string());
    }
    let name = reference.decode().map_err(|_| unknown())?;
    resolve_predefined_entity(&name)
        .map(str::to_owned)
        .ok_or_else(unknown)
}
