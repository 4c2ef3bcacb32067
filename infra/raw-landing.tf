# raw-landing: batches of Kafka records in, immutable raw objects out, exactly once.

module "raw_landing" {
  source = "./modules/function"

  name         = "${var.name}-raw-landing"
  description  = "Batches of Kafka records in, immutable raw objects out, exactly once"
  package      = "${var.packages}/raw-landing.zip"
  architecture = local.common.architecture
  # A batch of 6 MB takes a second; the rest allows for a slow S3.
  timeout      = 120
  memory       = 512
  behind_kafka = true

  environment = {
    RAW_BUCKET  = module.raw_bucket.name
    TOPIC_EPOCH = tostring(var.topic_epoch)
  }

  # The function writes only to S3 and needs no VPC; Lambda's pollers use its role when they enter the brokers' VPC.
  polls_in_vpc = true

  statements = jsonencode(concat(
    [
      {
        # Raw objects and the hints of log ends, raw/_log/. No right to delete.
        Sid      = "Land"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = ["${local.bucket_arns.raw}/raw/*"]
      },
      {
        # Without this right S3 answers 403 and not 404 for a missing hint.
        Sid      = "FindEnds"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [local.bucket_arns.raw]
      },
      {
        Sid       = "Seal"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [aws_kms_key.this["raw"].arn]
        Condition = local.through_s3
      },
      {
        # Lambda writes records that it gives up with the function's role.
        Sid      = "KeepGivenUp"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket_arns.failures}/aws/lambda/*"]
      },
      {
        Sid      = "FindGivenUp"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [local.bucket_arns.failures]
      },
    ],
    [for statement in [
      {
        Sid      = "FindBrokers"
        Effect   = "Allow"
        Action   = ["kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"]
        Resource = [local.kafka.arn]
      },
      {
        Sid      = "Connect"
        Effect   = "Allow"
        Action   = ["kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"]
        Resource = [local.kafka.arn]
      },
      {
        Sid      = "Consume"
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
        Resource = local.topic_arns
      },
      {
        Sid      = "Commit"
        Effect   = "Allow"
        Action   = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
        Resource = [for group in values(local.groups) : "${local.kafka_prefix.group}/${group}"]
      },
    ] : statement if local.kafka.iam],
  ))

  log_retention_days = local.common.log_retention_days
  emulated           = local.common.emulated
  log_level          = local.common.log_level
  kms_key_arn        = local.common.kms_key_arn
  alert_topic_arn    = local.common.alert_topic_arn
}

locals {
  groups = {
    for topic in keys(local.topics) : topic => lookup(var.consumer_groups, topic, "${var.name}-raw-landing-${topic}")
  }
}

module "kafka_source" {
  count  = var.kafka_mappings ? 1 : 0
  source = "./modules/kafka_source"

  function_name = module.raw_landing.name
  topics        = toset(keys(local.topics))
  cluster_arn   = local.kafka.arn
  self_managed  = !local.kafka.iam
  bootstrap     = local.kafka.bootstrap
  vpc = {
    subnet_ids         = local.network.subnet_ids
    security_group_ids = local.network.broker_security_group_ids
  }

  group_prefix        = "${var.name}-raw-landing"
  consumer_groups     = var.consumer_groups
  enabled             = var.landing_enabled
  window              = var.landing_window
  maximum_pollers     = var.maximum_pollers
  lag                 = var.lag_alarm
  failures_bucket_arn = module.failures_bucket.arn
  alert_topic_arn     = local.common.alert_topic_arn
}
