# Databases by zone and department, Athena's workgroups, and who may read what.
#
# snapshot-merge creates the tables. The tables' contracts say under `roles` who may read them: the next apply grants
# what is written there, and revokes what was removed. Lake Formation governs the databases that are named to it, IAM the
# others.

locals {
  # The newest day that passed, every retained day, and the same for readers of Iceberg.
  faces = ["", "_history", "_iceberg"]
  roles = toset([for grant in var.grants : grant.role])
  # The IAM roles of a contract's role, in this account.
  grants = flatten([for grant in var.grants : [
    for principal in lookup(var.principals, grant.role, []) : merge(grant, { principal = principal })
  ]])
  # Databases that Lake Formation governs: by themselves, not with the account's others.
  governed = var.access == "lake_formation" ? var.lake_formation_databases : toset([])
  columns = merge([
    for grant in local.grants : {
      for face in local.faces : "${grant.database}.${grant.table}${face} ${grant.role} ${grant.principal}" =>
      merge(grant, { face = "${grant.table}${face}" })
    } if contains(local.governed, grant.database)
  ]...)
  databases_read = {
    for grant in local.grants : "${grant.database} ${grant.principal}" => grant... if contains(local.governed, grant.database)
  }
  # IAM has no rights on columns: a table with columns to withhold is withheld as a whole.
  readable = {
    for role in local.roles : role => [
      for grant in var.grants : grant if grant.role == role && (
        contains(local.governed, grant.database) || grant.personal || length(grant.withheld_columns) == 0
      )
    ]
  }
  # Objects that a role reads with its own rights. Where Lake Formation governs, it reads for the role, without the
  # withheld columns: a right on the objects would go past that.
  readable_objects = {
    for role, grants in local.readable : role => [for grant in grants : grant if !contains(local.governed, grant.database)]
  }
  # What writers do with a governed table: its definition and its partitions. Glue's defaults know no DESCRIBE.
  writing = ["ALTER", "INSERT"]
}

resource "aws_glue_catalog_database" "this" {
  for_each = var.databases

  name        = each.key
  description = each.value

  # In place of the account's default, by which everyone whom IAM allows may read a new table, all columns of it. The
  # provider cannot send an empty list (5.100), so the default is the one who creates the tables.
  dynamic "create_table_default_permission" {
    for_each = contains(local.governed, each.key) ? [var.writer_role_arns["merge"]] : []
    content {
      permissions = local.writing

      principal {
        data_lake_principal_identifier = create_table_default_permission.value
      }
    }
  }

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

# The account's settings as they are.
data "aws_lakeformation_data_lake_settings" "account" {
  count = var.access == "lake_formation" ? 1 : 0
}

locals {
  account = one(data.aws_lakeformation_data_lake_settings.account)
  admins  = setunion(try(local.account.admins, []), var.lake_formation_admins)
  # The settings are one of the account: who is not written again is removed, and a destroy removes everybody. So they
  # are written only where an administrator is to be added.
  adds_admins = var.access == "lake_formation" && length(var.lake_formation_admins) + length(var.lake_formation_read_admins) > 0
}

resource "aws_lakeformation_data_lake_settings" "this" {
  count = local.adds_admins ? 1 : 0

  admins           = local.admins
  read_only_admins = setunion(local.account.read_only_admins, var.lake_formation_read_admins)

  # Everything else is other teams' as well, and stays as it is.
  allow_external_data_filtering         = local.account.allow_external_data_filtering
  allow_full_table_external_data_access = local.account.allow_full_table_external_data_access
  authorized_session_tag_value_list     = local.account.authorized_session_tag_value_list
  external_data_filtering_allow_list    = local.account.external_data_filtering_allow_list
  parameters                            = local.account.parameters
  trusted_resource_owners               = local.account.trusted_resource_owners

  dynamic "create_database_default_permissions" {
    for_each = local.account.create_database_default_permissions
    content {
      permissions = create_database_default_permissions.value.permissions
      principal   = create_database_default_permissions.value.principal
    }
  }

  dynamic "create_table_default_permissions" {
    for_each = local.account.create_table_default_permissions
    content {
      permissions = create_table_default_permissions.value.permissions
      principal   = create_table_default_permissions.value.principal
    }
  }
}

resource "aws_lakeformation_resource" "curated" {
  count    = var.access == "lake_formation" ? 1 : 0
  arn      = "${var.curated_bucket_arn}/curated"
  role_arn = aws_iam_role.lake_formation[0].arn

  lifecycle {
    precondition {
      condition     = length(local.admins) > 0
      error_message = "Lake Formation needs an administrator: name the role that applies this in `lake_formation_admins`."
    }
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
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

locals {
  # Writer to a governed database: the merge, which creates tables, and the erasure, which publishes them again.
  writers = merge([for writer, arn in var.writer_role_arns : {
    for database in local.governed : "${writer} ${database}" => { writer = writer, arn = arn, database = database }
  }]...)
}

resource "aws_lakeformation_permissions" "writer_databases" {
  for_each    = local.writers
  principal   = each.value.arn
  permissions = ["CREATE_TABLE", "DESCRIBE"]

  database {
    name = aws_glue_catalog_database.this[each.value.database].name
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

# Tables of before, and tables that the other writer created.
resource "aws_lakeformation_permissions" "writer_tables" {
  for_each    = local.writers
  principal   = each.value.arn
  permissions = concat(local.writing, ["DESCRIBE"])

  table {
    database_name = aws_glue_catalog_database.this[each.value.database].name
    wildcard      = true
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_permissions" "writer_location" {
  for_each    = var.access == "lake_formation" ? var.writer_role_arns : {}
  principal   = each.value
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

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_permissions" "columns" {
  for_each    = local.columns
  principal   = each.value.principal
  permissions = ["SELECT"]

  table_with_columns {
    database_name         = aws_glue_catalog_database.this[each.value.database].name
    name                  = each.value.face
    wildcard              = true
    excluded_column_names = each.value.personal ? [] : each.value.withheld_columns
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

# IAM: tables, and in both modes the way to them: the catalogue, Athena, its results, and the key ------------

resource "aws_iam_policy" "readers" {
  for_each = var.access == "none" ? {} : local.readable

  name        = "${var.name}-read-${each.key}"
  description = "What the contracts grant to ${each.key}: tables and columns that are not personal, and others where the contract says so."
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
          Resource = [for grant in local.readable_objects[each.key] : "${var.curated_bucket_arn}/curated/${grant.table}/*"]
        },
        {
          Sid       = "List"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = [for bucket in [var.curated_bucket_arn] : bucket if length(local.readable_objects[each.key]) > 0]
          Condition = { StringLike = { "s3:prefix" = [for grant in local.readable_objects[each.key] : "curated/${grant.table}/*"] } }
        },
        {
          # Lake Formation reads for the role. AWS knows no resource for it.
          Sid      = "AskLakeFormation"
          Effect   = "Allow"
          Action   = ["lakeformation:GetDataAccess"]
          Resource = [for any in ["*"] : any if anytrue([for grant in each.value : contains(local.governed, grant.database)])]
        },
      ] : statement if length(each.value) > 0 && length(statement.Resource) > 0],
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
