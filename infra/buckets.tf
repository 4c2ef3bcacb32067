# The zones' buckets, and one for what Lambda gave up.

locals {
  erasure_role = "arn:${local.partition}:iam::${local.account}:role/${var.name}-erasure"
}

module "raw_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.raw
  partition       = local.partition
  kms_key_arn     = aws_kms_key.this["raw"].arn
  noncurrent_days = 7
  archive         = var.raw_archive_days == null ? {} : { "raw/" = var.raw_archive_days }
  force_destroy   = var.force_destroy

  statements = jsonencode([
    {
      # A raw object that goes leaves a hole in its chain. An erasure deletes old versions of what it replaced.
      Sid       = "NobodyDeletes"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      Resource  = ["${local.bucket_arns.raw}/*"]
      Condition = { ArnNotEquals = { "aws:PrincipalArn" = local.erasure_role } }
    },
    {
      # Exactly once rests on it: a name is taken once, and what is there is replaced only by who has read it. Hints of
      # chains' ends, raw/_chain/, are written over and derived from the chain.
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
  kms_key_arn     = aws_kms_key.this["refined"].arn
  noncurrent_days = 30
  force_destroy   = var.force_destroy
}

module "curated_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.curated
  partition       = local.partition
  kms_key_arn     = aws_kms_key.this["curated"].arn
  noncurrent_days = 30
  # Files are shared between days: nothing else may go by its age (docs/adr/0021). This is what broken merges left.
  expire        = { "curated/_work/" = 7 }
  force_destroy = var.force_destroy
}

module "site_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.site
  partition       = local.partition
  kms_key_arn     = aws_kms_key.this["site"].arn
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

# Records are in it, as they are in raw: it has raw's key.
module "failures_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.failures
  partition       = local.partition
  kms_key_arn     = aws_kms_key.this["raw"].arn
  noncurrent_days = 30
  force_destroy   = var.force_destroy
}

module "results_bucket" {
  source = "./modules/bucket"

  name            = local.buckets.results
  partition       = local.partition
  kms_key_arn     = aws_kms_key.this["curated"].arn
  noncurrent_days = 1
  # Copies of curated data that nobody erases from: they go soon.
  expire        = { "" = 7 }
  force_destroy = var.force_destroy
}

# Tells at once; the alarm on the bucket's size stays until it is empty.
resource "aws_s3_bucket_notification" "failures" {
  bucket = module.failures_bucket.name

  topic {
    topic_arn = module.observability.alert_topic_arn
    events    = ["s3:ObjectCreated:*"]
  }

  depends_on = [module.observability]
}
