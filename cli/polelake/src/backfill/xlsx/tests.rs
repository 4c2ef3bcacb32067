//! Workbooks as Excel, LibreOffice and libraries write them.

use std::io::Write;
use std::path::{Path, PathBuf};

use contract::FileDialect;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{read_sheet, sheet_names};

/// Writes a workbook of these parts.
fn workbook(name: &str, parts: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("polelake-xlsx-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    let mut archive = ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (part, text) in parts {
        let options = SimpleFileOptions::default();
        archive.start_file(*part, options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    path
}

const BOOK: &str = r#"<workbook xmlns:r="r"><sheets><sheet name="Jobs" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const RELATIONS: &str =
    r#"<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>"#;
const STYLES: &str = r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/></numFmts>
<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#;
const TEXTS: &str = r#"<sst><si><t>Ref</t></si><si><t>Smith &amp; Co</t></si>
<si><r><t>two </t></r><r><t xml:space="preserve">parts</t></r><rPh><t>no</t></rPh></si></sst>"#;

fn book_of(name: &str, sheet: &str) -> PathBuf {
    workbook(
        name,
        &[
            ("xl/workbook.xml", BOOK),
            ("xl/_rels/workbook.xml.rels", RELATIONS),
            ("xl/styles.xml", STYLES),
            ("xl/sharedStrings.xml", TEXTS),
            ("xl/worksheets/sheet1.xml", sheet),
        ],
    )
}

fn rows(path: &Path) -> Result<Vec<(u64, Vec<String>)>, String> {
    let rows = read_sheet(path, &FileDialect::default())?;
    rows.map(|row| row.map(|row| (row.number, row.cells)))
        .collect()
}

#[test]
fn cells_are_read_as_people_see_them_and_gaps_are_blank() {
    let sheet = r#"<worksheet><sheetData>
      <row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>x&#233;</t></is></c></row>
      <row r="2"/>
      <row r="4"><c r="A4" t="s"><v>1</v></c><c r="B4" s="1"><v>46082</v></c>
        <c r="C4"><v>1.1000000000000001</v></c><c r="D4" t="b"><v>1</v></c><c r="E4" t="s"><v>2</v></c>
        <c r="F4" t="str"><f>A1</f><v>shown</v></c><c r="G4" t="e"><v>#REF!</v></c></row>
    </sheetData></worksheet>"#;
    let path = book_of("cells.xlsx", sheet);
    let found = rows(&path).unwrap();
    assert_eq!(
        found[0],
        (1, vec!["Ref".into(), String::new(), "xé".into()])
    );
    let cells = [
        "Smith & Co",
        "2026-03-01",
        "1.1",
        "true",
        "two parts",
        "shown",
        "#REF!",
    ];
    assert_eq!(found[1], (4, cells.map(str::to_owned).to_vec()));
    assert_eq!(sheet_names(&path).unwrap(), ["Jobs"]);
    let mut read = read_sheet(&path, &FileDialect::default()).unwrap();
    assert_eq!(read.nth(1).unwrap().unwrap().failed_cells, [7]);
}

#[test]
fn what_is_no_workbook_or_no_such_sheet_is_refused_with_the_next_step() {
    let folder = std::env::temp_dir().join(format!("polelake-xlsx-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("old.xls");
    std::fs::write(&path, b"\xd0\xcf\x11\xe0").unwrap();
    assert!(rows(&path).unwrap_err().contains(".xlsx or CSV"));

    let path = book_of(
        "torn.xlsx",
        "<worksheet><sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c>",
    );
    assert!(rows(&path).unwrap_err().contains("whole"));

    let dialect = FileDialect {
        sheet: Some("Payments".to_owned()),
        ..FileDialect::default()
    };
    let path = book_of("sheet.xlsx", "<worksheet><sheetData/></worksheet>");
    let why = read_sheet(&path, &dialect).err().unwrap();
    assert!(why.contains("files.sheet") && why.contains("Jobs"), "{why}");
}

#[test]
fn a_row_that_unpacks_to_more_than_the_limit_is_refused() {
    let cell = "<c t=\"inlineStr\"><is><t>".to_owned() + &"x".repeat(20 << 20);
    let sheet =
        format!("<worksheet><sheetData><row>{cell}</t></is></c></row></sheetData></worksheet>");
    let path = book_of("bomb.xlsx", &sheet);
    assert!(std::fs::metadata(&path).unwrap().len() < 100_000);
    assert!(rows(&path).unwrap_err().contains("the limit"));
}
