output "databases" {
  description = "Names of the databases."
  value       = sort([for database in aws_glue_catalog_database.this : database.name])
}

output "workgroups" {
  description = "Names of the workgroups."
  value       = sort([for workgroup in aws_athena_workgroup.this : workgroup.name])
}

output "columns" {
  description = "Grants of columns: table, principal, and the columns that are withheld."
  value = {
    for key, grant in aws_lakeformation_permissions.columns : key => grant.table_with_columns[0].excluded_column_names
  }
}

output "readers" {
  description = "Role of the contracts to the policy of its readers."
  value       = { for role, policy in aws_iam_policy.readers : role => policy.policy }
}

output "governed" {
  description = "Databases that Lake Formation governs."
  value       = sort(local.governed)
}

output "lake_formation_settings" {
  description = "The account's settings as they are written: administrators and defaults; null where none is added."
  value = one([for settings in aws_lakeformation_data_lake_settings.this : {
    admins            = settings.admins
    read_only_admins  = settings.read_only_admins
    database_defaults = settings.create_database_default_permissions
    table_defaults    = settings.create_table_default_permissions
  }])
}

output "table_defaults" {
  description = "Governed database to what new tables grant by themselves: principal to rights."
  value = {
    for database in local.governed : database => {
      for default in aws_glue_catalog_database.this[database].create_table_default_permission :
      default.principal[0].data_lake_principal_identifier => default.permissions
    }
  }
}

output "writers" {
  description = "Writer and governed database to rights on the database and on its tables."
  value = {
    for key in keys(local.writers) : key => {
      database = aws_lakeformation_permissions.writer_databases[key].permissions
      tables   = aws_lakeformation_permissions.writer_tables[key].permissions
    }
  }
}
