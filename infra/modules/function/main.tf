# One Lambda function with its role, its log and, with full watching, the three alarms that every function has.

locals {
  full = var.watching == "full"

  # A right on nothing is none: without keys, those on keys name no resource.
  rights = [
    for statement in jsondecode(var.statements) : statement
    if length(statement.Resource) > 0 || statement.Effect != "Allow"
  ]

  # What Lambda itself does with the function's role. X-Ray and network interfaces have no resources that a policy can
  # name.
  own = concat(
    [
      {
        # Whatever else is granted: what it reads goes to no other account, also where that account takes a name of ours.
        # Services that do not say whose the resource is are left alone.
        Sid      = "StayInAccount"
        Effect   = "Deny"
        Action   = ["s3:PutObject", "sns:Publish", "sqs:SendMessage"]
        Resource = ["*"]
        Condition = {
          StringNotEquals = { "aws:ResourceAccount" = var.account }
          Null            = { "aws:ResourceAccount" = "false" }
        }
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      },
    ],
    [for statement in [{
      Sid      = "Trace"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      Resource = ["*"]
    }] : statement if local.full],
    [for statement in [{
      Sid      = "ReadOwnSettings"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = var.kms_key_arns
    }] : statement if length(var.kms_key_arns) > 0],
    [for statement in [
      {
        Sid    = "UseNetwork"
        Effect = "Allow"
        Action = [
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSecurityGroups",
          "ec2:DescribeSubnets",
          "ec2:DescribeVpcs",
        ]
        Resource = ["*"]
      },
    ] : statement if var.vpc != null || var.polls_in_vpc],
    [for statement in [
      {
        Sid      = "KeepFailed"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [var.failures_queue_arn]
      },
    ] : statement if var.asynchronous],
    [for statement in [{
      Sid      = "SealFailed"
      Effect   = "Allow"
      Action   = ["kms:GenerateDataKey"]
      Resource = [var.kms_key_arn]
    }] : statement if var.asynchronous && var.kms_key_arn != null],
  )
}

resource "aws_lambda_function" "this" {
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = var.package
  source_code_hash               = try(filebase64sha256(var.package), null)
  timeout                        = var.timeout
  memory_size                    = var.memory
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.emulated ? null : var.kms_key_arn

  environment {
    # Empty settings are left out.
    variables = { for name, value in var.environment : name => value if value != "" }
  }

  ephemeral_storage {
    size = var.ephemeral_storage
  }

  tracing_config {
    # Passing on traces nothing by itself: neither SQS nor the HTTP API begins a trace.
    # moto keeps the mode with which a function was made.
    mode = local.full || var.emulated ? "Active" : "PassThrough"
  }

  dynamic "logging_config" {
    for_each = var.emulated ? [] : [1]
    content {
      log_format = "JSON"
      # Sets AWS_LAMBDA_LOG_LEVEL. Metrics are log lines: a coarser level would drop them.
      application_log_level = var.log_level
      system_log_level      = "WARN"
      log_group             = aws_cloudwatch_log_group.this.name
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.package)
      error_message = "There is no package ${var.package}. Build it first: see infra/README.md."
    }
    precondition {
      # Lambda refuses a longer timeout behind Kafka, and the functions' own limit is the same.
      condition     = !var.behind_kafka || var.timeout <= 840
      error_message = "${var.name}: a function behind Kafka ends within 840 s (14 min)."
    }
  }

  # Otherwise the first log line would create a log group without retention and without a key.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  count                        = var.asynchronous ? 1 : 0
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600

  destination_config {
    on_failure {
      destination = var.failures_queue_arn
    }
  }

  lifecycle {
    precondition {
      condition     = var.failures_queue_arn != null
      error_message = "${var.name}: a function that is invoked asynchronously needs a queue for failed invocations."
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "this" {
  name = var.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = var.name
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = concat(local.own, local.rights) })
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  count = local.full ? 1 : 0

  alarm_name          = "${var.name}-errors"
  alarm_description   = "An invocation failed. Read the log of ${var.name}."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = var.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  count = local.full ? 1 : 0

  alarm_name          = "${var.name}-throttles"
  alarm_description   = "Invocations wait for concurrency."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = var.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "duration" {
  count = local.full ? 1 : 0

  alarm_name          = "${var.name}-duration"
  alarm_description   = "An invocation took more than 80 % of its ${var.timeout} s."
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  dimensions          = { FunctionName = var.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.timeout * 800
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}
