# The alert topic, alarms that span functions, and a dashboard.
#
# With small watching the functions write sums of all topics and sources, with the dimension `function` alone. Then an
# alarm of each topic or source is one of all, and what no lost record needs has none (docs/cost.md).

locals {
  full = var.watching == "full"

  # The dimensions of each function's own metrics: an account may have several stacks.
  landing   = { stack = var.name, function = "raw-landing" }
  transform = { stack = var.name, function = "pole-transform" }
  merge     = { stack = var.name, function = "snapshot-merge" }
  report    = { stack = var.name, function = "quality-report" }
  tell      = [aws_sns_topic.alerts.arn]

  # What has an alarm of its own, to its dimension's value: one of all, without that dimension, is null.
  watched = { for what, names in {
    sources      = var.sources
    topics       = local.full ? var.topics : var.kafka_topics
    kafka_topics = var.kafka_topics
    queue_topics = var.queue_topics
    } : what => {
    for name in(local.full ? names : slice(["all"], 0, min(1, length(names)))) : name => local.full ? name : null
  } }
}

resource "aws_sns_topic" "alerts" {
  name              = "${var.name}-alerts"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "alerts" {
  arn = aws_sns_topic.alerts.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alerts.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "ServicesOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "s3.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.alerts.arn
        Condition = { StringEquals = { "aws:SourceAccount" = var.account } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "mail" {
  for_each  = var.alert_emails
  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = each.key
}

# Functions ----------------------------------------------------------------------------------------

# Each function has its own with full watching. Without a dimension the metric sums all functions of the account and
# region, those of other stacks too.
resource "aws_cloudwatch_metric_alarm" "errors" {
  count = local.full ? 0 : 1

  alarm_name          = "${var.name}-errors"
  alarm_description   = "An invocation of a function in this account failed. Read the logs of ${join(", ", var.functions)}."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

# Sources ------------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "landing_failed" {
  for_each = local.watched.topics

  alarm_name          = "${var.name}-landing-failed${each.value == null ? "" : "-${each.value}"}"
  alarm_description   = "Records of ${coalesce(each.value, "a topic")} do not land, or the topic was recreated. The log names the place and the reason."
  namespace           = "polelake"
  metric_name         = "landing_failed"
  dimensions          = merge(local.landing, each.value == null ? {} : { topic = each.value })
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

# How late the landing of Kafka is, in time: a number of records says nothing without their rate. A landing that does not
# run at all is told by its lag in records, and by freshness.
resource "aws_cloudwatch_metric_alarm" "landing_late" {
  for_each = local.watched.kafka_topics

  alarm_name          = "${var.name}-landing-late${each.value == null ? "" : "-${each.value}"}"
  alarm_description   = "Records of ${coalesce(each.value, "a topic")} waited in Kafka for more than ${var.late_minutes} minutes before a landing took them."
  namespace           = "polelake"
  metric_name         = "landing_wait_seconds"
  dimensions          = merge(local.landing, each.value == null ? {} : { topic = each.value })
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.late_minutes * 60
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

resource "aws_cloudwatch_metric_alarm" "messages_missing" {
  for_each = local.watched.queue_topics

  alarm_name          = "${var.name}-messages-missing${each.value == null ? "" : "-${each.value}"}"
  alarm_description   = "The events queue acknowledged messages of ${coalesce(each.value, "a topic")} that did not land. The log names their numbers."
  namespace           = "polelake"
  metric_name         = "messages_missing"
  dimensions          = merge(local.landing, each.value == null ? {} : { topic = each.value })
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

resource "aws_cloudwatch_metric_alarm" "offset_gaps" {
  for_each = local.watched.kafka_topics

  alarm_name          = "${var.name}-offset-gaps${each.value == null ? "" : "-${each.value}"}"
  alarm_description   = "Offsets of ${coalesce(each.value, "a topic")} are missing: retention overtook the landing, or Lambda gave up records."
  namespace           = "polelake"
  metric_name         = "offset_gaps"
  dimensions          = merge(local.landing, each.value == null ? {} : { topic = each.value })
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

resource "aws_cloudwatch_metric_alarm" "quarantine" {
  for_each = local.watched.sources

  alarm_name          = "${var.name}-quarantine${each.value == null ? "" : "-${each.value}"}"
  alarm_description   = "${coalesce(each.value, "All sources")}: more than ${var.quarantine_an_hour} records were quarantined within an hour."
  namespace           = "polelake"
  metric_name         = "records_quarantined"
  dimensions          = merge(local.transform, each.value == null ? {} : { source = each.value })
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.quarantine_an_hour
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

resource "aws_cloudwatch_metric_alarm" "given_up" {
  count = local.full || length(var.kafka_topics) > 0 ? 1 : 0

  alarm_name = "${var.name}-failures-bucket"
  # S3 counts old versions and marks of deletions too: the bucket's lifecycle ends both after a day.
  alarm_description   = "The failures bucket is not empty: records in it are not in the raw zone. It ends within three days of their deletion."
  namespace           = "AWS/S3"
  metric_name         = "NumberOfObjects"
  dimensions          = { BucketName = var.failures_bucket, StorageType = "AllStorageTypes" }
  statistic           = "Maximum"
  period              = 86400
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

# The day -------------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "merge_behind" {
  count = local.full ? 1 : 0

  alarm_name          = "${var.name}-merge-behind"
  alarm_description   = "The day was merged without raw objects that had no receipt yet: the next run takes them."
  namespace           = "polelake"
  metric_name         = "raw_objects_behind"
  dimensions          = local.merge
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.objects_behind
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

resource "aws_cloudwatch_metric_alarm" "derived_steps_failed" {
  alarm_name          = "${var.name}-derived-steps-failed"
  alarm_description   = "Statistics, the Iceberg table, the event index or the tables of raw and refined objects are behind: the log of snapshot-merge names the step and its remedy."
  namespace           = "polelake"
  metric_name         = "derived_steps_failed"
  dimensions          = local.merge
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

resource "aws_cloudwatch_metric_alarm" "reconciliation_open" {
  alarm_name          = "${var.name}-reconciliation-open"
  alarm_description   = "The day's reconciliation does not balance: landed is not refined + ignored + quarantined."
  namespace           = "polelake"
  metric_name         = "reconciliation_open"
  dimensions          = local.report
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "ignore"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

resource "aws_cloudwatch_metric_alarm" "rules_failed" {
  alarm_name          = "${var.name}-rules-failed"
  alarm_description   = "A blocking rule failed: readers keep the newest day that passed."
  namespace           = "polelake"
  metric_name         = "rules_failed"
  dimensions          = local.report
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  # A verdict is valid until the next one.
  treat_missing_data = "ignore"
  alarm_actions      = local.tell
  ok_actions         = local.tell
}

resource "aws_cloudwatch_metric_alarm" "unusual" {
  count = local.full ? 1 : 0

  alarm_name          = "${var.name}-unusual-metrics"
  alarm_description   = "Metrics of the day are outside their usual range: the day's page names them."
  namespace           = "polelake"
  metric_name         = "unusual_metrics"
  dimensions          = local.report
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "ignore"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

resource "aws_cloudwatch_metric_alarm" "schedules" {
  count = local.full ? 1 : 0

  alarm_name          = "${var.name}-schedules"
  alarm_description   = "EventBridge Scheduler could not start a target."
  namespace           = "AWS/Scheduler"
  metric_name         = "TargetErrorCount"
  dimensions          = { ScheduleGroup = var.schedule_group }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
}

# The brokers -----------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "kafka" {
  for_each = merge(
    { for cluster in compact([var.kafka_cluster]) : "offline" => {
      metric = "OfflinePartitionsCount", over = 0, what = "Partitions are offline.", broker = null
    } },
    # Brokers are numbered from 1.
    { for broker in range(1, 1 + (var.kafka_cluster == null ? 0 : var.kafka_brokers)) : "disk-${broker}" => {
      metric = "KafkaDataLogsDiskUsed", over = 85, what = "A broker's disk is 85 % full.", broker = broker
    } },
    { for broker in range(1, 1 + (var.kafka_cluster == null ? 0 : var.kafka_brokers)) : "under-replicated-${broker}" => {
      metric = "UnderReplicatedPartitions", over = 0, what = "Partitions have too few replicas.", broker = broker
    } },
  )

  alarm_name          = "${var.name}-kafka-${each.key}"
  alarm_description   = each.value.what
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.over
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell
  namespace           = "AWS/Kafka"
  metric_name         = each.value.metric
  dimensions = merge(
    { "Cluster Name" = var.kafka_cluster },
    each.value.broker == null ? {} : { "Broker ID" = tostring(each.value.broker) },
  )
  statistic = "Maximum"
  period    = 300
}

# Cost ------------------------------------------------------------------------------------------------

resource "aws_budgets_budget" "this" {
  count        = var.budget == null ? 0 : 1
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.budget)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # Without a tag it counts the whole account: AWS counts nothing under a tag that is no cost allocation tag.
  dynamic "cost_filter" {
    for_each = var.cost_tag == null ? [] : [var.cost_tag]
    content {
      name   = "TagKeyValue"
      values = ["user:${cost_filter.value}"]
    }
  }

  # At four fifths of the budget, and as soon as the forecast of the month exceeds it.
  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      comparison_operator       = "GREATER_THAN"
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = local.tell
    }
  }
}
