//! Compiles one record of a mapping: its table, condition, identity and columns.

use super::{
    Assignment, CompiledIdentity, CompiledLink, CompiledLinkEnd, CompiledRecord, MappingContext,
    MappingFinding, RawColumn, RecordCondition,
};
use crate::column::{Column, ColumnType};
use crate::event_time::number_as_time;
use crate::expression::{CompiledExpression, RootedPath, StructureRoots};
use crate::mapping::{
    ColumnDocument, EndDocument, IdDocument, LinkDocument, OneOrMany, RecordDocument, RecordKind,
    UnreadablePolicy, WhenDocument,
};
use crate::place::DocumentPlace;
use crate::problem::nearest_name_hint;
use crate::source::SourceContract;
use crate::structure::DeclaredStructure;
use crate::table::TableContract;

/// Compiles a record, or says everything that is wrong with it.
pub(super) fn compile_record(
    document: &RecordDocument,
    contract: &SourceContract,
    context: &MappingContext<'_>,
) -> Result<CompiledRecord, Vec<MappingFinding>> {
    let table_index = find_table(&document.table, context).map_err(|why| finding("table", why))?;
    let table = &context.tables[table_index];
    check_event_types(document, contract)?;

    let identity = compile_identity(document, table, context)
        .map_err(|why| vec![(identity_place(document).quoted_in(&why), why)])?;
    let columns = compile_assignments(document, table, context)?;
    let for_each = compile_for_each(document).map_err(|why| finding("for_each", why))?;
    let when = document
        .when
        .as_ref()
        .map(|when| compile_condition(when, context))
        .transpose()
        .map_err(|why| finding("when", why))?;

    let record = CompiledRecord {
        name: document.name.clone(),
        table: table_index,
        kind: document.kind,
        events: document.events.clone(),
        for_each,
        when,
        identity,
        columns,
        column_count: table.columns.len(),
    };
    check_entity_list(&record)?;
    check_mapped_paths(&record, contract)?;
    check_required_columns(&record, table)?;
    Ok(record)
}

/// One finding, at the record's member `member`; within it, at what the message quotes.
fn finding(member: &str, message: impl Into<String>) -> Vec<MappingFinding> {
    let message = message.into();
    let place = DocumentPlace::root().name(member).quoted_in(&message);
    vec![(place, message)]
}

/// Where the record says what identifies its row.
fn identity_place(document: &RecordDocument) -> DocumentPlace {
    let member = if document.link.is_some() {
        "link"
    } else {
        "id"
    };
    DocumentPlace::root().name(member)
}

/// Where the record fills a column.
fn column_place(name: &str) -> DocumentPlace {
    DocumentPlace::root().name("columns").name(name)
}

/// The index of a table in the catalogue, or a message with the nearest name.
fn find_table(name: &str, context: &MappingContext<'_>) -> Result<usize, String> {
    context
        .tables
        .iter()
        .position(|table| table.name == name)
        .ok_or_else(|| {
            let known = context.tables.iter().map(|table| table.name.as_str());
            format!(
                "there is no table `{name}`{}",
                nearest_name_hint(name, known)
            )
        })
}

/// The record may name only event types that the contract declares.
fn check_event_types(
    document: &RecordDocument,
    contract: &SourceContract,
) -> Result<(), Vec<MappingFinding>> {
    let mut events = document.events.iter().enumerate();
    let unknown = events.find(|(_, event)| !contract.events.contains_key(*event));
    let Some((index, event)) = unknown else {
        return Ok(());
    };
    let near = nearest_name_hint(event, contract.events.keys().map(String::as_str));
    Err(vec![(
        DocumentPlace::root().name("events").item(index),
        format!("the contract declares no event type `{event}`{near}"),
    )])
}

fn compile_for_each(document: &RecordDocument) -> Result<Vec<RootedPath>, String> {
    let paths = document
        .for_each
        .as_ref()
        .map(OneOrMany::paths)
        .unwrap_or_default();
    paths.iter().map(|path| RootedPath::parse(path)).collect()
}

