# snapshot-merge: yesterday's snapshot and the day's increments in, today's snapshot out.

module "snapshot_merge" {
  source = "./modules/function"

  name         = "${var.name}-snapshot-merge"
  description  = "Yesterday's snapshot and the day's increments in, today's snapshot out"
  package      = "${var.packages}/snapshot-merge.zip"
  architecture = local.common.architecture
  # The functions' own limit: 14 min.
  timeout = 840
  memory  = var.merge_memory
  # The largest shard's file has 512 MB, and one run of increments is beside it.
  ephemeral_storage  = var.merge_storage
  asynchronous       = true
  failures_queue_arn = aws_sqs_queue.failed_invocations.arn

  environment = {
    WATCHING       = local.common.watching_setting
    STACK          = var.name
    RAW_BUCKET     = module.raw_bucket.name
    REFINED_BUCKET = module.refined_bucket.name
    CURATED_BUCKET = module.curated_bucket.name
    GLUE_DATABASES = local.databases
    CONTRACTS      = var.contracts_deployed
    # The rows of sources with patches are made here.
    IDENTITY_KEY_SECRET = aws_secretsmanager_secret.identity_key.name
    SHARD_BYTES         = var.shard_bytes
  }

  statements = jsonencode([
    {
      # The names of raw objects show where streams begin and end; the function never reads a raw object.
      Sid       = "ListRaw"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = [local.bucket_arns.raw]
      Condition = { StringLike = { "s3:prefix" = ["raw/*"] } }
    },
    {
      Sid      = "ReadRefined"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${local.bucket_arns.refined}/refined/*"]
    },
    {
      Sid      = "ListRefined"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [local.bucket_arns.refined]
    },
    {
      # Shards, state, manifests, work; a sweep deletes, and a merge deletes its finished work.
      Sid      = "KeepSnapshots"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = ["${local.bucket_arns.curated}/curated/*"]
    },
    {
      # Only an erasure writes receipts of erasures, and records of what it replaced.
      Sid    = "LeaveErasures"
      Effect = "Deny"
      Action = ["s3:DeleteObject", "s3:PutObject"]
      Resource = [
        "${local.bucket_arns.curated}/curated/_erasures/*",
        "${local.bucket_arns.curated}/curated/_replaced/*",
      ]
    },
    {
      # Without this right S3 answers 403 and not 404 for a missing manifest.
      Sid      = "ListCurated"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [local.bucket_arns.curated]
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
      Sid       = "OpenRefined"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = local.key_arns.refined
      Condition = local.through_s3
    },
    {
      Sid       = "SealCurated"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = local.key_arns.curated
      Condition = local.through_s3
    },
    {
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

resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

# Merges the day before the scheduled time, even when it runs late.
module "merge_schedule" {
  source = "./modules/schedule"

  name               = "${var.name}-snapshot-merge"
  description        = "The day's snapshots"
  group              = aws_scheduler_schedule_group.this.name
  expression         = var.merge_schedule
  enabled            = var.schedules_enabled
  target_arn         = var.fan_out ? module.state_machine[0].arn : module.snapshot_merge.arn
  action             = var.fan_out ? "states:StartExecution" : "lambda:InvokeFunction"
  input              = { scheduled_time = "<aws.scheduler.scheduled-time>" }
  account            = local.account
  failures_queue_arn = aws_sqs_queue.failed_invocations.arn
  kms_key_arn        = local.common.kms_key_arn
}

# Deletes days beyond retention and files that no retained day names. Not while days are rebuilt: see docs/adr/0021.
module "sweep_schedule" {
  source = "./modules/schedule"

  name               = "${var.name}-snapshot-sweep"
  description        = "Retention of snapshots"
  group              = aws_scheduler_schedule_group.this.name
  expression         = var.sweep_schedule
  enabled            = var.schedules_enabled
  target_arn         = module.snapshot_merge.arn
  action             = "lambda:InvokeFunction"
  input              = { step = "sweep", keep = var.keep }
  account            = local.account
  failures_queue_arn = aws_sqs_queue.failed_invocations.arn
  kms_key_arn        = local.common.kms_key_arn
}

locals {
  # What each shard's invocation answered: kept in objects, because the answers of more than some 250 shards would pass
  # the 256 KiB of a state.
  map_results = "curated/_runs/"
}

# For days that one function cannot finish within 14 min.
module "state_machine" {
  count  = var.fan_out ? 1 : 0
  source = "./modules/state_machine"

  name = "${var.name}-snapshot"
  definition = templatefile("${path.module}/state-machines/snapshot.asl.json", {
    snapshot_merge = module.snapshot_merge.arn
    quality_report = module.quality_report.arn
    curated_bucket = module.curated_bucket.name
    results_prefix = trimsuffix(local.map_results, "/")
  })
  function_arns    = [module.snapshot_merge.arn, module.quality_report.arn]
  lists            = "${local.bucket_arns.curated}/curated/_work/*"
  lists_key_arns   = local.key_arns.curated
  results          = "${local.bucket_arns.curated}/${local.map_results}*"
  results_key_arns = compact([local.key_arn.curated])

  partition          = local.partition
  region             = local.region
  account            = local.account
  kms_key_arn        = local.common.kms_key_arn
  log_retention_days = local.common.log_retention_days
  watching           = local.common.watching
  alert_topic_arn    = local.common.alert_topic_arn
}

# Asynchronous invocations that failed three times, and schedules that could not start.
resource "aws_sqs_queue" "failed_invocations" {
  name                      = "${var.name}-failed-invocations"
  message_retention_seconds = 1209600
  kms_master_key_id         = local.key_arn.operations
  sqs_managed_sse_enabled   = local.key_arn.operations == null ? true : null
}

# With small watching others tell: what fails is an error of its function, and a day or a landing that cannot start is
# missing (-report-missing, -events-age).
resource "aws_cloudwatch_metric_alarm" "failed_invocations" {
  count = local.small ? 0 : 1

  alarm_name          = "${var.name}-failed-invocations"
  alarm_description   = "A scheduled invocation failed after all retries. Its payload is in the queue: run it again."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.failed_invocations.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.observability.alert_topic_arn]
  ok_actions          = [module.observability.alert_topic_arn]
}
