# quality-report: receipts, manifests and snapshots in, verdicts, reconciliation and pages out.

module "quality_report" {
  source = "./modules/function"

  name         = "${var.name}-quality-report"
  description  = "Receipts, manifests and snapshots in, verdicts, reconciliation and pages out"
  package      = "${var.packages}/quality-report.zip"
  architecture = local.common.architecture
  timeout      = 840
  # A shard's file of 512 MB, and 8 million ids (128 MB).
  memory             = var.report_memory
  asynchronous       = true
  failures_queue_arn = aws_sqs_queue.failed_invocations.arn

  environment = {
    WATCHING        = local.common.watching_setting
    STACK           = var.name
    RAW_BUCKET      = module.raw_bucket.name
    REFINED_BUCKET  = module.refined_bucket.name
    CURATED_BUCKET  = module.curated_bucket.name
    SITE_BUCKET     = module.site_bucket.name
    CONTRACTS       = var.contracts_deployed
    ALERT_TOPIC_ARN = module.observability.alert_topic_arn
    SITE_URL        = local.site_url
    GLUE_DATABASES  = local.databases
  }

  statements = jsonencode([
    {
      Sid       = "ListRaw"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = [local.bucket_arns.raw]
      Condition = { StringLike = { "s3:prefix" = ["raw/*"] } }
    },
    {
      Sid      = "ReadReceipts"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${local.bucket_arns.refined}/refined/_receipts/*"]
    },
    {
      Sid       = "ListReceipts"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = [local.bucket_arns.refined]
      Condition = { StringLike = { "s3:prefix" = ["refined/_receipts/*"] } }
    },
    {
      Sid      = "ReadSnapshots"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${local.bucket_arns.curated}/curated/*"]
    },
    {
      # Every day's metrics and verdicts as tables, from which the usual ranges are computed.
      Sid      = "KeepHistory"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = ["${local.bucket_arns.curated}/quality/*"]
    },
    {
      # The report needs neither the merge's state and records nor the receipts of erasures.
      Sid    = "LeaveState"
      Effect = "Deny"
      Action = ["s3:GetObject"]
      Resource = [
        "${local.bucket_arns.curated}/curated/_erasures/*",
        "${local.bucket_arns.curated}/curated/_records/*",
        "${local.bucket_arns.curated}/curated/_state/*",
        "${local.bucket_arns.curated}/curated/_work/*",
      ]
    },
    {
      # Without this right S3 answers 403 and not 404 for a missing manifest.
      Sid      = "ListSnapshots"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [local.bucket_arns.curated]
    },
    {
      Sid      = "WritePages"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = ["${local.bucket_arns.site}/*"]
    },
    {
      # Earlier reports, for the changes since, the last alert, and the lists of pages and columns.
      Sid    = "ReadReports"
      Effect = "Allow"
      Action = ["s3:GetObject"]
      Resource = [
        "${local.bucket_arns.site}/data/*",
        "${local.bucket_arns.site}/pages.json",
        "${local.bucket_arns.site}/schemas.json",
      ]
    },
    {
      # Pages of tables and sources that no longer exist.
      Sid    = "DropPages"
      Effect = "Allow"
      Action = ["s3:DeleteObject"]
      Resource = [
        "${local.bucket_arns.site}/source/*",
        "${local.bucket_arns.site}/table/*",
      ]
    },
    {
      Sid      = "ListReports"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [local.bucket_arns.site]
    },
    {
      Sid       = "Open"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = local.key_arns.refined
      Condition = local.through_s3
    },
    {
      Sid       = "Seal"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = distinct(concat(local.key_arns.curated, local.key_arns.site))
      Condition = local.through_s3
    },
    {
      Sid      = "TellDutyOfficer"
      Effect   = "Allow"
      Action   = ["sns:Publish"]
      Resource = [module.observability.alert_topic_arn]
    },
    {
      Sid       = "SealWord"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = local.key_arns.operations
      Condition = { StringEquals = { "kms:ViaService" = "sns.${local.region}.amazonaws.com" } }
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

# Runs after the merge. The state machine starts the report itself.
module "report_schedule" {
  source = "./modules/schedule"

  name               = "${var.name}-quality-report"
  description        = "The day's report"
  group              = aws_scheduler_schedule_group.this.name
  expression         = var.report_schedule
  enabled            = var.schedules_enabled && !var.fan_out
  target_arn         = module.quality_report.arn
  action             = "lambda:InvokeFunction"
  input              = { scheduled_time = "<aws.scheduler.scheduled-time>" }
  account            = local.account
  failures_queue_arn = aws_sqs_queue.failed_invocations.arn
  kms_key_arn        = local.common.kms_key_arn
}
