# Keys, as `keys` says: one for each zone, so that the right to read one zone is separate from the right to read another,
# one for events that have not landed (the queues of the relay, Kafka), and one for operations (settings, logs, notices,
# alerts); or one for everything, by choice; or none of one's own.

locals {
  # What is encrypted together: four zones, events on their way, and operations. Who may read the functions' settings, as
  # the pipeline's plan must, may therefore open no event.
  key_users = {
    raw        = []
    refined    = []
    curated    = []
    site       = local.site_readers
    events     = local.events_users
    operations = local.operations_users
  }

  # Keys that there are, to the services that use them. What is stored stays under the key that it was stored with, so
  # the keys of a former choice stay until `former_keys` no longer names them.
  choices = distinct(compact([var.keys, var.former_keys]))
  keys = merge(
    { for use, users in local.key_users : use => users if contains(local.choices, "zones") },
    { for use in ["lake"] : use => concat(values(local.key_users)...) if contains(local.choices, "one") },
  )

  # The key that encrypts anew; null for AWS's own encryption.
  key_arn = {
    for use in keys(local.key_users) : use => (
      var.keys == "aws" ? null : aws_kms_key.this[var.keys == "one" ? "lake" : use].arn
    )
  }
  # All keys that decrypt, those of a former choice too.
  key_arns = {
    for use in keys(local.key_users) : use => [
      for choice in local.choices : aws_kms_key.this[choice == "one" ? "lake" : use].arn if choice != "aws"
    ]
  }

  # Messages that came before events had a key of their own are under that of operations.
  events_key_arns = distinct(concat(local.key_arns.events, local.key_arns.operations))

  site_readers = [for statement in [{
    Sid       = "CloudFront"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = ["kms:Decrypt"]
    Resource  = "*"
    Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
  }] : statement if var.cloudfront]

  events_users = [
    {
      # Other teams' topics, which may be in their own accounts.
      Sid       = "Topics"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = distinct(concat([local.account], [
            for topic in flatten([for from in values(var.queue_sources) : from.topic_arns]) : split(":", topic)[4]
          ]))
        }
      }
    },
  ]

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
      # Log deliveries, a service beside the log itself: those of the state machine, which it encrypts under its key. AWS
      # documents this encryption context, and no aws:SourceArn.
      Sid       = "LogDelivery"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = ["kms:Decrypt"]
      Resource  = "*"
      Condition = {
        StringEquals = {
          "kms:EncryptionContext:SourceArn" = "arn:${local.partition}:logs:${local.region}:${local.account}:*"
        }
      }
    },
    {
      # Services that send to our queues and topic: S3's notifications, alarms, budgets.
      Sid    = "Senders"
      Effect = "Allow"
      Principal = {
        Service = ["s3.amazonaws.com", "cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
      }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
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
