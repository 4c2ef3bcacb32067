# pole-transform: raw objects in, POLE increments, quarantine and receipts out.

locals {
  transform_timeout = 300
}

module "pole_transform" {
  source = "./modules/function"

  name         = "${var.name}-pole-transform"
  description  = "Raw objects in, POLE increments, quarantine and receipts out"
  package      = "${var.packages}/pole-transform.zip"
  architecture = local.common.architecture
  timeout      = local.transform_timeout
  # 0.58 of a core: a raw object of 10,000 records takes half a second of it, and the function mostly waits for S3.
  memory = 1024

  environment = {
    WATCHING            = local.common.watching_setting
    STACK               = var.name
    RAW_BUCKET          = module.raw_bucket.name
    REFINED_BUCKET      = module.refined_bucket.name
    CONTRACTS           = var.contracts_deployed
    IDENTITY_KEY_SECRET = aws_secretsmanager_secret.identity_key.name
  }

  statements = jsonencode([
    {
      Sid      = "TakeMessages"
      Effect   = "Allow"
      Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      Resource = [module.transform_queue.arn]
    },
    {
      # They are notices of S3, and hold no record.
      Sid       = "OpenMessages"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = local.key_arns.operations
      Condition = local.through_sqs
    },
    {
      Sid      = "ReadRaw"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${local.bucket_arns.raw}/raw/*"]
    },
    {
      # Receipts, the erasure list, and which identity key the lake's ids are made with.
      Sid    = "ReadRefined"
      Effect = "Allow"
      Action = ["s3:GetObject"]
      Resource = [
        "${local.bucket_arns.refined}/refined/_receipts/*",
        "${local.bucket_arns.refined}/refined/_erasures.json",
        "${local.bucket_arns.refined}/refined/_identity.json",
      ]
    },
    {
      Sid      = "WriteRefined"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = ["${local.bucket_arns.refined}/refined/*", "${local.bucket_arns.refined}/quarantine/*"]
    },
    {
      # Only an erasure writes the erasure list, and only an operator declares a loss.
      Sid    = "LeaveErasuresAndLosses"
      Effect = "Deny"
      Action = ["s3:PutObject", "s3:DeleteObject"]
      Resource = [
        "${local.bucket_arns.refined}/refined/_erasures.json",
        "${local.bucket_arns.refined}/refined/_losses/*",
      ]
    },
    {
      # Objects of an earlier attempt that today's mapping no longer makes.
      Sid      = "DropReplaced"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject"]
      Resource = ["${local.bucket_arns.refined}/refined/*", "${local.bucket_arns.refined}/quarantine/*"]
    },
    {
      # Without this right S3 answers 403 and not 404 for a missing receipt.
      Sid      = "FindReceipts"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [local.bucket_arns.refined]
    },
    {
      Sid      = "ReadIdentityKey"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = [aws_secretsmanager_secret.identity_key.arn]
    },
    {
      Sid       = "OpenIdentityKey"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = local.key_arns.operations
      Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${local.region}.amazonaws.com" } }
    },
    {
      Sid       = "OpenRaw"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = local.key_arns.raw
      Condition = local.through_s3
    },
    {
      Sid       = "SealRefined"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = local.key_arns.refined
      Condition = local.through_s3
    },
  ])

  # Without one the function reaches the internet.
  vpc = var.processing_network

  account            = local.account
  log_retention_days = local.common.log_retention_days
  emulated           = local.common.emulated
  log_level          = local.common.log_level
  kms_key_arn        = local.common.kms_key_arn
  kms_key_arns       = local.key_arns.operations
  watching           = local.common.watching
  alert_topic_arn    = local.common.alert_topic_arn
}

module "transform_queue" {
  source = "./modules/queue"

  name               = "${var.name}-pole-transform"
  arn_prefix         = local.arn.sqs
  function_timeout   = local.transform_timeout
  emulated           = var.emulated
  visibility_timeout = 6 * local.transform_timeout
  senders            = [{ service = "s3.amazonaws.com", arn = local.bucket_arns.raw }]
  kms_key_arn        = local.common.kms_key_arn
  watching           = local.common.watching
  alert_topic_arn    = local.common.alert_topic_arn
}

resource "aws_s3_bucket_notification" "raw" {
  bucket = module.raw_bucket.name

  queue {
    queue_arn     = module.transform_queue.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "raw/"
    # Not the hints of log ends, which are JSON.
    filter_suffix = ".parquet"
  }

  # S3 asks the queue whether it may send.
  depends_on = [module.transform_queue]
}

resource "aws_lambda_event_source_mapping" "transform" {
  event_source_arn                   = module.transform_queue.arn
  function_name                      = module.pole_transform.name
  batch_size                         = 10
  maximum_batching_window_in_seconds = 1
  # The answer names the objects that failed; without this setting SQS would delete them with the others.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.transform_concurrency
  }
}
