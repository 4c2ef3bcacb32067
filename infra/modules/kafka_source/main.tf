# Kafka topics into a function: one event source mapping for each topic, with provisioned pollers or on demand.
#
# Only provisioned pollers have retry controls. Records that Lambda gives up go to S3, the only destination that stores
# the records themselves. On demand Lambda repeats a batch until the function takes it: nothing is given up, so there is
# no destination, and with one Lambda would give up after ten tries.

# The settings of one mode must not stay in the other: Terraform replaces the mapping, and its group keeps the offsets.
resource "terraform_data" "pollers" {
  input = var.provisioned
}

resource "aws_lambda_event_source_mapping" "this" {
  for_each = var.topics

  function_name    = var.function_name
  event_source_arn = var.self_managed ? null : var.cluster_arn
  topics           = [each.key]
  # If the group already has offsets, as a Kafka Connect sink's has, Lambda continues from these instead.
  starting_position                  = "TRIM_HORIZON"
  enabled                            = var.enabled
  batch_size                         = 10000
  maximum_batching_window_in_seconds = var.window
  # Streams continue from the offset that the function names; without this Lambda would send full batches again.
  function_response_types        = var.provisioned ? ["ReportBatchItemFailures"] : null
  bisect_batch_on_function_error = var.provisioned ? true : null
  # A landing never reads the content of a record: it fails only when S3 fails, and then it waits. 10,000 is the
  # maximum; infinite retries with a destination would silently become ten.
  maximum_retry_attempts        = var.provisioned ? 10000 : null
  maximum_record_age_in_seconds = var.provisioned ? -1 : null

  dynamic "amazon_managed_kafka_event_source_config" {
    for_each = var.self_managed ? [] : [1]
    content {
      consumer_group_id = lookup(var.consumer_groups, each.key, "${var.group_prefix}-${each.key}")
    }
  }

  dynamic "self_managed_kafka_event_source_config" {
    for_each = var.self_managed ? [1] : []
    content {
      consumer_group_id = lookup(var.consumer_groups, each.key, "${var.group_prefix}-${each.key}")
    }
  }

  dynamic "self_managed_event_source" {
    for_each = var.self_managed ? [1] : []
    content {
      endpoints = { KAFKA_BOOTSTRAP_SERVERS = var.bootstrap }
    }
  }

  dynamic "source_access_configuration" {
    for_each = var.self_managed ? local.access : []
    content {
      type = source_access_configuration.value.type
      uri  = source_access_configuration.value.uri
    }
  }

  dynamic "provisioned_poller_config" {
    for_each = var.provisioned ? [1] : []
    content {
      minimum_pollers = 1
      maximum_pollers = var.maximum_pollers
    }
  }

  dynamic "destination_config" {
    for_each = var.provisioned ? [1] : []
    content {
      on_failure {
        destination_arn = var.failures_bucket_arn
      }
    }
  }

  # For the alarms of each topic.
  dynamic "metrics_config" {
    for_each = var.provisioned && local.full ? [1] : []
    content {
      metrics = ["EventCount"]
    }
  }

  lifecycle {
    replace_triggered_by = [terraform_data.pollers]
  }
}

locals {
  full = var.watching == "full"

  access = concat(
    [for id in var.vpc.subnet_ids : { type = "VPC_SUBNET", uri = "subnet:${id}" }],
    [for id in var.vpc.security_group_ids : { type = "VPC_SECURITY_GROUP", uri = "security_group:${id}" }],
  )
}

resource "aws_cloudwatch_metric_alarm" "lag" {
  alarm_name          = "${var.function_name}-offset-lag"
  alarm_description   = "The raw zone lags behind its topics by more than ${var.lag} records for 15 minutes."
  namespace           = "AWS/Lambda"
  metric_name         = "OffsetLag"
  dimensions          = { FunctionName = var.function_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.lag
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "given_up" {
  # With small watching the failures bucket has one alarm for all topics.
  for_each = { for topic, mapping in aws_lambda_event_source_mapping.this : topic => mapping if var.provisioned && local.full }

  alarm_name          = "${var.function_name}-given-up-${each.key}"
  alarm_description   = "Lambda gave up records of ${each.key} and wrote them to the failures bucket: they are not in the raw zone."
  namespace           = "AWS/Lambda"
  metric_name         = "OnFailureDestinationDeliveredEventCount"
  dimensions          = { EventSourceMappingUUID = each.value.uuid }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "failed_delivery" {
  count = var.provisioned ? 1 : 0

  alarm_name          = "${var.function_name}-destination"
  alarm_description   = "Lambda could not write given-up records to the failures bucket: these records are only in Kafka."
  namespace           = "AWS/Lambda"
  metric_name         = "DestinationDeliveryFailures"
  dimensions          = { FunctionName = var.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}
