# A schedule that starts a function or a state machine with the scheduled time, so that a retry or a late start works on
# the same day.

resource "aws_scheduler_schedule" "this" {
  name                         = var.name
  description                  = var.description
  group_name                   = var.group
  schedule_expression          = var.expression
  schedule_expression_timezone = "UTC"
  state                        = var.enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.target_arn
    role_arn = aws_iam_role.this.arn
    # Terraform would write < and > as escapes, in which Scheduler does not find its placeholder.
    input = replace(replace(jsonencode(var.input), "\\u003c", "<"), "\\u003e", ">")

    retry_policy {
      maximum_event_age_in_seconds = 21600
      maximum_retry_attempts       = 20
    }

    dead_letter_config {
      arn = var.failures_queue_arn
    }
  }
}

resource "aws_iam_role" "this" {
  name = "${var.name}-schedule"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "${var.name}-schedule"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Start"
          Effect   = "Allow"
          Action   = [var.action]
          Resource = [var.target_arn]
        },
        {
          Sid      = "KeepFailed"
          Effect   = "Allow"
          Action   = ["sqs:SendMessage"]
          Resource = [var.failures_queue_arn]
        },
      ],
      [for statement in [{
        Sid      = "Seal"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key_arn]
      }] : statement if var.kms_key_arn != null],
    )
  })
}