fn compile_condition(
    document: &WhenDocument,
    context: &MappingContext<'_>,
) -> Result<RecordCondition, String> {
    let value = match (&document.path, &document.value) {
        (Some(path), None) => CompiledExpression::Copy(RootedPath::parse(path)?),
        (None, Some(value)) => CompiledExpression::compile(value, &context.references)?,
        _ => return Err("`when` needs `path` or `value`, and not both".into()),
    };
    if document.is.is_empty() && document.present.is_none() {
        return Err("`when` needs `is` or `present`".into());
    }

    Ok(RecordCondition {
        value,
        is: document.is.clone(),
        present: document.present,
    })
}

/// Refuses a condition on the entities of a list: rows that come and go with their list are a set.
fn check_entity_list(record: &CompiledRecord) -> Result<(), Vec<MappingFinding>> {
    let is_list = !record.for_each.is_empty();
    if record.kind == RecordKind::Entity && is_list && record.when.is_some() {
        let why = "a record of `kind: entity` with `for_each` cannot have `when`: use `kind: set`";
        return Err(finding("when", why));
    }
    Ok(())
}

/// Refuses paths that lead to no field that the contract declares: most are misspelt, and would
/// always give null.
fn check_mapped_paths(
    record: &CompiledRecord,
    contract: &SourceContract,
) -> Result<(), Vec<MappingFinding>> {
    let roots = structure_roots(record, contract)?;
    let mut findings: Vec<MappingFinding> = Vec::new();
    for (place, expression) in mapped_expressions(record) {
        let faults = expression
            .paths()
            .into_iter()
            .filter_map(|path| Some((path.text(), path.declared_structure(&roots).err()?)));
        findings.extend(faults.map(|(path, why)| (place.clone().mention(path), why)));
        let ambiguous = expression.comma_number_paths().into_iter();
        findings.extend(
            ambiguous
                .filter_map(|path| ambiguous_number(path, &roots))
                .map(|why| (place.clone().quoted_in(&why), why)),
        );
    }

    findings.extend(
        record
            .columns
            .iter()
            .filter_map(|column| number_in_time(column, &roots)),
    );

    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings)
    }
}

/// A column of dates or instants that copies a number: no value of it could be read.
fn number_in_time(column: &Assignment, roots: &StructureRoots<'_>) -> Option<MappingFinding> {
    if !matches!(column.kind, ColumnType::Date | ColumnType::Timestamp) {
        return None;
    }
    let copied = column.expression.copied_times();
    let path = copied.into_iter().find(|path| {
        let declared = path.declared_structure(roots);
        declared.is_ok_and(DeclaredStructure::is_only_number)
    })?;
    let why = number_as_time(path.text(), &column.name);
    Some((column_place(&column.name).mention(path.text()), why))
}

/// Why the texts of a path may be two numbers: `1.234` is one as JSON writes it, and another with a
/// comma as the point.
fn ambiguous_number(path: &RootedPath, roots: &StructureRoots<'_>) -> Option<String> {
    let declared = path.declared_structure(roots).ok()?;
    declared.reads_number_text().then(|| {
        format!(
            "the contract declares a number at `{}`, so the text `1.234` is read as one before it \
             is parsed; declare `logicalType: string` with `accepts: [number]`",
            path.text()
        )
    })
}

/// The declared structures from which the record's paths begin: the innermost list's item, and
/// those around it.
fn structure_roots<'s>(
    record: &CompiledRecord,
    contract: &'s SourceContract,
) -> Result<StructureRoots<'s>, Vec<MappingFinding>> {
    let body = contract.declared_record();
    let mut roots = StructureRoots {
        event: &contract.event_structure,
        body,
        parent: body,
        here: body,
    };
    for list in &record.for_each {
        let here = list
            .declared_structure(&roots)
            .map_err(|why| finding("for_each", why))?;
        roots = StructureRoots {
            parent: roots.here,
            here,
            ..roots
        };
    }
    Ok(roots)
}

