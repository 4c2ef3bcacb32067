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
