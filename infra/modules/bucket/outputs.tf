output "name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "domain" {
  description = "Domain name that CloudFront uses."
  value       = aws_s3_bucket.this.bucket_regional_domain_name
}

output "policy" {
  description = "The bucket's policy."
  value       = aws_s3_bucket_policy.this.policy
}

output "encryption" {
  description = "How its objects are encrypted: `aws:kms` or `AES256`."
  value = one(flatten([
    for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
    rule.apply_server_side_encryption_by_default[*].sse_algorithm
  ]))
}

output "expire" {
  description = "Prefix to the days after which its current objects expire, as its lifecycle has it."
  value = merge([
    for rule in aws_s3_bucket_lifecycle_configuration.this.rule : {
      (one(rule.filter[*].prefix)) = one(rule.expiration[*].days)
    } if startswith(rule.id, "expire-")
  ]...)
}

output "leaves_after" {
  description = "Days after which nothing of a deleted object is left: its old versions, and then the mark of its deletion."
  value = one([
    for rule in aws_s3_bucket_lifecycle_configuration.this.rule : (
      one(rule.noncurrent_version_expiration[*].noncurrent_days)
    ) if rule.id == "old-versions" && one(rule.expiration[*].expired_object_delete_marker) == true
  ])
}