/// The record's expressions, each with its place in the record.
pub(super) fn mapped_expressions(
    record: &CompiledRecord,
) -> Vec<(DocumentPlace, &CompiledExpression)> {
    let mut expressions = Vec::new();
    if let Some(when) = &record.when {
        expressions.push((DocumentPlace::root().name("when"), &when.value));
    }
    let identity = match &record.identity {
        CompiledIdentity::Link(_) => DocumentPlace::root().name("link"),
        _ => DocumentPlace::root().name("id").name("key"),
    };
    for key in record.identity.key_expressions() {
        expressions.push((identity.clone(), key));
    }
    for column in &record.columns {
        expressions.push((column_place(&column.name), &column.expression));
    }
    expressions
}

fn compile_identity(
    document: &RecordDocument,
    table: &TableContract,
    context: &MappingContext<'_>,
) -> Result<CompiledIdentity, String> {
    match (&document.link, &document.id, document.kind) {
        (Some(link), None, RecordKind::Set) => compile_link(link, table, context),
        (Some(_), _, _) => {
            Err("a link has `kind: set` and no `id`: its ends, type and role make it".into())
        }
        (None, Some(id), RecordKind::Set) => compile_owned_identity(id, context),
        (None, Some(id), _) => compile_natural_identity(id, context),
        (None, None, _) => Err("the record needs an `id` or a `link`".into()),
    }
}

fn compile_owned_identity(
    id: &IdDocument,
    context: &MappingContext<'_>,
) -> Result<CompiledIdentity, String> {
    if id.namespace.is_some() {
        return Err("a record of `kind: set` belongs to its owner and has no namespace".into());
    }
    let key = CompiledExpression::compile_all(&id.key, &context.references)?;
    Ok(CompiledIdentity::Owned { key })
}

fn compile_natural_identity(
    id: &IdDocument,
    context: &MappingContext<'_>,
) -> Result<CompiledIdentity, String> {
    let namespace = id.namespace.as_ref().ok_or("the id needs a `namespace`")?;
    let namespace = context.references.namespaces.get(namespace);
    let key = CompiledExpression::compile_all(&id.key, &context.references)?;
    Ok(CompiledIdentity::Natural { namespace, key })
}

fn compile_link(
    link: &LinkDocument,
    table: &TableContract,
    context: &MappingContext<'_>,
) -> Result<CompiledIdentity, String> {
    let from = compile_link_end(&link.from, context)?;
    let to = compile_link_end(&link.to, context)?;
    let link_type = CompiledExpression::compile(&link.link_type, &context.references)?;
    let role = link
        .role
        .as_ref()
        .map(|role| CompiledExpression::compile(role, &context.references))
        .transpose()?;

    Ok(CompiledIdentity::Link(Box::new(CompiledLink {
        from,
        to,
        link_type,
        role,
        columns: link_columns(table)?,
    })))
}

/// The indices of the columns that the platform fills for every link.
fn link_columns(table: &TableContract) -> Result<[usize; 6], String> {
    let mut indices = [0; 6];
    let names = [
        "from_id",
        "from_table",
        "to_id",
        "to_table",
        "link_type",
        "role",
    ];
    for (index, name) in indices.iter_mut().zip(names) {
        *index = table
            .column_index(name)
            .ok_or_else(|| format!("`{}` is not a table of links", table.name))?;
    }
    Ok(indices)
}

fn compile_link_end(
    document: &EndDocument,
    context: &MappingContext<'_>,
) -> Result<CompiledLinkEnd, String> {
    find_table(&document.table, context)?;
    Ok(CompiledLinkEnd {
        table: document.table.clone(),
        namespace: context.references.namespaces.get(&document.namespace),
        key: CompiledExpression::compile_all(&document.key, &context.references)?,
    })
}

