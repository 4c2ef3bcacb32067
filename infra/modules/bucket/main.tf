# A bucket: encrypted with its zone's key or S3's own, versioned, private, TLS only.

locals {
  arn     = "arn:${var.partition}:s3:::${var.name}"
  objects = "${local.arn}/*"

  # What a request that names its encryption must name.
  encryption = var.kms ? {
    header = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    value  = var.kms_key_arn
    } : {
    header = "s3:x-amz-server-side-encryption"
    value  = "AES256"
  }

  # A request that names an algorithm and no key would be S3's own encryption (AES256), or AWS's key for S3 (aws:kms).
  only_named_key = [for statement in [{
    Sid       = "OnlyNamedKey"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:PutObject"
    Resource  = [local.objects]
    Condition = {
      # It holds as well when no key is named.
      StringNotEquals = { (local.encryption.header) = local.encryption.value }
      Null            = { "s3:x-amz-server-side-encryption" = "false" }
    }
  }] : statement if var.kms]

  guards = concat([
    {
      Sid       = "OnlyTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.arn, local.objects]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    },
    {
      Sid       = "OnlyModernTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.arn, local.objects]
      Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
    },
    {
      # A request without the header is allowed: the bucket's default is this encryption.
      Sid       = "OnlyOwnKey"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = [local.objects]
      Condition = {
        StringNotEquals = { (local.encryption.header) = local.encryption.value }
        Null            = { (local.encryption.header) = "false" }
      }
    },
  ], local.only_named_key)
}

resource "aws_s3_bucket" "this" {
  bucket        = var.name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    # With a bucket key S3 calls KMS once for many objects: without it every request costs two.
    bucket_key_enabled = var.kms

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms ? "aws:kms" : "AES256"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = concat(local.guards, jsondecode(var.statements)) })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    # The mark of a deletion outlives the versions behind it, and counts as an object.
    expiration {
      expired_object_delete_marker = true
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  dynamic "rule" {
    for_each = var.expire
    content {
      id     = "expire-${replace(trim(rule.key, "/"), "/", "-")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = var.archive
    content {
      id     = "archive-${replace(trim(rule.key, "/"), "/", "-")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      transition {
        days          = rule.value
        storage_class = "GLACIER_IR"
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
