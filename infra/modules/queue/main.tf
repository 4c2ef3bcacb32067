# A queue with dead letters, and the alarms of both.

locals {
  full   = var.watching == "full"
  suffix = var.fifo ? ".fifo" : ""
  arn    = "${var.arn_prefix}:${var.name}${local.suffix}"

  # A message that failed is hidden, and ages, until its next try: that alone must not ring.
  max_age = coalesce(var.max_age, var.visibility_timeout + 900)
}

resource "aws_sqs_queue" "this" {
  name                       = "${var.name}${local.suffix}"
  fifo_queue                 = var.fifo
  visibility_timeout_seconds = var.visibility_timeout
  max_message_size           = var.max_message_bytes
  message_retention_seconds  = 1209600
  receive_wait_time_seconds  = 20
  kms_master_key_id          = var.kms_key_arn
  # SQS's own encryption where there is no key.
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null

  lifecycle {
    # A resource of its own, below.
    ignore_changes = [redrive_policy]

    precondition {
      # Lambda's documentation advises this: a message must stay hidden while an invocation, or its retry after a
      # throttle, holds it.
      condition     = var.visibility_timeout >= 6 * var.function_timeout
      error_message = "${var.name}: the visibility timeout is at least six times the function's ${var.function_timeout} s."
    }

    precondition {
      condition     = local.max_age > var.visibility_timeout
      error_message = "${var.name}: a message that failed once is ${var.visibility_timeout} s old at its next try: `max_age` is more."
    }
  }
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters${local.suffix}"
  fifo_queue                = var.fifo
  message_retention_seconds = 1209600
  kms_master_key_id         = var.kms_key_arn
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
}

resource "aws_sqs_queue_redrive_policy" "this" {
  queue_url = aws_sqs_queue.this.id

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  # moto does not support it: the provider would wait for it for ever.
  count     = var.emulated ? 0 : 1
  queue_url = aws_sqs_queue.dead_letters.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = local.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for place, sender in var.senders : {
        Sid       = "Sender${place}"
        Effect    = "Allow"
        Principal = { Service = sender.service }
        Action    = "sqs:SendMessage"
        Resource  = local.arn
        Condition = { ArnEquals = { "aws:SourceArn" = sender.arn } }
      }],
    )
  })

  # moto loses the policy when another attribute is set after it.
  depends_on = [aws_sqs_queue_redrive_policy.this]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "The queue gave up messages after ${var.max_receive_count} tries. Find the cause, then redrive."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters_age" {
  count = local.full ? 1 : 0

  alarm_name          = "${var.name}-dead-letters-age"
  alarm_description   = "Dead letters are a week old: after 14 days SQS deletes them."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 604800
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "age" {
  count = local.full || var.age_is_watched ? 1 : 0

  alarm_name          = "${var.name}-age"
  alarm_description   = "The oldest message has waited for more than ${local.max_age} s: the function is too slow, or fails."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.this.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = local.max_age
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}
