# A state machine over functions: the day's snapshots, fanned out.

locals {
  arn = "arn:${var.partition}:states:${var.region}:${var.account}:stateMachine:${var.name}"
}

resource "aws_sfn_state_machine" "this" {
  name       = var.name
  role_arn   = aws_iam_role.this.arn
  type       = "STANDARD"
  definition = var.definition

  logging_configuration {
    # Payloads name tables, days and shards, and hold no personal data.
    include_execution_data = true
    level                  = "ERROR"
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }

  tracing_configuration {
    enabled = var.watching == "full"
  }

  encryption_configuration {
    type                              = var.kms_key_arn == null ? "AWS_OWNED_KEY" : "CUSTOMER_MANAGED_KMS_KEY"
    kms_key_id                        = var.kms_key_arn
    kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 900
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_group" "this" {
  # Step Functions may write to log groups with this prefix without a resource policy.
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "this" {
  name = "${var.name}-states"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account }
        ArnLike      = { "aws:SourceArn" = local.arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "${var.name}-states"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Invoke"
          Effect   = "Allow"
          Action   = ["lambda:InvokeFunction"]
          Resource = var.function_arns
        },
        {
          Sid      = "ReadLists"
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = [var.lists]
        },
        {
          # The results of a map's items. Step Functions writes them in parts.
          Sid    = "WriteResults"
          Effect = "Allow"
          Action = [
            "s3:AbortMultipartUpload",
            "s3:GetObject",
            "s3:ListMultipartUploadParts",
            "s3:PutObject",
          ]
          Resource = [var.results]
        },
        {
          # A distributed map runs its items as executions of the same state machine.
          Sid      = "FanOut"
          Effect   = "Allow"
          Action   = ["states:StartExecution"]
          Resource = [local.arn]
        },
        {
          Sid      = "FollowFanOut"
          Effect   = "Allow"
          Action   = ["states:DescribeExecution", "states:StopExecution"]
          Resource = ["${replace(local.arn, ":stateMachine:", ":execution:")}/*"]
        },
        {
          # Log deliveries and traces have no resources that a policy can name.
          Sid    = "Tell"
          Effect = "Allow"
          Action = concat(
            [
              "logs:CreateLogDelivery",
              "logs:DeleteLogDelivery",
              "logs:DescribeLogGroups",
              "logs:DescribeResourcePolicies",
              "logs:GetLogDelivery",
              "logs:ListLogDeliveries",
              "logs:PutResourcePolicy",
              "logs:UpdateLogDelivery",
            ],
            var.watching == "full" ? ["xray:PutTelemetryRecords", "xray:PutTraceSegments"] : [],
          )
          Resource = ["*"]
        },
      ],
      [for statement in [
        {
          Sid       = "OpenLists"
          Effect    = "Allow"
          Action    = ["kms:Decrypt"]
          Resource  = var.lists_key_arns
          Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
        },
      ] : statement if length(var.lists_key_arns) > 0],
      [for statement in [
        {
          Sid       = "SealResults"
          Effect    = "Allow"
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = var.results_key_arns
          Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
        },
      ] : statement if length(var.results_key_arns) > 0],
      [for statement in [
        {
          Sid      = "OpenOwn"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource = [var.kms_key_arn]
        },
      ] : statement if var.kms_key_arn != null],
    )
  })
}

# Three ways in which a day ends without being done: a step failed, the time limit came, or an operator stopped it.
resource "aws_cloudwatch_metric_alarm" "failed" {
  alarm_name          = "${var.name}-failed"
  alarm_description   = "A day's state machine failed: the cause of its execution names what is not done. Start it again for the same day."
  namespace           = "AWS/States"
  dimensions          = { StateMachineArn = local.arn }
  metric_name         = "ExecutionsFailed"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "timed_out" {
  alarm_name          = "${var.name}-timed-out"
  alarm_description   = "A day's state machine reached its time limit: its execution says where the time went. Start it again for the same day."
  namespace           = "AWS/States"
  dimensions          = { StateMachineArn = local.arn }
  metric_name         = "ExecutionsTimedOut"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "aborted" {
  alarm_name          = "${var.name}-aborted"
  alarm_description   = "An operator stopped a day's state machine. Start it again for the same day."
  namespace           = "AWS/States"
  dimensions          = { StateMachineArn = local.arn }
  metric_name         = "ExecutionsAborted"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}
