# A function's own address, for signed requests alone: no throttle, no access log, no bearer tokens.

resource "aws_lambda_function_url" "this" {
  function_name      = var.function_name
  authorization_type = "AWS_IAM"
  invoke_mode        = "BUFFERED"
}

resource "aws_cloudwatch_metric_alarm" "failing" {
  count = var.watching == "full" ? 1 : 0

  alarm_name          = "${var.name}-5xx"
  alarm_description   = "Callers get 5xx: the events queue, Kafka, or an API from which the relay fetches states, does not answer."
  namespace           = "AWS/Lambda"
  metric_name         = "Url5xxCount"
  dimensions          = { FunctionName = var.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}
