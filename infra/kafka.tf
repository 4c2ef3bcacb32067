# Kafka: MSK Serverless, MSK with brokers of a fixed size, or an existing Kafka; nothing where no source uses it.

module "network" {
  count  = local.uses_kafka && var.network == null ? 1 : 0
  source = "./modules/network"

  name      = var.name
  region    = local.region
  partition = local.partition
  account   = local.account
  cidr      = var.vpc_cidr
  zones     = var.vpc_zones
  # Large batches, and records that Lambda gives up.
  bucket_arns = [local.bucket_arns.raw, local.bucket_arns.failures]
  interface_endpoints = setunion(
    ["lambda", "sts"],
    length(local.secrets) > 0 ? ["secretsmanager"] : [],
    local.uses_queue ? ["sqs"] : [],
  )
  log_retention_days = local.common.log_retention_days
  kms_key_arn        = local.key_arn.operations
  emulated           = var.emulated
}

locals {
  # Null without Kafka: then no function needs a VPC.
  network = var.network != null ? var.network : one([for created in module.network : {
    subnet_ids                = created.subnet_ids
    client_security_group_ids = [created.client_security_group_id]
    broker_security_group_ids = [created.broker_security_group_id]
  }])

  msk = local.uses_kafka ? var.msk : "none"
  kafka = {
    arn = one(concat(
      aws_msk_serverless_cluster.this[*].arn,
      aws_msk_cluster.this[*].arn,
      local.msk == "existing" && var.kafka_cluster_arn != null ? [var.kafka_cluster_arn] : [],
    ))
    bootstrap = one(concat(
      aws_msk_serverless_cluster.this[*].bootstrap_brokers_sasl_iam,
      aws_msk_cluster.this[*].bootstrap_brokers_sasl_iam,
      local.msk == "existing" ? [var.kafka_bootstrap] : [],
    ))
    # Whether it is MSK: then policies can name a cluster.
    iam = local.uses_kafka && (var.msk != "existing" || var.kafka_cluster_arn != null)
  }
  topic_arns = [for topic in keys(local.kafka_topics) : "${local.kafka_prefix.topic}/${topic}" if local.kafka.iam]
  # Topics and groups are named after their cluster.
  kafka_prefix = {
    for kind in ["topic", "group"] : kind => local.kafka.iam ? replace(local.kafka.arn, ":cluster/", ":${kind}/") : ""
  }
}

resource "aws_msk_serverless_cluster" "this" {
  count        = local.msk == "serverless" ? 1 : 0
  cluster_name = var.name

  vpc_config {
    subnet_ids         = local.network.subnet_ids
    security_group_ids = local.network.broker_security_group_ids
  }

  client_authentication {
    sasl {
      iam {
        enabled = true
      }
    }
  }
}

resource "aws_msk_cluster" "this" {
  count                  = local.msk == "provisioned" ? 1 : 0
  cluster_name           = var.name
  kafka_version          = var.kafka_version
  number_of_broker_nodes = length(local.network.subnet_ids)

  broker_node_group_info {
    instance_type   = var.kafka_instance_type
    client_subnets  = local.network.subnet_ids
    security_groups = local.network.broker_security_group_ids

    storage_info {
      ebs_storage_info {
        volume_size = var.kafka_volume_gb
      }
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this[0].arn
    revision = aws_msk_configuration.this[0].latest_revision
  }

  client_authentication {
    sasl {
      iam = true
    }
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = local.key_arn.events

    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.kafka[0].name
      }
    }
  }

  lifecycle {
    # Another key is another cluster, without the records: it keeps the key with which it was made.
    ignore_changes = [encryption_info[0].encryption_at_rest_kms_key_arn]
  }
}

resource "aws_msk_configuration" "this" {
  count          = local.msk == "provisioned" ? 1 : 0
  name           = var.name
  kafka_versions = [var.kafka_version]

  # LogAppendTime: a day takes the records that were appended before its end, so no record is late. Two in-sync
  # replicas: an accepted record survives the loss of a broker.
  server_properties = <<-PROPERTIES
    auto.create.topics.enable=false
    default.replication.factor=${length(local.network.subnet_ids)}
    min.insync.replicas=2
    log.message.timestamp.type=LogAppendTime
    log.retention.hours=168
    message.max.bytes=1200000
  PROPERTIES
}

resource "aws_cloudwatch_log_group" "kafka" {
  count             = local.msk == "provisioned" ? 1 : 0
  name              = "/aws/msk/${var.name}"
  retention_in_days = local.common.log_retention_days
  kms_key_id        = local.key_arn.operations
}
