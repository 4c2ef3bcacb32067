# The role of `polelake smoke`: it pushes to one source, and reads what that source's events become. It has no right on any
# other record.

locals {
  smoke_source = "platform-smoke"
  smoke_topic  = try(local.extensions[local.smoke_source].topic, local.smoke_source)
  smoke        = var.smoke_subject != null || length(var.smoke_principals) > 0

  # GitHub's tokens: their audience, and the one environment of the one repository.
  github = "token.actions.githubusercontent.com"
}

resource "aws_iam_role" "smoke" {
  count                = local.smoke ? 1 : 0
  name                 = "${var.name}-smoke"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for subject in compact([var.smoke_subject]) : {
        Sid       = "Workflow"
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.github}" }
        Condition = {
          StringEquals = { "${local.github}:aud" = "sts.amazonaws.com", "${local.github}:sub" = subject }
        }
      }],
      [for principals in [var.smoke_principals] : {
        Sid       = "People"
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { AWS = principals }
      } if length(principals) > 0],
    )
  })

  lifecycle {
    precondition {
      condition     = contains(keys(local.sources), local.smoke_source)
      error_message = "The smoke test pushes to the source `${local.smoke_source}`, which has no contract."
    }
  }
}

resource "aws_iam_role_policy" "smoke" {
  count = local.smoke ? 1 : 0
  name  = "${var.name}-smoke"
  role  = aws_iam_role.smoke[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      try(jsondecode(local.caller_statements[local.smoke_source]), []),
      [for statement in [
        {
          Sid       = "FindLanded"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = [local.bucket_arns.raw]
          Condition = { StringLike = { "s3:prefix" = ["raw/${local.smoke_topic}/*"] } }
        },
        {
          Sid      = "ReadLanded"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = ["${local.bucket_arns.raw}/raw/${local.smoke_topic}/*"]
        },
        {
          Sid      = "ReadReceipts"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = ["${local.bucket_arns.refined}/refined/_receipts/${local.smoke_topic}/*"]
        },
        {
          # Without this right S3 answers 403 and not 404 for a receipt that is not there yet. It shows names of objects.
          Sid      = "FindReceipts"
          Effect   = "Allow"
          Action   = ["s3:ListBucket"]
          Resource = [local.bucket_arns.refined]
        },
        {
          Sid       = "Open"
          Effect    = "Allow"
          Action    = ["kms:Decrypt"]
          Resource  = distinct(concat(local.key_arns.raw, local.key_arns.refined))
          Condition = local.through_s3
        },
      ] : statement if length(statement.Resource) > 0],
    )
  })
}
