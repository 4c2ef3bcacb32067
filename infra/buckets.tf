# The zones' buckets, and one for records that Lambda gave up.

locals {
  # What expires, when an operator says so. Only data: the ends of raw logs and the states of lanes (raw/_log/), receipts, the
  # erasure list, the identity key's digest and declared losses (refined/_…) never expire, because they are old and valid.
  expiring_raw = {
    for topic in keys(local.topics) : "raw/${topic}/" => var.raw_retention_days if var.raw_retention_days != null
  }
  expiring_refined = {
    for prefix in concat([for table in keys(local.tables) : "refined/${table}/"], ["refined/_records/"]) :
    prefix => var.refined_retention_days if var.refined_retention_days != null
  }
  expiring_quarantine = {
    for prefix in ["quarantine/"] : prefix => var.quarantine_retention_days if var.quarantine_retention_days != null
  }

  erasure_role = "arn:${local.partition}:iam::${local.account}:role/${var.name}-erasure"
}

module "raw_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.raw
  partition       = local.partition
  kms             = var.keys != "aws"
  kms_key_arn     = local.key_arn.raw
  noncurrent_days = 7
  archive         = var.raw_archive_days == null ? {} : { "raw/" = var.raw_archive_days }
  # Batches that were too large for a message of the events queue: the raw log has their records since.
  expire        = merge({ (local.queued_batches) = local.queued_batch_days }, local.expiring_raw)
  force_destroy = var.force_destroy

  statements = jsonencode([
    {
      # A deleted raw object would leave an offset gap in its raw log. An erasure deletes old versions of objects that
      # it replaced.
      Sid       = "OnlyErasureDeletes"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      Resource  = ["${local.bucket_arns.raw}/*"]
      Condition = { ArnNotEquals = { "aws:PrincipalArn" = local.erasure_role } }
    },
    {
      # Exactly once depends on this: a name is taken once, and only a writer that has read an object replaces it. Hints
      # of log ends, raw/_log/, are overwritten, because they are derived from the raw log.
      Sid         = "OnlyConditionalWrites"
      Effect      = "Deny"
      Principal   = "*"
      Action      = "s3:PutObject"
      NotResource = ["${local.bucket_arns.raw}/raw/_log/*"]
      Condition   = { Null = { "s3:if-none-match" = "true", "s3:if-match" = "true" } }
    },
  ])
}

module "refined_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.refined
  partition       = local.partition
  kms             = var.keys != "aws"
  kms_key_arn     = local.key_arn.refined
  noncurrent_days = 30
  # None expires unless the operator says so: receipts name them, and a day is rebuilt from them (docs/adr/0021). Those of
  # merged days are read for a rebuild, an audit or an erasure only. S3 leaves objects below 128 KB where they are, because
  # they would cost more.
  archive       = var.refined_archive_days == null ? {} : { "refined/" = var.refined_archive_days }
  expire        = merge(local.expiring_refined, local.expiring_quarantine)
  force_destroy = var.force_destroy
}

module "curated_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.curated
  partition       = local.partition
  kms             = var.keys != "aws"
  kms_key_arn     = local.key_arn.curated
  noncurrent_days = 30
  # Days share files, so no other object may expire by age (docs/adr/0021). These are left by interrupted merges, and by
  # the state machine, for whoever looks at an execution.
  expire        = { "curated/_work/" = 7, (local.map_results) = 7 }
  force_destroy = var.force_destroy
}

module "site_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.site
  partition       = local.partition
  kms             = var.keys != "aws"
  kms_key_arn     = local.key_arn.site
  noncurrent_days = 30
  force_destroy   = var.force_destroy

  statements = jsonencode([for statement in [{
    Sid       = "CloudFront"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = ["s3:GetObject"]
    Resource  = ["${local.bucket_arns.site}/*"]
    Condition = { StringEquals = { "aws:SourceArn" = one(aws_cloudfront_distribution.site[*].arn) } }
  }] : statement if var.cloudfront])
}

# The bucket holds records as raw does, so it has raw's key.
module "failures_bucket" {
  source = "./modules/bucket"

  name        = local.buckets.failures
  partition   = local.partition
  kms         = var.keys != "aws"
  kms_key_arn = local.key_arn.raw
  # The alarm on this bucket counts old versions too, and must end when the records are sent again.
  noncurrent_days = 1
  force_destroy   = var.force_destroy
}

module "results_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.results
  partition       = local.partition
  kms             = var.keys != "aws"
  kms_key_arn     = local.key_arn.curated
  noncurrent_days = 1
  # Copies of curated data that no erasure reaches: they expire soon.
  expire        = { "" = 7 }
  force_destroy = var.force_destroy
}

# This notification comes at once; the alarm on the bucket's size stays until the bucket is empty.
resource "aws_s3_bucket_notification" "failures" {
  bucket = module.failures_bucket.name

  topic {
    topic_arn = module.observability.alert_topic_arn
    events    = ["s3:ObjectCreated:*"]
  }

  depends_on = [module.observability]
}
