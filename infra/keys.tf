# A key for each zone, so that the right to read one zone is separate from the right to read another, and one for
# operations: settings, logs, queues, alerts.

locals {
  keys = {
    raw        = []
    refined    = []
    curated    = []
    site       = local.site_readers
    operations = local.operations_users
  }

  site_readers = [for statement in [{
    Sid       = "CloudFront"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = ["kms:Decrypt"]
    Resource  = "*"
    Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
  }] : statement if var.cloudfront]

  operations_users = [
    {
      Sid       = "Logs"
      Effect    = "Allow"
      Principal = { Service = "logs.${local.region}.amazonaws.com" }
      Action    = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      Resource  = "*"
      Condition = {
        ArnLike = {
          "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:*"
        }
      }
    },
    {
      # Services that send to our queues and topic: S3's notifications, other teams' topics, alarms, budgets.
      Sid    = "Senders"
      Effect = "Allow"
      Principal = {
        Service = ["s3.amazonaws.com", "sns.amazonaws.com", "cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
      }
      Action   = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource = "*"
      # Other teams' topics may be in their own accounts.
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = distinct(concat([local.account], [
            for topic in flatten([for from in values(var.queue_sources) : from.topic_arns]) : split(":", topic)[4]
          ]))
        }
      }
    },
  ]
}

resource "aws_kms_key" "this" {
  for_each = local.keys

  description             = "${var.name}: ${each.key}"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        # The administrators of IAM in this account decide who may use it.
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      }],
      each.value,
    )
  })
}

resource "aws_kms_alias" "this" {
  for_each      = aws_kms_key.this
  name          = "alias/${var.name}-${each.key}"
  target_key_id = each.value.key_id
}