/// Compiles the columns of a record, or says what is wrong with each.
fn compile_assignments(
    document: &RecordDocument,
    table: &TableContract,
    context: &MappingContext<'_>,
) -> Result<Vec<Assignment>, Vec<MappingFinding>> {
    let mut assignments = Vec::new();
    let mut findings: Vec<MappingFinding> = Vec::new();
    for (name, column) in &document.columns {
        match compile_assignment(name, column, table, context) {
            Ok(assignment) => assignments.push(assignment),
            Err(why) => findings.push((column_place(name).quoted_in(&why), why)),
        }
    }

    if findings.is_empty() {
        Ok(assignments)
    } else {
        Err(findings)
    }
}

/// Compiles what fills one column.
fn compile_assignment(
    name: &str,
    document: &ColumnDocument,
    table: &TableContract,
    context: &MappingContext<'_>,
) -> Result<Assignment, String> {
    let index = own_column_index(table, name).ok_or_else(|| {
        let near = table.nearest_column_hint(name);
        format!("`{}` has no column `{name}`{near}", table.name)
    })?;
    let column = &table.columns[index];
    check_column_options(document, column)?;

    let raw_column = document
        .keep_raw
        .as_ref()
        .map(|raw| compile_raw_column(raw, name, table))
        .transpose()?;
    let expression = CompiledExpression::compile(&document.value, &context.references)
        .map_err(|why| format!("column `{name}`: {why}"))?;
    Ok(Assignment {
        column: index,
        name: name.to_owned(),
        kind: column.kind,
        required: column.required,
        expression,
        round: document.round,
        unreadable: document.unreadable,
        raw_column,
    })
}

/// What becomes of values that do not fit must fit the column itself.
fn check_column_options(document: &ColumnDocument, column: &Column) -> Result<(), String> {
    let name = &column.name;
    let is_number = matches!(column.kind, ColumnType::Decimal(..) | ColumnType::Integer);
    let becomes_null = document.unreadable == UnreadablePolicy::NullAndCount;
    if document.round.is_some() && !is_number {
        return Err(format!(
            "column `{name}`: `round` belongs to a column of type decimal or bigint"
        ));
    }
    if becomes_null && column.required {
        return Err(format!(
            "column `{name}` is required: `unreadable: null-and-count` would leave it empty"
        ));
    }
    if document.keep_raw.is_some() && !becomes_null {
        return Err(format!(
            "column `{name}`: `keep_raw` belongs to `unreadable: null-and-count`"
        ));
    }
    Ok(())
}

/// The text column that keeps what another column cannot read.
fn compile_raw_column(raw: &str, name: &str, table: &TableContract) -> Result<RawColumn, String> {
    let index = own_column_index(table, raw)
        .filter(|index| table.columns[*index].kind == ColumnType::Text && raw != name)
        .ok_or_else(|| {
            let near = table.nearest_column_hint(raw);
            format!(
                "column `{name}`: `keep_raw` needs another column of `{}` that is a text{near}",
                table.name
            )
        })?;
    Ok(RawColumn {
        index,
        name: raw.to_owned(),
    })
}

/// The index of one of the table's own columns. The provenance columns are filled by the platform.
fn own_column_index(table: &TableContract, name: &str) -> Option<usize> {
    table
        .column_index(name)
        .filter(|index| *index >= pole::PROVENANCE.len())
}

/// Refuses a record that leaves a required column of the table's own without a value.
fn check_required_columns(
    record: &CompiledRecord,
    table: &TableContract,
) -> Result<(), Vec<MappingFinding>> {
    let link_columns: &[usize] = match &record.identity {
        CompiledIdentity::Link(link) => &link.columns,
        _ => &[],
    };
    let own_columns = table
        .columns
        .iter()
        .enumerate()
        .skip(pole::PROVENANCE.len());
    for (index, column) in own_columns.filter(|(_, column)| column.required) {
        let filled = link_columns.contains(&index)
            || record
                .columns
                .iter()
                .any(|assignment| assignment.column == index);
        if !filled {
            let why = format!(
                "the required column `{}` of `{}` is not filled",
                column.name, table.name
            );
            return Err(vec![(DocumentPlace::root().name("columns"), why)]);
        }
    }
    Ok(())
}
