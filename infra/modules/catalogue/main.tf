# Databases by zone and department, Athena's workgroups, and who may read what.
#
# snapshot-merge creates the tables. The tables' contracts say under `roles` who may read them: the next apply grants
# what is written there, and revokes what was removed.

locals {
  # The newest day that passed, every retained day, and the same for readers of Iceberg.
  faces = ["", "_history", "_iceberg"]
  roles = toset([for grant in var.grants : grant.role])
  # The IAM roles of a contract's role, in this account.
  grants = flatten([for grant in var.grants : [
    for principal in lookup(var.principals, grant.role, []) : merge(grant, { principal = principal })
  ]])
  columns = var.access != "lake_formation" ? {} : merge([
    for grant in local.grants : {
      for face in local.faces : "${grant.database}.${grant.table}${face} ${grant.role} ${grant.principal}" =>
      merge(grant, { face = "${grant.table}${face}" })
    }
  ]...)
  databases_read = var.access != "lake_formation" ? {} : {
    for grant in local.grants : "${grant.database} ${grant.principal}" => grant...
  }
  # IAM has no rights on columns: a table with personal columns is withheld as a whole.
  readable = {
    for role in local.roles : role => [
      for grant in var.grants : grant if grant.role == role && (grant.personal || length(grant.personal_columns) == 0)
    ]
  }
}

resource "aws_glue_catalog_database" "this" {
  for_each = var.databases

  name        = each.key
  description = each.value

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

# Athena ------------------------------------------------------------------------------------------

resource "aws_athena_workgroup" "this" {
  for_each = var.athena ? setunion(var.workgroups, local.roles) : []

  name          = "${var.name}-${each.key}"
  description   = "Queries of ${each.key}: results are encrypted, scans are limited."
  force_destroy = var.force_destroy

  configuration {
    # Settings that a client sends are ignored.
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.scan_limit_bytes

    result_configuration {
      output_location = "s3://${var.results_bucket}/${each.key}/"

      encryption_configuration {
        encryption_option = var.results_key_arn == null ? "SSE_S3" : "SSE_KMS"
        kms_key_arn       = var.results_key_arn
      }
    }
  }
}

# Lake Formation: columns ---------------------------------------------------------------------------

resource "aws_lakeformation_data_lake_settings" "this" {
  count = var.access == "lake_formation" ? 1 : 0

  # No default permissions: only its creator may read a new table.
  admins = var.lake_formation_admins

  lifecycle {
    precondition {
      condition     = length(var.lake_formation_admins) > 0
      error_message = "Lake Formation needs an administrator: the role that applies this."
    }
  }
}

resource "aws_lakeformation_resource" "curated" {
  count    = var.access == "lake_formation" ? 1 : 0
  arn      = "${var.curated_bucket_arn}/curated"
  role_arn = aws_iam_role.lake_formation[0].arn
}

resource "aws_iam_role" "lake_formation" {
  count = var.access == "lake_formation" ? 1 : 0
  name  = "${var.name}-lake-formation"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lakeformation.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "lake_formation" {
  count = var.access == "lake_formation" ? 1 : 0
  name  = "${var.name}-lake-formation"
  role  = aws_iam_role.lake_formation[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Sid = "Read", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${var.curated_bucket_arn}/curated/*"] },
        { Sid = "List", Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.curated_bucket_arn] },
      ],
      [for statement in [{
        Sid       = "Open"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = var.curated_key_arns
        Condition = var.through_s3
      }] : statement if length(var.curated_key_arns) > 0],
    )
  })
}

resource "aws_lakeformation_permissions" "merge_databases" {
  for_each    = var.access == "lake_formation" ? var.databases : {}
  principal   = var.merge_role_arn
  permissions = ["CREATE_TABLE", "DESCRIBE"]

  database {
    name = aws_glue_catalog_database.this[each.key].name
  }
}

resource "aws_lakeformation_permissions" "merge_location" {
  count       = var.access == "lake_formation" ? 1 : 0
  principal   = var.merge_role_arn
  permissions = ["DATA_LOCATION_ACCESS"]

  data_location {
    arn = aws_lakeformation_resource.curated[0].arn
  }
}

resource "aws_lakeformation_permissions" "databases" {
  for_each    = local.databases_read
  principal   = each.value[0].principal
  permissions = ["DESCRIBE"]

  database {
    name = aws_glue_catalog_database.this[each.value[0].database].name
  }
}

resource "aws_lakeformation_permissions" "columns" {
  for_each    = local.columns
  principal   = each.value.principal
  permissions = ["SELECT"]

  table_with_columns {
    database_name         = aws_glue_catalog_database.this[each.value.database].name
    name                  = each.value.face
    wildcard              = true
    excluded_column_names = each.value.personal ? [] : each.value.personal_columns
  }
}

# IAM: tables -----------------------------------------------------------------------------------------

resource "aws_iam_policy" "readers" {
  for_each = var.access == "iam" ? local.readable : {}

  name        = "${var.name}-read-${each.key}"
  description = "What the contracts grant to ${each.key}: tables without personal columns, and others where the contract says so."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for statement in [
        {
          Sid    = "Find"
          Effect = "Allow"
          Action = ["glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
          Resource = concat(
            ["${var.glue_arn_prefix}:catalog"],
            distinct([for grant in each.value : "${var.glue_arn_prefix}:database/${grant.database}"]),
            flatten([for grant in each.value : [
              for face in local.faces : "${var.glue_arn_prefix}:table/${grant.database}/${grant.table}${face}"
            ]]),
          )
        },
        {
          Sid      = "Read"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = [for grant in each.value : "${var.curated_bucket_arn}/curated/${grant.table}/*"]
        },
        {
          Sid       = "List"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = [var.curated_bucket_arn]
          Condition = { StringLike = { "s3:prefix" = [for grant in each.value : "curated/${grant.table}/*"] } }
        },
      ] : statement if length(each.value) > 0],
      [
        {
          Sid    = "Ask"
          Effect = "Allow"
          Action = [
            "athena:GetQueryExecution",
            "athena:GetQueryResults",
            "athena:GetWorkGroup",
            "athena:StartQueryExecution",
            "athena:StopQueryExecution",
          ]
          Resource = ["${var.athena_arn_prefix}:workgroup/${var.name}-${each.key}"]
        },
        {
          Sid      = "KeepResults"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
          Resource = ["${var.results_bucket_arn}/${each.key}/*"]
        },
        {
          Sid      = "FindResults"
          Effect   = "Allow"
          Action   = ["s3:GetBucketLocation", "s3:ListBucket"]
          Resource = [var.results_bucket_arn]
        },
      ],
      [for statement in [{
        Sid       = "Open"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = var.curated_key_arns
        Condition = var.through_s3
      }] : statement if length(var.curated_key_arns) > 0],
    )
  })
}

resource "aws_iam_role_policy_attachment" "readers" {
  for_each = merge([
    for role in keys(aws_iam_policy.readers) : {
      for principal in lookup(var.principals, role, []) : "${role} ${principal}" => { role = role, principal = principal }
    }
  ]...)

  policy_arn = aws_iam_policy.readers[each.value.role].arn
  role       = reverse(split("/", each.value.principal))[0]
}
