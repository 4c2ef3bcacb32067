# Whole stacks over mocked AWS, for `tests/infra/tests/stack*.rs`: those tests read what would be deployed, and ask who may
# do what, and which alarm rings when.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  packages  = "./tests/packages"
  contracts = "./tests/contracts"
  principals = {
    housing-analyst = ["arn:aws:iam::123456789012:role/housing-analysts"]
    safeguarding    = ["arn:aws:iam::123456789012:role/safeguarding"]
  }
  erasure_principals = ["arn:aws:iam::123456789012:role/data-protection"]
  access             = "iam"
  cloudfront         = true
}

override_resource {
  target = aws_kms_key.this["raw"]
  values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/raw" }
}

override_resource {
  target = aws_kms_key.this["refined"]
  values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/refined" }
}

override_resource {
  target = aws_kms_key.this["curated"]
  values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/curated" }
}

override_resource {
  target = aws_kms_key.this["site"]
  values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/site" }
}

override_resource {
  target = aws_kms_key.this["operations"]
  values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/operations" }
}

override_resource {
  target = module.curated_bucket.aws_s3_bucket.this
  values = { arn = "arn:aws:s3:::polelake-curated-123456789012-eu-west-2" }
}

override_resource {
  target = module.results_bucket.aws_s3_bucket.this
  values = { arn = "arn:aws:s3:::polelake-results-123456789012-eu-west-2" }
}

override_resource {
  target = aws_kms_key.this["events"]
  values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/events" }
}

override_resource {
  target = aws_secretsmanager_secret.identity_key
  values = { arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:polelake/identity-key-AbCdEf" }
}

override_resource {
  target = module.transform_queue.aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-west-2:123456789012:polelake-pole-transform" }
}

override_resource {
  target = aws_sqs_queue.failed_invocations
  values = { arn = "arn:aws:sqs:eu-west-2:123456789012:polelake-failed-invocations" }
}

override_resource {
  target = module.raw_landing.aws_lambda_function.this
  values = { arn = "arn:aws:lambda:eu-west-2:123456789012:function:polelake-raw-landing" }
}

override_resource {
  target = module.snapshot_merge.aws_lambda_function.this
  values = { arn = "arn:aws:lambda:eu-west-2:123456789012:function:polelake-snapshot-merge" }
}

override_resource {
  target = module.quality_report.aws_lambda_function.this
  values = { arn = "arn:aws:lambda:eu-west-2:123456789012:function:polelake-quality-report" }
}

override_resource {
  target = aws_cloudfront_distribution.site[0]
  values = { arn = "arn:aws:cloudfront::123456789012:distribution/SITE", domain_name = "mocked.cloudfront.net" }
}

# Kafka that the stack makes, with the messages of a source from a topic of SNS.
run "kafka" {
  variables {
    transport = "kafka"
    msk       = "provisioned"
    fan_out   = true
    network = {
      subnet_ids                = ["subnet-1", "subnet-2", "subnet-3"]
      client_security_group_ids = ["sg-1"]
      broker_security_group_ids = ["sg-2"]
    }
    queue_sources = { parking-permit = { topic_arns = ["arn:aws:sns:eu-west-2:123456789012:permits"] } }
  }
}

# The events queue, emptied by a schedule.
run "queue" {
  variables {
    queue_landing = "schedule"
  }

  override_resource {
    target = module.events_queue[0].aws_sqs_queue.this
    values = { arn = "arn:aws:sqs:eu-west-2:123456789012:polelake-events" }
  }
}

# A few dollars a month: sums in place of series, alarms for what loses records.
run "small" {
  variables {
    queue_landing = "schedule"
    watching      = "small"
    http          = "function-url"
    cloudfront    = false
  }

  override_resource {
    target = module.events_queue[0].aws_sqs_queue.this
    values = { arn = "arn:aws:sqs:eu-west-2:123456789012:polelake-events" }
  }
}
