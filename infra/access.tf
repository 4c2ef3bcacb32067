# Rights of analysts, and the role that erases.

module "catalogue" {
  source = "./modules/catalogue"

  name                  = var.name
  databases             = { for name, descriptions in local.catalogue : name => descriptions[0] }
  grants                = local.grants
  principals            = var.principals
  access                = var.access
  lake_formation_admins = var.lake_formation_admins

  lake_formation_databases = setintersection(
    keys(local.catalogue),
    coalesce(var.lake_formation_databases, toset([for grant in local.grants : grant.database])),
  )
  lake_formation_read_admins = var.lake_formation_read_admins
  writer_role_arns = merge(
    { merge = module.snapshot_merge.role_arn },
    { for role in aws_iam_role.erasure : "erasure" => role.arn },
  )

  athena           = var.athena
  workgroups       = var.athena_workgroups
  scan_limit_bytes = var.athena_scan_limit_gb * 1073741824

  curated_bucket_arn = module.curated_bucket.arn
  curated_key_arns   = local.key_arns.curated
  results_key_arn    = local.key_arn.curated
  through_s3         = local.through_s3
  results_bucket     = module.results_bucket.name
  results_bucket_arn = module.results_bucket.arn
  glue_arn_prefix    = local.arn.glue
  athena_arn_prefix  = local.arn.athena
  force_destroy      = var.force_destroy
}

# The role of `polelake erase`, the only one that deletes in raw. It reads the whole lake, so it needs a second factor
# (`erasure_second_factor` says who asks for it) and lasts an hour.
resource "aws_iam_role" "erasure" {
  count                = length(var.erasure_principals) > 0 ? 1 : 0
  name                 = "${var.name}-erasure"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      {
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { AWS = var.erasure_principals }
      },
      # Identity Center asks for it at its own sign-in, and its sessions do not say so.
      { for needed in ["Condition"] : needed => { Bool = { "aws:MultiFactorAuthPresent" = "true" } }
      if var.erasure_second_factor == "session" },
    )]
  })
}

resource "aws_iam_role_policy" "erasure" {
  count = length(var.erasure_principals) > 0 ? 1 : 0
  name  = "${var.name}-erasure"
  role  = aws_iam_role.erasure[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for statement in [
      {
        Sid    = "Erase"
        Effect = "Allow"
        Action = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"]
        Resource = [
          "${local.bucket_arns.raw}/raw/*",
          "${local.bucket_arns.refined}/refined/*",
          "${local.bucket_arns.refined}/quarantine/*",
          "${local.bucket_arns.curated}/curated/*",
        ]
      },
      {
        Sid      = "Find"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:ListBucketVersions"]
        Resource = [local.bucket_arns.raw, local.bucket_arns.refined, local.bucket_arns.curated]
      },
      {
        Sid       = "Open"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = distinct(concat(local.key_arns.raw, local.key_arns.refined, local.key_arns.curated))
        Condition = local.through_s3
      },
      {
        # The erasure publishes the retained versions that it changed again.
        Sid    = "Publish"
        Effect = "Allow"
        Action = [
          "glue:BatchCreatePartition",
          "glue:BatchDeletePartition",
          "glue:BatchUpdatePartition",
          "glue:CreateTable",
          "glue:GetPartitions",
          "glue:GetTable",
          "glue:UpdateColumnStatisticsForPartition",
          "glue:UpdateColumnStatisticsForTable",
          "glue:UpdateTable",
        ]
        Resource = concat(
          ["${local.arn.glue}:catalog"],
          [for database in keys(local.catalogue) : "${local.arn.glue}:database/${database}"],
          [for database in keys(local.catalogue) : "${local.arn.glue}:table/${database}/*"],
        )
      },
    ] : statement if length(statement.Resource) > 0]
  })
}
